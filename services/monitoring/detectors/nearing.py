"""Means near their limit: the risk of each outlet, factor and averaging is what its newest windows say.

A running mean may raise it, never end it. What is over is `excess.py`'s, what is broken `faults.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from services.monitoring.detectors.exceedance import Now
from services.monitoring.detectors.risk_builder import concerning, ended, fresh
from services.monitoring.domain import wording
from services.monitoring.domain.nearing import GRAVITY, Near, Nearness, Seen, ended_by, nearness, standing
from services.monitoring.domain.verdict import Verdict, shown_value
from services.monitoring.domain.windows import LENGTH_S, end_s, instant
from services.monitoring.handlers.verdicts import Changes
from services.monitoring.store.register import Register, Site
from services.monitoring.store.risks import Page, RiskBook, minted_of, open_risks
from services.monitoring.store.verdicts import OutletKey, decided_since, historical, newest_decided, outlet_key
from shared.domain.identity import derived_id
from shared.domain.quantity import micro
from shared.domain.risk import Cleared, Window

NEARING = "emission.nearing"
PAGE = 24  # windows looked at first; a run is rarely longer
Row = Mapping[str, Any]


class Watching:
    """Keeps nearing risks in step with decided windows and running means."""

    def __init__(self, register: Register, book: RiskBook) -> None:
        self._register = register
        self._book = book

    def take(self, session: Session, changes: Changes, now: Now) -> None:
        """What changed verdicts say; windows seen long after their end open nothing."""
        keys = changes.keys()
        if not keys:
            return
        rows = open_risks(session, NEARING, [key.subject for key in keys])
        concerned = [
            key
            for key, changed in keys.items()
            if key.subject in rows or any(_may_open(before, after, now) for before, after in changed)
        ]
        if concerned:
            self._settle_all(session, {key: (rows.get(key.subject), None) for key in concerned}, now)

    def running(
        self, session: Session, site: Site, window: tuple[str, int], verdicts: Mapping[str, Verdict], now: Now
    ) -> None:
        """What the running window's means so far say; `window`: averaging and start."""
        near = [row for row in _running_rows(site, window, verdicts) if _nearness(row, closed=False).near]
        if not near:
            return
        rows = open_risks(session, NEARING, {outlet_key(row).subject for row in near})
        cases: dict[OutletKey, tuple[Any, Row | None]] = {}
        for row in near:
            before = rows.get(outlet_key(row).subject)
            if before is None or before.last_s <= row["start_s"]:
                cases[outlet_key(row)] = before, row
        self._settle_all(session, cases, now)

    def _settle_all(self, session: Session, cases: Mapping[OutletKey, tuple[Any, Row | None]], now: Now) -> None:
        """Make the risks what the windows say. A case: the open row, and a near mean of the running window."""
        scene = _load(self._register, session, cases, now)
        with self._book.page(session, now.wall) as page:
            for key in sorted(cases, key=lambda key: key.subject):
                self._settle(scene, page, key, *cases[key])

    def _settle(self, scene: _Scene, page: Page, key: OutletKey, before: Any, running: Row | None) -> None:
        closed = scene.closed[key]
        seen = [Seen(row["start_s"], _nearness(row)) for row in closed]
        so_far = _so_far(before, running)
        found = standing(seen, so_far)
        if found is None:
            if before is not None:
                self._end(page, before, seen, scene.now)
            return
        newest = next((row for row in closed if row["start_s"] == found.last), None)
        if newest is None:
            if running is not None and so_far is not None and not _known(before, so_far):
                self._raise(scene, page, key, before, (found, running, so_far.nearness))
        elif before is not None or fresh(newest, scene.now):
            self._raise(scene, page, key, before, (found, newest, None))

    def _raise(
        self, scene: _Scene, page: Page, key: OutletKey, before: Any, what: tuple[Near, Row, Nearness | None]
    ) -> None:
        """`what`: the run, the window that speaks for it, and how near its mean is so far if it is still running."""
        found, row, so_far = what
        limit, closed = Decimal(row["limit"]), so_far is None
        decided = shown_value(row["decided"], limit) or "0"
        why = wording.nearing(
            row["factor"], row["averaging"], decided=decided, limit=row["limit"], unit=row["unit"], closed=closed
        )
        risk = replace(
            concerning(
                scene.sites.get(row["mn"]), row, kind=NEARING, why=why, now=scene.now,
                risk_id=derived_id("rsk", NEARING, key.subject, str(scene.minted.get(key.subject, 0))),
                condition=found.condition.value,
            ),
            window=Window(instant(row["start_s"]), instant(end_s(row["start_s"], row["averaging"])), row["averaging"], 1),
            measured=shown_value(row["measured"], limit),
            decided=decided,
            limit=row["limit"],
            unit=row["unit"],
            basis={"permit": row["permit"], "limit_from": "permit", "value_kind": row["value_kind"],
                   "reference_o2_pct": row["reference_o2_pct"]},
            facts={"closed": closed, "so_far": so_far.value if so_far else None},
        )  # fmt: skip
        span = (found.first, found.first, found.last)
        page.tell(before, risk, subject=key.subject, span=span)

    def _end(self, page: Page, before: Any, seen: Sequence[Seen], now: Now) -> None:
        reason = ended_by(seen, before.last_s)
        risk = ended(before, reason, now, why=wording.no_longer_near() if reason is Cleared.TAKEN_BACK else None)
        span = (before.first_window_s, before.start_s, before.last_s)
        page.tell(before, risk, subject=before.subject, span=span)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What stands around the outlets in question: decided windows, newest first, by the worst of the points; who they
    are; how many risks each ever had."""

    closed: Mapping[OutletKey, Sequence[Row]]
    sites: Mapping[str, Site]
    minted: Mapping[str, int]
    now: Now


def _load(register: Register, session: Session, cases: Mapping[OutletKey, tuple[Any, Row | None]], now: Now) -> _Scene:
    closed: dict[OutletKey, list[Row]] = {}
    for averaging in {key.averaging for key in cases}:
        keys = [key for key in cases if key.averaging == averaging]
        since = now.s - PAGE * LENGTH_S[averaging]
        rows = decided_since(session, keys, since)
        for key in keys:
            before = cases[key][0]
            found = _worst(row for row in rows.get(key, ()) if not historical(row))
            if not _enough(found, since, before.last_s if before is not None else None):
                found = _closed(session, key, before.last_s if before is not None else None)
            closed[key] = found
    fresh_ones = [key.subject for key, (before, _) in cases.items() if before is None]
    mns = {row["mn"] for rows in closed.values() for row in rows} | {row["mn"] for _, row in cases.values() if row}
    return _Scene(closed, register.sites(session, mns), minted_of(session, NEARING, fresh_ones), now)


def _enough(found: Sequence[Row], since: int, back_to: int | None) -> bool:
    """Whether the run that stands certainly begins, and what stood before lies, within these windows."""
    return any(not _nearness(row).near for row in found) and (back_to is None or since <= back_to)


def _may_open(before: Row | None, after: Row, now: Now) -> bool:
    """A near window of now, or one decided anew: what it hid may come to light."""
    if before is not None:
        return True
    return after["decided"] is not None and fresh(after, now) and _nearness(after).near


def _nearness(row: Row, *, closed: bool = True) -> Nearness:
    return nearness(row["decided"], micro(Decimal(row["limit"])), closed=closed)


def _so_far(before: Any, running: Row | None) -> Seen | None:
    """The running window as it is, or as the open row knew it; within one window it never goes back to 80 %."""
    told = before.document["facts"].get("so_far") if before is not None else None
    known = Seen(before.last_s, Nearness(told)) if told else None
    if running is None:
        return known
    seen = Seen(running["start_s"], _nearness(running, closed=False))
    if known is not None and known.start == seen.start:
        return max(known, seen, key=lambda one: GRAVITY[one.nearness])
    return seen


def _known(before: Any, so_far: Seen) -> bool:
    """The same window at the same step: not worth a word."""
    if before is None:
        return False
    return bool(before.last_s == so_far.start and before.document["facts"].get("so_far") == so_far.nearness.value)


def _closed(session: Session, key: OutletKey, back_to: int | None) -> list[Row]:
    """The outlet's decided windows, newest first, by the worst of its points: as far back as the run that stands goes."""
    size = PAGE
    while True:
        rows = newest_decided(session, key, size)
        whole = len(rows) < size
        oldest = rows[-1]["start_s"] if rows else 0
        found = _worst(row for row in rows if (whole or row["start_s"] > oldest) and not historical(row))
        ends = any(not _nearness(row).near for row in found)
        if whole or (ends and (back_to is None or oldest < back_to)):
            return found
        size *= 4


