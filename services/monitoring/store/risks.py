"""Risk rows: each risk's last published state with its revision. A risk that equals its row is not published again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from services.monitoring.domain.risk_row import RiskExtent, RiskRow, RiskSpan
from services.monitoring.domain.windows import SpanOfWindows, instant, seconds
from services.monitoring.store.tables import RISK
from shared.domain.clock import parse_rfc3339
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED, RISKS, Event
from shared.domain.json import JsonObject
from shared.domain.risk import Cleared, Risk, RiskState
from shared.eventlog.codec import decode_object, encode
from shared.eventlog.outbox import Outbox
from shared.runtime.metrics import Metrics
from shared.sql import Lookup, SqlRow, write_many

SOURCE = "/monitoring"
_NOT_STATE = ("revision", "changed_at", "why")
_NAMES = tuple(column.name for column in RISK.columns)
_CHANGED = ", ".join(f"{name} = excluded.{name}" for name in _NAMES if name != "id")
_WRITE = f"INSERT INTO risk ({', '.join(_NAMES)}) {{}} ON CONFLICT (id) DO UPDATE SET {_CHANGED}"
_SQLITE = _WRITE.format(f"VALUES ({','.join('?' * len(_NAMES))})")
_NUMBERS = ("revision", "first_window_s", "start_s", "last_s", "opened_at_s")
_ARRAYS = ", ".join(f"%s::{'bigint' if name in _NUMBERS else 'text'}[]" for name in _NAMES)
_CAST = ", ".join("document::json" if name == "document" else name for name in _NAMES)
_POSTGRES = _WRITE.format(f"SELECT {_CAST} FROM unnest({_ARRAYS}) AS r({', '.join(_NAMES)})")
_READ = ("id", "subject", "kind", "condition", "state", "revision", "mn", "first_window_s", "start_s", "last_s",
         "opened_at_s", "cleared")  # fmt: skip
_ROW = ", ".join((*(f"risk.{name}" for name in _READ), "CAST(risk.document AS text) AS document"))
_SUBJECT = {"subject": "text", "kind": "text"}
# kind and state are no plain columns where a subject is looked up: of a table that nobody analysed yet the planner takes them for
# more selective than the subject, and reads every open risk for each key
_OF_SUBJECT = "risk.subject = k.subject AND risk.kind || '' = k.kind"
_OPEN = Lookup(_SUBJECT, _ROW, "risk", f"{_OF_SUBJECT} AND risk.state || '' = 'open'")
_BETWEEN = Lookup(
    {**_SUBJECT, "low_s": "bigint", "high_s": "bigint"},
    _ROW,
    "risk",
    f"{_OF_SUBJECT} AND risk.last_s >= k.low_s AND risk.start_s <= k.high_s",
    order="ORDER BY opened_at_s, first_window_s, id",
)
_EXTENTS = Lookup(
    {**_SUBJECT, "since_s": "bigint"},
    """risk.subject, risk.start_s, risk.last_s, risk.state = 'open' AS is_open,
      CASE WHEN risk.state = 'cleared' AND risk.cleared = 'compliant' THEN CAST(risk.document AS text) END AS ended""",
    "risk",
    f"{_OF_SUBJECT} AND (risk.last_s >= k.since_s OR risk.state = 'open')",
)
_ISSUED = Lookup(
    _SUBJECT, f"k.subject, (SELECT count(*) FROM risk WHERE {_OF_SUBJECT}) AS issued", "(SELECT 1) AS one", "true"
)
_OPEN_OF_KIND = Lookup({"kind": "text"}, _ROW, "risk", "risk.kind = k.kind AND risk.state = 'open'")
_OPEN_OF_POINTS = Lookup({"kind": "text"}, _ROW, "risk", "risk.kind = k.kind AND risk.state = 'open'", among="risk.mn")


class RiskRepository:
    """Saves risks and publishes what changed of them."""

    def __init__(self, outbox: Outbox, metrics: Metrics) -> None:
        self._outbox = outbox
        self._published = metrics.risks_published

    @contextmanager
    def batch(self, session: Session, wall_now: datetime) -> Iterator[RiskBatch]:
        """A batch to collect many risks; at its end all of it is written and published at once."""
        batch = RiskBatch()
        yield batch
        write_many(session, _SQLITE, _POSTGRES, batch.rows)
        keyed = [(str(event.data["credit_code"] or event.data["region"]), event) for event in batch.events]
        self._outbox.publish_all(session, RISKS, keyed, wall_now=wall_now)
        for event in batch.events:
            self._published.labels(event.data["kind"], event.type.split(".")[2]).inc()


class RiskBatch:
    """Rows and events of one transaction; no risk is in it twice."""

    def __init__(self) -> None:
        self.rows: list[tuple[object, ...]] = []
        self.events: list[Event] = []

    def put(self, before: RiskRow | None, risk: Risk, *, subject: str, span: RiskSpan) -> None:
        """Add `risk` unless its open row `before` is the same already; it keeps that row's id and time of opening."""
        risk = replace(risk, opened_at=instant(seconds(risk.opened_at)))  # as the row stores it: whole seconds
        if before is not None:
            risk = replace(risk, id=before.id, revision=before.revision + 1, opened_at=instant(before.opened_at_s))
        document: JsonObject = risk.document()
        unchanged = before is not None and _state(document) == _state(before.document)
        revision = risk.revision
        if before is not None and unchanged:  # at most its windows moved
            if before.span == span:
                return
            document, revision = before.document, before.revision
        self.rows.append(_columns(risk, document, revision, subject, span))
        if not unchanged:
            self.events.append(Event(_type(risk), SOURCE, risk.id, risk.revision, risk.changed_at, dict(document)))


