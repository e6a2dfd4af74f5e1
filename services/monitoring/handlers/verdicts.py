"""Windows of points are decided from the truth rows: load, decide, save; what changed goes on to the episodes.

A first decision has no age limit; a re-decision reaches 35 days back. What is still missing waits on the due list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlmodel import Session

from services.monitoring.domain.applicable_limits import ApplicableLimits, Site
from services.monitoring.domain.changes import Changes, Discharge, VerdictChange
from services.monitoring.domain.due_work import DAY, HOUR, RUNNING_DAY, DueKey
from services.monitoring.domain.nearing import HOURS_OF_A_RUNNING_DAY
from services.monitoring.domain.reading import NORMAL
from services.monitoring.domain.validity import MINUTES_OF_A_RUNNING_HOUR, MINUTES_OF_AN_HOUR, Mean, Sample, own_hour
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
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import DAY_S, HOUR_S, WindowKey, day_start_s, end_s, shanghai_date
from services.monitoring.store.due import mark_due
from services.monitoring.store.register import Register
from services.monitoring.store.values import samples_of_hour, values_of
from services.monitoring.store.verdicts import verdicts_of, write_verdicts
from shared.domain.pollutant import OXYGEN

REDECIDE_S = 35 * DAY_S
RETRY_S = 60  # a missing part of an old packet may take this long


class Decider:
    """Decides windows by the limits that the register has for them."""

    def __init__(self, register: Register) -> None:
        self.register = register

    def decide(self, session: Session, windows: Collection[WindowKey], now_s: int, *, settle: bool) -> Changes:
        """Decide these windows (MN, averaging, start). `settle`: windows whose grace has passed decide by own means."""
        changes = Changes()
        if not windows:
            return changes
        sites = self.register.sites(session, {mn for mn, _, _ in windows})
        values, before = values_of(session, windows), verdicts_of(session, windows)
        for window in sorted(windows):
            mn, averaging, start = window
            governed = sites[mn].limits_at(start) if mn in sites else None
            if governed is None:
                continue
            case = _Case(session, window, governed, values.get(window, {}), now_s)
            case.settle = settle and now_s >= end_s(start, averaging) + GRACE_S
            self._window(case, before.get(window, {}), changes)
        write_verdicts(session, [change.after for change in changes.rows])
        mark_due(session, changes.waiting)
        return changes

    def _window(self, case: _Case, before: Mapping[str, VerdictRow], changes: Changes) -> None:
        mn, averaging, start = case.window
        bounds = dict(case.limits.of(averaging))
        for factor, bound in bounds.items():
            verdict = case.verdict(factor, bound)
            old = before.get(factor)
            if averaging == "hour" and (verdict.measured or verdict.decided or 0) > 0:
                case.discharges(changes)
            if verdict.waiting:
                changes.waiting[DueKey(mn, averaging, start)] = max(
                    end_s(start, averaging) + GRACE_S, case.now_s + RETRY_S
                )
                if old is None:
                    continue
            self._change(case, factor, bound, verdict, old, changes)
        for factor, old in before.items():
            if factor not in bounds and old.status is not Status.NONE:
                _note(old, replace(old, status=Status.NONE, reason=NoVerdict.NO_LIMIT), case, changes)
        if averaging == "hour":
            _discharge(case, changes)
            if any(key.averaging == DAY for key in case.limits.bounds):
                day = day_start_s(start)
                changes.waiting[DueKey(mn, DAY, day)] = max(day + DAY_S + GRACE_S + RETRY_S, case.now_s)
                if case.now_s < day + DAY_S:
                    changes.waiting[DueKey(mn, RUNNING_DAY, day)] = case.now_s + RETRY_S

    def _change(
        self, case: _Case, factor: str, bound: Bound, verdict: Verdict, old: VerdictRow | None, changes: Changes
    ) -> None:
        row = case.row(factor, bound, verdict, old)
        if old is None or replace(old, decided_at_s=row.decided_at_s) != row:
            _note(old, row, case, changes)

    def running(self, session: Session, site: Site, averaging: str, start: int, now_s: int) -> list[VerdictRow]:
        """The running window's own means so far against its limits; only of factors with enough behind the mean."""
        governed = site.limits_at(start)
        if governed is None:
            return []
        case = _Case(session, WindowKey(site.point.mn, averaging, start), governed, {}, now_s)
        verdicts = [(factor, bound, case.so_far(factor, bound)) for factor, bound in governed.of(averaging)]
        return [
            case.row(factor, bound, verdict, None) for factor, bound, verdict in verdicts if verdict.decided is not None
        ]