def _worst(rows: Any) -> list[Row]:
    worst: dict[int, Row] = {}
    for row in rows:
        other = worst.get(row["start_s"])
        if other is None or _share(row) > _share(other):
            worst[row["start_s"]] = row
    return [worst[start] for start in sorted(worst, reverse=True)]


def _share(row: Row) -> tuple[int, int, str]:
    """Worse is greater: how near first, then the value, then the point's name."""
    return GRAVITY[_nearness(row)], row["decided"], row["mn"]


def _running_rows(site: Site, window: tuple[str, int], verdicts: Mapping[str, Verdict]) -> list[dict[str, Any]]:
    """The means so far, as verdict rows would have them."""
    averaging, start = window
    governed = site.governed(start)
    if governed is None:
        return []
    rows = []
    for factor, verdict in verdicts.items():
        bound = governed.bounds[factor, averaging]
        rows.append({
            "mn": site.point.mn, "averaging": averaging, "start_s": start, "factor": factor,
            "permit": governed.permit, "outlet": governed.outlet, "credit_code": governed.credit_code,
            "decided": verdict.decided, "measured": verdict.measured, "limit": str(bound.limit), "unit": bound.unit,
            "value_kind": verdict.value_kind.value if verdict.value_kind else None,
            "reference_o2_pct": None if bound.reference_o2_pct is None else str(bound.reference_o2_pct),
        })  # fmt: skip
    return rows
