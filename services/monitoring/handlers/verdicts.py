"""Windows of points are decided from the truth rows: load, decide, save; what changed goes on to the episodes.

A window is decided after its end only; before, what was reported of it is `unfinished` and waits on the due list, as does
what is still missing. A first decision has no age limit; a re-decision reaches 35 days back.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sqlmodel import Session

from services.monitoring.domain.applicable_limits import ApplicableLimits
from services.monitoring.domain.changes import Changes, VerdictChange
from services.monitoring.domain.due_work import DAY, RUNNING_DAY, UNFINISHED, DueKey
from services.monitoring.domain.verdict import GRACE_S, Bound, NoVerdict, Status, Value, Verdict
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.window_report import NewReports
from services.monitoring.domain.windows import DAY_S, WindowKey, day_start_s, end_s, is_unfinished
from services.monitoring.handlers.window_case import WindowCase
from services.monitoring.handlers.window_facts import WindowFacts
from services.monitoring.store.due import mark_due
from services.monitoring.store.register import Register
from services.monitoring.store.values import values_of
from services.monitoring.store.verdicts import verdicts_of, write_verdicts
from shared.domain.pollutant import OXYGEN

REDECIDE_S = 35 * DAY_S
RETRY_S = 60  # a missing part of an old packet may take this long


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Windows with the limits that govern them, their reported values and their verdicts so far."""

    limits: dict[WindowKey, ApplicableLimits]
    values: dict[WindowKey, dict[str, Value]]
    before: dict[WindowKey, dict[str, VerdictRow]]

    def beside(self) -> set[WindowKey]:
        """The same windows of the other points of an outlet whose oxygen came: it may be what they are converted with."""
        return {
            WindowKey(mn, window.averaging, window.start_s)
            for window, governed in self.limits.items()
            if len(governed.siblings) > 1 and OXYGEN in self.values.get(window, {})
            for mn in governed.siblings
        } - self.limits.keys()

    def factors(self) -> set[str]:
        """Those whose values count in some window."""
        return _factors(self.limits.values())

    def add(self, beside: _Loaded) -> None:
        """Windows beside these that were reported or decided."""
        known = {window for window in beside.limits if beside.values.get(window) or beside.before.get(window)}
        self.limits.update((window, beside.limits[window]) for window in known)
        self.values.update(beside.values)
        self.before.update(beside.before)


