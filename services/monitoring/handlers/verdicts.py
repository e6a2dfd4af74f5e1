"""Windows of points are decided from the truth rows: load, decide, save; what changed goes on to the episodes.

A first decision has no age limit; a re-decision reaches 35 days back. What is still missing waits on the due list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session

from services.monitoring.domain.nearing import HOURS_OF_A_RUNNING_DAY
from services.monitoring.domain.reading import NORMAL
from services.monitoring.domain.validity import MINUTES_OF_AN_HOUR, MINUTES_TO_SPEAK, Mean, own_hour
from services.monitoring.domain.verdict import (
    GRACE_S,
    Bound,
    NoVerdict,
    OwnMeans,
    Status,
    Value,
    Verdict,
    decide,
    own_day,
)
from services.monitoring.domain.windows import DAY_S, HOUR_S, day_start_s, end_s, shanghai_date
from services.monitoring.store.due import DAY, HOUR, RUNNING_DAY, DueKey, mark_due
from services.monitoring.store.register import Governed, Register, Site
from services.monitoring.store.values import Key, samples_of_hour, values_of
from services.monitoring.store.verdicts import OutletKey, decisions_of, outlet_key, write_decisions
from shared.domain.pollutant import OXYGEN

REDECIDE_S = 35 * DAY_S
RETRY_S = 60  # a missing part of an old packet may take this long
Row = Mapping[str, Any]


@dataclass(slots=True)
class Changes:
    """What deciding changed: rows before and after, and days on which a permit was seen to discharge."""

    rows: list[tuple[Row | None, Row]] = field(default_factory=list)
    discharges: set[tuple[str, str, str]] = field(default_factory=set)  # permit, day, credit code
    waiting: dict[DueKey, int] = field(default_factory=dict)
    _keys: dict[OutletKey, list[tuple[Row | None, Row]]] | None = None

    def keys(self) -> dict[OutletKey, list[tuple[Row | None, Row]]]:
        """The changes by outlet, factor and averaging; a window that moved to another permit counts in both."""
        if self._keys is None:
            self._keys = {}
            for before, after in self.rows:
                key = outlet_key(after)
                self._keys.setdefault(key, []).append((before, after))
                if before is not None and outlet_key(before) != key:
                    self._keys.setdefault(outlet_key(before), []).append((before, after))
        return self._keys


class Decider:
    """Decides windows; `register` tells what governs them."""

    def __init__(self, register: Register) -> None:
        self.register = register

    def decide(self, session: Session, windows: Collection[Key], now_s: int, *, settle: bool) -> Changes:
        """Decide these windows (MN, averaging, start). `settle`: windows whose grace has passed decide by own means."""
        changes = Changes()
        if not windows:
            return changes
        sites = self.register.sites(session, {mn for mn, _, _ in windows})
        values, before = values_of(session, windows), decisions_of(session, windows)
        for window in sorted(windows):
            mn, averaging, start = window
            governed = sites[mn].governed(start) if mn in sites else None
            if governed is None:
                continue
            case = _Case(session, window, governed, values.get(window, {}), now_s)
            case.settle = settle and now_s >= end_s(start, averaging) + GRACE_S
            self._window(case, before.get(window, {}), changes)
        write_decisions(session, [after for _, after in changes.rows])
        mark_due(session, changes.waiting)
        return changes

    def _window(self, case: _Case, before: Mapping[str, Row], changes: Changes) -> None:
        mn, averaging, start = case.window
        bounds = dict(case.governed.of(averaging))
        for factor, bound in bounds.items():
            verdict = case.verdict(factor, bound)
            old = before.get(factor)
            if averaging == "hour" and (verdict.measured or verdict.decided or 0) > 0:
                case.discharges(changes)
            if verdict.waiting:
                changes.waiting[mn, averaging, start] = max(end_s(start, averaging) + GRACE_S, case.now_s + RETRY_S)
                if old is None:
                    continue
            self._change(case, factor, bound, verdict, old, changes)
        for factor, old in before.items():
            if factor not in bounds and old["status"] != Status.NONE.value:
                _taken(old, {**old, "status": Status.NONE.value, "reason": NoVerdict.NO_LIMIT.value}, case, changes)
        if averaging == "hour":
            _discharge(case, changes)
            if any(by == "day" for _, by in case.governed.bounds):
                day = day_start_s(start)
                changes.waiting[mn, DAY, day] = max(day + DAY_S + GRACE_S + RETRY_S, case.now_s)
                if case.now_s < day + DAY_S:
                    changes.waiting[mn, RUNNING_DAY, day] = case.now_s + RETRY_S

    def _change(
        self, case: _Case, factor: str, bound: Bound, verdict: Verdict, old: Row | None, changes: Changes
    ) -> None:
        row = case.row(factor, bound, verdict, old)
        if old is None or any(old[name] != row[name] for name in row if name != "decided_at_s"):
            _taken(old, row, case, changes)

    def running(self, session: Session, site: Site, window: tuple[str, int], now_s: int) -> dict[str, Verdict]:
        """The running window's own means so far against its limits, by factor; only those that speak already."""
        averaging, start = window
        governed = site.governed(start)
        if governed is None:
            return {}
        case = _Case(session, (site.point.mn, averaging, start), governed, {}, now_s)
        verdicts = {factor: case.so_far(factor, bound) for factor, bound in governed.of(averaging)}
        return {factor: verdict for factor, verdict in verdicts.items() if verdict.decided is not None}