@dataclass(frozen=True, slots=True)
class _Samples:
    """Minutes and instantaneous values of one hour, by factor."""

    minutes: Mapping[str, Sequence[Sample]]
    instants: Mapping[str, Sequence[Sample]]


@dataclass(slots=True)
class _Case:
    """One window of a point, with what deciding it may have to load."""

    session: Session
    window: WindowKey
    limits: ApplicableLimits
    values: Mapping[str, Value]
    now_s: int
    settle: bool = False
    _hours: dict[int, _Samples] = field(default_factory=dict)
    _day: dict[WindowKey, dict[str, Value]] | None = None

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
        """The verdict on the running window's mean so far: of ten minutes of an hour, six deciding hours of a day."""
        _, averaging, start = self.window
        if averaging == "hour":
            return decide(bound, None, None, self.own_hour(start, factor, MINUTES_OF_A_RUNNING_HOUR))
        hours = min(24, max(0, self.now_s - start) // HOUR_S)
        return own_day(bound, self._hour_verdicts(factor, bound, hours), HOURS_OF_A_RUNNING_DAY)

    def own_hour(self, hour_s: int, factor: str, least: int) -> OwnMeans:
        """Own means of one hour, those with enough minutes behind them."""
        if hour_s not in self._hours:
            mn = self.window.mn
            self._hours[hour_s] = _Samples(
                samples_of_hour(self.session, mn, hour_s, "minute"),
                samples_of_hour(self.session, mn, hour_s, "instant"),
            )
        hour = self._hours[hour_s]

        def enough(code: str) -> Mean | None:
            mean = own_hour(hour.minutes.get(code, ()), hour.instants.get(code, ()))
            return mean if mean and mean.count >= least else None

        return OwnMeans(enough(factor), enough(OXYGEN))

    def _hour_verdicts(self, factor: str, bound: Bound, hours: int = 24) -> list[Verdict]:
        """The verdict on each of the day's first `hours` hours by the day's limit."""
        mn, _, day = self.window
        if self._day is None:
            self._day = values_of(self.session, [WindowKey(mn, HOUR, day + n * HOUR_S) for n in range(24)])
        found = []
        for n in range(hours):
            hour = day + n * HOUR_S
            values = self._day.get(WindowKey(mn, HOUR, hour), {})
            verdict = decide(bound, values.get(factor), values.get(OXYGEN), None)
            if verdict.waiting:
                own = self.own_hour(hour, factor, MINUTES_OF_AN_HOUR)
                verdict = decide(bound, values.get(factor), values.get(OXYGEN), own)
            found.append(verdict)
        return found

    def row(self, factor: str, bound: Bound, verdict: Verdict, old: VerdictRow | None) -> VerdictRow:
        """The verdict as it is stored. `old`: the row that it replaces."""
        return VerdictRow(
            mn=self.window.mn,
            averaging=self.window.averaging,
            start_s=self.window.start_s,
            factor=factor,
            permit=self.limits.permit,
            outlet=self.limits.outlet,
            credit_code=self.limits.credit_code,
            status=verdict.status,
            reason=verdict.reason,
            value_kind=verdict.value_kind,
            decided=verdict.decided,
            measured=verdict.measured,
            limit=str(bound.limit),
            unit=bound.unit,
            reference_o2_pct=None if bound.reference_o2_pct is None else str(bound.reference_o2_pct),
            mark=verdict.mark,
            first_seen_s=old.first_seen_s if old is not None and old.status is not Status.NONE else self._seen(factor),
            decided_at_s=self.now_s,
        )

    def discharges(self, changes: Changes) -> None:
        day = shanghai_date(self.window.start_s).isoformat()
        changes.discharges.add(Discharge(self.limits.permit, day, self.limits.credit_code))

    def _seen(self, factor: str) -> int:
        """When the window was first seen: as its reported value came in, else now."""
        value = self.values.get(factor)
        return value.received_at_s if value is not None else self.now_s


def _note(old: VerdictRow | None, row: VerdictRow, case: _Case, changes: Changes) -> None:
    """A first verdict always counts; another one only while the window is not older than 35 days."""
    first = old is None or old.status is Status.NONE
    if first or row.end_s >= case.now_s - REDECIDE_S:
        changes.rows.append(VerdictChange(old, row))


def _discharge(case: _Case, changes: Changes) -> None:
    """A valid hour with emission of a limited factor shows that the permit's holder discharged that day."""
    for factor in case.limits.factors:
        value = case.values.get(factor)
        if value is not None and value.mark in NORMAL and (value.micro or value.zs_micro or 0) > 0:
            case.discharges(changes)
            return