def _state(document: JsonObject) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in _NOT_STATE}


def _type(risk: Risk) -> str:
    if risk.revision == 1:
        return RISK_OPENED
    return RISK_CHANGED if risk.state is RiskState.OPEN else RISK_CLEARED


def _columns(risk: Risk, document: JsonObject, revision: int, subject: str, span: RiskSpan) -> tuple[object, ...]:
    """In the order of `_NAMES`."""
    columns = {
        "id": risk.id,
        "subject": subject,
        "kind": risk.kind,
        "condition": risk.condition,
        "state": risk.state.value,
        "revision": revision,
        "credit_code": risk.credit_code,
        "region": risk.region,
        "outlet": risk.outlet,
        "factor": risk.factor,
        "mn": risk.mn,
        "first_window_s": span.first_window_s,
        "start_s": span.start_s,
        "last_s": span.last_s,
        "opened_at_s": seconds(risk.opened_at),
        "cleared": risk.cleared.value if risk.cleared else None,
        "document": encode(document).decode(),
    }
    return tuple(columns[name] for name in _NAMES)


def _read(row: SqlRow) -> RiskRow:
    return RiskRow(
        id=row.id,
        subject=row.subject,
        kind=row.kind,
        condition=row.condition,
        state=RiskState(row.state),
        revision=row.revision,
        mn=row.mn,
        first_window_s=row.first_window_s,
        start_s=row.start_s,
        last_s=row.last_s,
        opened_at_s=row.opened_at_s,
        cleared=Cleared(row.cleared) if row.cleared else None,
        document=decode_object(row.document.encode()),
    )


def risks_between(session: Session, kind: str, spans: Mapping[str, SpanOfWindows]) -> dict[str, list[RiskRow]]:
    """Of each subject the rows that touch its span, in order of creation."""
    keys = [(subject, kind, span.low_s, span.high_s) for subject, span in spans.items()]
    found: dict[str, list[RiskRow]] = {}
    for row in map(_read, _BETWEEN.rows(session, keys)):
        found.setdefault(row.subject, []).append(row)
    return found


def open_risks(session: Session, kind: str, subjects: Collection[str] | None = None) -> dict[str, RiskRow]:
    """The open row of each subject, of all or of these."""
    if subjects is None:
        return {row.subject: row for row in map(_read, _OPEN_OF_KIND.rows(session, [(kind,)]))}
    rows = _OPEN.rows(session, [(subject, kind) for subject in set(subjects)])
    return {row.subject: row for row in map(_read, rows)}


def open_risks_of_points(session: Session, kind: str, mns: Collection[str]) -> list[RiskRow]:
    """Open rows that name one of these points."""
    return [_read(row) for row in _OPEN_OF_POINTS.rows(session, [(kind,)], set(mns))] if mns else []


def extents(session: Session, kind: str, since_s: Mapping[str, int]) -> dict[str, list[RiskExtent]]:
    """Of each subject where its risks reach that end at its `since_s` or later, or are open."""
    found: dict[str, list[RiskExtent]] = {}
    rows = _EXTENTS.rows(session, [(subject, kind, since) for subject, since in since_s.items()])
    for subject, start, last, is_open, ended in rows:
        compliant_at_s = _cleared_at_s(ended) if ended is not None else None
        found.setdefault(subject, []).append(RiskExtent(start, last, bool(is_open), compliant_at_s))
    return found


def _cleared_at_s(document: str) -> int | None:
    at = decode_object(document.encode()).get("cleared_at")
    return seconds(parse_rfc3339(at, "cleared_at")) if isinstance(at, str) else None


def issued_counts(session: Session, kind: str, subjects: Collection[str]) -> dict[str, int]:
    """How many risks each subject ever had: makes the next one's id its own. A subject without any is not in it."""
    rows = _ISSUED.rows(session, [(subject, kind) for subject in set(subjects)])
    return {subject: issued for subject, issued in rows if issued}