class Decider:
    """Decides windows by the limits that the register has for them."""

    def __init__(self, register: Register) -> None:
        self.register = register

    def decide(
        self,
        session: Session,
        windows: Collection[WindowKey],
        now_s: int,
        *,
        settle: bool,
        reports: NewReports | None = None,
    ) -> Changes:
        """Decide these windows (MN, averaging, start). `settle`: windows whose grace has passed decide by own means.
        `reports`: what is reported of all of them, where that need not be read."""
        changes = Changes()
        if not windows:
            return changes
        loaded = self._load(session, windows, reports)
        loaded.add(self._load(session, loaded.beside()))
        facts = WindowFacts(session, loaded.factors())
        cases = [
            WindowCase(facts, window, loaded.limits[window], loaded.values.get(window, {}), now_s)
            for window in sorted(loaded.limits)
        ]
        ended: list[WindowCase] = []
        for case in cases:
            _, averaging, start = case.window
            if is_unfinished(start, averaging, now_s):
                self._unfinished(case, loaded.before.get(case.window, {}), changes)
                continue
            case.settle = settle and now_s >= end_s(start, averaging) + GRACE_S
            ended.append(case)
        verdicts = _concluded(facts, ended, WindowCase.verdicts)
        for case in ended:
            self._window(case, verdicts[case.window], loaded.before.get(case.window, {}), changes)
        write_verdicts(
            session,
            [change.after for change in changes.rows if change.before is None],
            [*changes.unfinished, *(change.after for change in changes.rows if change.before is not None)],
        )
        mark_due(session, changes.waiting)
        return changes

    def running(self, session: Session, windows: Collection[WindowKey], now_s: int) -> list[VerdictRow]:
        """The running windows' own means so far against their limits; only of factors with enough behind the mean."""
        limits = self._limits(session, windows)
        facts = WindowFacts(session, _factors(limits.values()))
        cases = [WindowCase(facts, window, limits[window], {}, now_s) for window in sorted(limits)]
        verdicts = _concluded(facts, cases, WindowCase.all_so_far)
        return [
            case.row(factor, case.limits.of(case.window.averaging)[factor], verdict, None)
            for case in cases
            for factor, verdict in verdicts[case.window].items()
            if verdict.decided is not None
        ]

    def _limits(self, session: Session, windows: Collection[WindowKey]) -> dict[WindowKey, ApplicableLimits]:
        """What governs these windows; a window of no registered point, or without a permit then, is not in it."""
        sites = self.register.sites(session, {window.mn for window in windows})
        return {
            window: governed
            for window in windows
            if window.mn in sites and (governed := sites[window.mn].limits_at(window.start_s)) is not None
        }

    def _load(self, session: Session, windows: Collection[WindowKey], reports: NewReports | None = None) -> _Loaded:
        """The governed ones among these windows, with their values and verdicts."""
        if not windows:
            return _Loaded({}, {}, {})
        limits = self._limits(session, windows)
        if reports is not None:
            values = {window: reports.values(window, governed.factors) for window, governed in limits.items()}
        else:
            values = values_of(session, limits.keys(), _factors(limits.values()))
        return _Loaded(limits, values, verdicts_of(session, limits.keys()))

    def _unfinished(self, case: WindowCase, before: Mapping[str, VerdictRow], changes: Changes) -> None:
        """What was reported of a window that has not ended: no verdict, and due at its end."""
        mn, averaging, start = case.window
        for factor, bound in case.limits.of(averaging).items():
            if factor in case.values:
                changes.waiting[DueKey(mn, UNFINISHED[averaging], start)] = end_s(start, averaging)
                self._change(case, factor, bound, Verdict(Status.UNFINISHED), before.get(factor), changes)

    def _window(
        self, case: WindowCase, verdicts: Mapping[str, Verdict], before: Mapping[str, VerdictRow], changes: Changes
    ) -> None:
        mn, averaging, start = case.window
        bounds = case.limits.of(averaging)
        for factor, verdict in verdicts.items():
            bound, old = bounds[factor], before.get(factor)
            if verdict.waiting:
                changes.waiting[DueKey(mn, averaging, start)] = max(
                    end_s(start, averaging) + GRACE_S, case.now_s + RETRY_S
                )
                if old is None or old.status.decides:
                    continue  # what was decided stands until the window is settled
            self._change(case, factor, bound, verdict, old, changes)
        for factor, old in before.items():
            if factor not in bounds and old.status is not Status.NONE:
                _note(old, old._replace(status=Status.NONE, reason=NoVerdict.NO_LIMIT), case, changes)
        if averaging == "hour":
            if _shows_discharge(case, verdicts):
                case.discharges(changes)
            if case.limits.of(DAY):
                day = day_start_s(start)
                changes.waiting[DueKey(mn, DAY, day)] = max(day + DAY_S + GRACE_S + RETRY_S, case.now_s)
                if case.now_s < day + DAY_S:
                    changes.waiting[DueKey(mn, RUNNING_DAY, day)] = case.now_s + RETRY_S

    def _change(
        self, case: WindowCase, factor: str, bound: Bound, verdict: Verdict, old: VerdictRow | None, changes: Changes
    ) -> None:
        row = case.row(factor, bound, verdict, old)
        if old is not None and old._replace(decided_at_s=row.decided_at_s) == row:
            return
        if verdict.status is Status.UNFINISHED and not (old is not None and old.status.decides):
            changes.unfinished.append(row)
        else:
            _note(old, row, case, changes)


def _concluded(
    facts: WindowFacts, cases: Sequence[WindowCase], conclude: Callable[[WindowCase], dict[str, Verdict]]
) -> dict[WindowKey, dict[str, Verdict]]:
    """The verdicts of each case by factor; what some lack is loaded for all of them, and they are tried again."""
    found: dict[WindowKey, dict[str, Verdict]] = {}
    while cases:
        lacking: list[WindowCase] = []
        for case in cases:
            verdicts = facts.conclusion(partial(conclude, case))
            if verdicts is None:
                lacking.append(case)
            else:
                found[case.window] = verdicts
        facts.load()
        cases = lacking
    return found


def _factors(limits: Iterable[ApplicableLimits]) -> set[str]:
    """The factors whose values decide, or are what others are converted with."""
    different = {id(one): one for one in limits}
    return {factor for one in different.values() for factor in one.factors}


def _note(old: VerdictRow | None, row: VerdictRow, case: WindowCase, changes: Changes) -> None:
    """A first verdict always counts; another one only while the window is not older than 35 days."""
    if old is None or not old.status.decides or row.end_s >= case.now_s - REDECIDE_S:
        changes.rows.append(VerdictChange(old, row))


def _shows_discharge(case: WindowCase, verdicts: Mapping[str, Verdict]) -> bool:
    """A valid hour with emission of a limited factor shows that the permit's holder discharged that day."""
    for verdict in verdicts.values():
        if (verdict.measured or verdict.decided or 0) > 0:
            return True
    for factor, plausible in case.limits.plausible.items():
        value = case.values.get(factor)
        shown = (value.micro or value.zs_micro or 0) if value is not None and value.normal else 0
        if shown > 0 and plausible.holds(shown):
            return True
    return False
