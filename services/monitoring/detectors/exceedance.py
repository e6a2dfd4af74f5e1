"""From decided windows to risks of excess: load what stands around a change, compute the runs, tell what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from services.monitoring.domain import wording
from services.monitoring.domain.episode import Wanted, assign, followed
from services.monitoring.domain.exceedance import (
    DAYS_OVER_WITHIN_S,
    STARTS_WITHIN_S,
    UNKNOWN_AFTER,
    Condition,
    Decided,
    Run,
    condition,
    runs,
    worst_of_each_window,
)
from services.monitoring.domain.verdict import GRACE_S, Status, multiple, shown_multiple, shown_value
from services.monitoring.domain.windows import LENGTH_S, end_s, instant
from services.monitoring.handlers.verdicts import Changes
from services.monitoring.store.due import UNKNOWN, DueKey, put_due
from services.monitoring.store.register import Governed, Register, Site
from services.monitoring.store.risks import Page, RiskBook, known, minted_of, risks_of, spans_of
from services.monitoring.store.verdicts import OutletKey, bounds_of, decided, decisions_between
from shared.domain.clock import rfc3339
from shared.domain.identity import derived_id
from shared.domain.risk import Risk, RiskState, Window

KIND = "emission.exceeded"
REACH_S = {"hour": STARTS_WITHIN_S, "day": DAYS_OVER_WITHIN_S}
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Now:
    """Both clocks as one transaction sees them."""

    field: datetime
    wall: datetime

    @property
    def s(self) -> int:
        return int(self.field.timestamp())


class Excesses:
    """Keeps the risks of excess in step with the decided windows."""

    def __init__(self, register: Register, book: RiskBook) -> None:
        self._register = register
        self._book = book

    def take(self, session: Session, changes: Changes, now: Now) -> None:
        """The risks of every outlet, factor and averaging in which a change may matter."""
        keys = changes.keys()
        if not keys:
            return
        low = min(after["start_s"] for _, after in changes.rows)
        widest = max(_quiet_s(key) for key in keys)
        spans = spans_of(session, KIND, [key.subject for key in keys], low - widest)
        concerned: dict[OutletKey, tuple[int, int]] = {}
        for key in sorted(keys, key=lambda key: key.subject):
            starts = [after["start_s"] for _, after in keys[key]]
            low, high = min(starts), max(starts)
            around = spans.get(key.subject, ())
            over = any(_over(before) or _over(after) for before, after in keys[key])
            lasting = [last for _, last, is_open in around if is_open and last < low]
            if over or lasting or _touched(around, low, high, _quiet_s(key)):
                concerned[key] = min([low, *lasting]), high
        if concerned:
            self.refresh(session, concerned, now)

    def refresh(
        self, session: Session, changed: Mapping[OutletKey, tuple[int, int]], now: Now, *, elapsed: bool = False
    ) -> None:
        """Compute the risks around changed windows (first, last) anew. `elapsed`: time itself counts as windows without
        verdict."""
        minted = minted_of(session, KIND, [key.subject for key in changed])
        due: dict[DueKey, int] = {}
        with self._book.page(session, now.wall) as page:
            for key, span in changed.items():
                scene = _load(session, key, span, now.s if elapsed else None)
                self._key(session, page, due, key, (scene, minted.get(key.subject, 0)), now)
        put_due(session, due)

    def _key(
        self, session: Session, page: Page, due: dict[DueKey, int], key: OutletKey, around: tuple[_Scene, int], now: Now
    ) -> None:
        """One outlet, factor and averaging; `around`: its runs, and how many risks it ever had."""
        scene, count = around
        rows = {row.id: row for row in risks_of(session, KIND, key.subject, scene.low, scene.high)}
        ids: dict[int, str] = {}
        for wanted in sorted(assign(scene.runs, [known(row) for row in rows.values()]), key=_in_order):
            row = rows.get(wanted.id or "")
            if wanted.run is None:
                _ended(page, key, row, wanted, now)
                continue
            if not scene.concerns(wanted.run, key):
                if wanted.id:
                    ids[wanted.run.start] = wanted.id
                continue
            if wanted.id is None:
                risk_id = derived_id("rsk", KIND, key.subject, str(wanted.first_window), str(count))
                count += 1
            else:
                risk_id = wanted.id
            ids[wanted.run.start] = risk_id
            risk = self._living(session, page, key, scene, (risk_id, row, wanted), ids, now)
            if risk.state is RiskState.OPEN:
                at = end_s(wanted.run.last, key.averaging) + UNKNOWN_AFTER * LENGTH_S[key.averaging] + GRACE_S
                due[_due_key(wanted.run)] = max(at, now.s + 60)

    def _living(
        self, session: Session, page: Page, key: OutletKey, scene: _Scene, what: tuple[str, Any, Wanted],
        ids: Mapping[int, str], now: Now,
    ) -> Risk:  # fmt: skip
        risk_id, row, wanted = what
        run = wanted.run
        assert run is not None and wanted.first_window is not None
        before = followed(run, scene.runs)
        previous = row.document["previous"] if row is not None else ids.get(before.start) if before else None
        site = self._register.sites(session, [run.worst.mn]).get(run.worst.mn)
        risk = _risk(risk_id, key, scene, wanted, site, now, previous)
        if row is not None and wanted.cleared is not None and wanted.cleared_at_s is None:
            risk = _cleared_as_before(risk, row)
        page.tell(row, risk, subject=key.subject, span=(wanted.first_window, run.start, run.last))
        return risk


@dataclass(frozen=True, slots=True)
class _Scene:
    """The runs around a change, complete at both ends, and the verdict rows they are made of."""

    low: int
    high: int
    changed: tuple[int, int]
    runs: Sequence[Run]
    rows: Mapping[tuple[int, str], Row]

    def concerns(self, run: Run, key: OutletKey) -> bool:
        """Whether the change may have touched this run: its windows, its end, or its count of starts."""
        quiet, reach = _quiet_s(key), REACH_S[key.averaging]
        return run.last >= self.changed[0] - quiet and run.start <= self.changed[1] + reach


def _load(session: Session, key: OutletKey, changed: tuple[int, int], now_s: int | None) -> _Scene:
    """Widen until the runs that matter are whole and so is what their levels count back to."""
    step = REACH_S[key.averaging] + 2 * _quiet_s(key)
    low, high = changed[0] - step, changed[1] + step
    ends: list[tuple[int, int]] = []  # asked for only where the runs do not show by themselves that they are whole

    def beyond(at: int, side: int) -> bool:
        if not ends:
            ends.append(bounds_of(session, key))
        return at <= ends[0][0] if side == 0 else at >= ends[0][1]

    while True:
        rows = decisions_between(session, key, low, high)
        windows = worst_of_each_window(map(decided, rows))
        found = runs(windows, key.averaging, now_s)
        concerned = [run.start for run in found if run.last >= changed[0] - _quiet_s(key)]
        need = min([*concerned, changed[0]]) - REACH_S[key.averaging]
        left = (low <= need and _whole_left(windows, low, key)) or beyond(low, 0)
        right = _whole_right(windows, high, key) or beyond(high, 1)
        if left and right:
            return _Scene(low, high, changed, found, {(row["start_s"], row["mn"]): row for row in rows})
        low, high, step = (low if left else low - step), (high if right else high + step), step * 2


def _whole_left(windows: Sequence[Decided], low: int, key: OutletKey) -> bool:
    """Whether the first excess in sight certainly begins a run."""
    for window in windows:
        if window.status is Status.COMPLIANT:
            return True
        if window.status is Status.OVER:
            return window.start - low > _quiet_s(key)
    return True


def _whole_right(windows: Sequence[Decided], high: int, key: OutletKey) -> bool:
    for window in reversed(windows):
        if window.status is Status.COMPLIANT:
            return True
        if window.status is Status.OVER:
            return high - window.start > _quiet_s(key)
    return True


def _quiet_s(key: OutletKey) -> int:
    """The longest distance of two windows that may still be of one run."""
    return (UNKNOWN_AFTER + 1) * LENGTH_S[key.averaging]


def _ended(page: Page, key: OutletKey, row: Any, wanted: Wanted, now: Now) -> None:
    """Merged into another, or taken back."""
    assert wanted.cleared is not None
    before = Risk.read(row.document)
    risk = replace(before, state=wanted.state, cleared=wanted.cleared, cleared_at=now.field, changed_at=now.field,
                   merged_into=wanted.merged_into, why=wording.cleared(wanted.cleared))  # fmt: skip
    page.tell(row, risk, subject=key.subject, span=(row.first_window_s, row.start_s, row.last_s))


def _over(row: Row | None) -> bool:
    return row is not None and row["status"] == Status.OVER.value


def _touched(spans: Sequence[tuple[int, int, bool]], low: int, high: int, quiet_s: int) -> bool:
    return any(start - quiet_s <= high and low <= last + quiet_s for start, last, _ in spans)


def _in_order(wanted: Wanted) -> tuple[int, int]:
    """Living ones first, in order of time, so that a follow-up knows what it follows."""
    return (0, wanted.run.start) if wanted.run else (1, 0)


def _due_key(run: Run) -> DueKey:
    return run.worst.mn, f"{UNKNOWN}-{run.averaging}", run.last


def _risk(
    risk_id: str, key: OutletKey, scene: _Scene, wanted: Wanted, site: Site | None, now: Now, previous: str | None
) -> Risk:
    run = wanted.run
    assert run is not None
    row = scene.rows[run.worst.start, run.worst.mn]
    governed = site.governed(run.worst.start) if site else None
    enterprise = site.enterprise if site else None
    limit = Decimal(row["limit"])
    graded = condition(run, scene.runs)
    decided_text, multiple_text = shown_value(row["decided"], limit), shown_multiple(multiple(row["decided"], limit))
    return Risk(
        id=risk_id,
        revision=1,
        kind=KIND,
        condition=graded.value,
        state=wanted.state,
        credit_code=row["credit_code"],
        enterprise_name=enterprise.name if enterprise else None,
        region=enterprise.region if enterprise else "000000",
        industry=enterprise.industry if enterprise else None,
        group=enterprise.group if enterprise else None,
        opened_at=now.field,
        changed_at=now.field,
        why=_why(key, wanted, graded, row, decided_text or "", multiple_text),
        outlet=key.outlet,
        outlet_name=governed.outlet_name if governed else None,
        factor=key.factor,
        mn=row["mn"],
        permit=key.permit,
        window=Window(instant(run.start), instant(run.end_s), key.averaging, len(run.windows)),
        measured=shown_value(row["measured"], limit),
        decided=decided_text,
        limit=row["limit"],
        unit=row["unit"],
        multiple=multiple_text,
        basis=_basis(key, row, governed),
        cleared=wanted.cleared,
        cleared_at=instant(wanted.cleared_at_s) if wanted.cleared_at_s is not None else None,
        previous=previous,
        historical=run.historical,
        facts={"worst_from": rfc3339(instant(run.worst.start))},
    )


def _basis(key: OutletKey, row: Row, governed: Governed | None) -> dict[str, str | None]:
    return {
        "permit": key.permit,
        "limit_from": "permit",
        "value_kind": row["value_kind"],
        "reference_o2_pct": row["reference_o2_pct"],
        "standard": governed.basis.get((key.factor, key.averaging)) if governed else None,
    }


def _why(
    key: OutletKey, wanted: Wanted, graded: Condition, row: Row, decided_text: str, multiple_text: str
) -> dict[str, str]:
    assert wanted.run is not None
    if wanted.cleared:
        return wording.cleared(wanted.cleared)
    return wording.exceeded(
        key.factor, key.averaging, decided=decided_text, limit=row["limit"], unit=row["unit"],
        multiple=multiple_text, condition=graded, windows=len(wanted.run.windows),
    )  # fmt: skip


def _cleared_as_before(risk: Risk, row: Any) -> Risk:
    return replace(risk, cleared_at=Risk.read(row.document).cleared_at)