@dataclass(slots=True)
class _Case:
    """One window of a point, with what deciding it may have to load."""

    session: Session
    window: Key
    governed: Governed
    values: Mapping[str, Value]
    now_s: int
    settle: bool = False
    _hours: dict[int, tuple[Mapping[str, Any], Mapping[str, Any]]] = field(default_factory=dict)
    _day: dict[Key, dict[str, Value]] | None = None

    def verdict(self, factor: str, bound: Bound) -> Verdict:
        _, averaging, start = self.window
        reported, oxygen = self.values.get(factor), self.values.get(OXYGEN)
        first = decide(bound, reported, oxygen, None)
        if not (first.waiting and self.settle):
            return first
        if averaging == "day":
            if first.measured is None:
                return own_day(bound, self._hour_verdicts(factor, bound))
            return decide(bound, reported, oxygen, OwnMeans())
        return decide(bound, reported, oxygen, self.own_hour(start, factor, MINUTES_OF_AN_HOUR))

    def so_far(self, factor: str, bound: Bound) -> Verdict:
        """What the running window's mean so far says: ten minutes of an hour, six deciding hours of a day."""
        _, averaging, start = self.window
        if averaging == "hour":
            return decide(bound, None, None, self.own_hour(start, factor, MINUTES_TO_SPEAK))
        hours = min(24, max(0, self.now_s - start) // HOUR_S)
        return own_day(bound, self._hour_verdicts(factor, bound, hours), HOURS_OF_A_RUNNING_DAY)

    def own_hour(self, hour_s: int, factor: str, least: int) -> OwnMeans:
        """Own means of one hour, those with enough minutes behind them."""
        if hour_s not in self._hours:
            mn = self.window[0]
            self._hours[hour_s] = (
                samples_of_hour(self.session, mn, hour_s, "minute"),
                samples_of_hour(self.session, mn, hour_s, "instant"),
            )
        minutes, instants = self._hours[hour_s]

        def enough(code: str) -> Mean | None:
            mean = own_hour(minutes.get(code, ()), instants.get(code, ()))
            return mean if mean and mean.count >= least else None

        return OwnMeans(enough(factor), enough(OXYGEN))

    def _hour_verdicts(self, factor: str, bound: Bound, hours: int = 24) -> list[Verdict]:
        """What each of the day's first `hours` hours says against the day's limit."""
        mn, _, day = self.window
        if self._day is None:
            self._day = values_of(self.session, [(mn, HOUR, day + n * HOUR_S) for n in range(24)])
        found = []
        for n in range(hours):
            hour = day + n * HOUR_S
            values = self._day.get((mn, HOUR, hour), {})
            verdict = decide(bound, values.get(factor), values.get(OXYGEN), None)
            if verdict.waiting:
                own = self.own_hour(hour, factor, MINUTES_OF_AN_HOUR)
                verdict = decide(bound, values.get(factor), values.get(OXYGEN), own)
            found.append(verdict)
        return found

    def row(self, factor: str, bound: Bound, verdict: Verdict, old: Row | None) -> dict[str, Any]:
        mn, averaging, start = self.window
        seen = old["first_seen_s"] if old is not None and old["status"] != Status.NONE.value else self._seen(factor)
        return {
            "mn": mn,
            "averaging": averaging,
            "start_s": start,
            "factor": factor,
            "permit": self.governed.permit,
            "outlet": self.governed.outlet,
            "credit_code": self.governed.credit_code,
            "status": verdict.status.value,
            "reason": verdict.reason.value if verdict.reason else None,
            "value_kind": verdict.value_kind.value if verdict.value_kind else None,
            "decided": verdict.decided,
            "measured": verdict.measured,
            "limit": str(bound.limit),
            "unit": bound.unit,
            "reference_o2_pct": None if bound.reference_o2_pct is None else str(bound.reference_o2_pct),
            "mark": verdict.mark,
            "first_seen_s": seen,
            "decided_at_s": self.now_s,
        }

    def discharges(self, changes: Changes) -> None:
        day = shanghai_date(self.window[2]).isoformat()
        changes.discharges.add((self.governed.permit, day, self.governed.credit_code))

    def _seen(self, factor: str) -> int:
        """When the window was first seen: as its reported value came in, else now."""
        value = self.values.get(factor)
        return value.received_at_s if value is not None else self.now_s


def _taken(old: Row | None, row: Row, case: _Case, changes: Changes) -> None:
    """A first verdict always counts; another one only while the window is not older than 35 days."""
    first = old is None or old["status"] == Status.NONE.value
    if first or end_s(row["start_s"], row["averaging"]) >= case.now_s - REDECIDE_S:
        changes.rows.append((old, row))


def _discharge(case: _Case, changes: Changes) -> None:
    """A valid hour with emission of a limited factor says that the permit's holder discharged that day."""
    for factor in case.governed.factors:
        value = case.values.get(factor)
        if value is not None and value.mark in NORMAL and (value.micro or value.zs_micro or 0) > 0:
            case.discharges(changes)
            return
