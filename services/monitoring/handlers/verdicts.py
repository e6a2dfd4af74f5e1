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
from services.monitoring.domain.window_report import NO_REPORTS, NewReports
from services.monitoring.domain.windows import DAY_S, WindowKey, day_start_s, end_s, is_unfinished
from services.monitoring.handlers.window_case import WindowCase
from services.monitoring.handlers.window_facts import WindowFacts
from services.monitoring.store.due import mark_due
from services.monitoring.store.register import Register
from services.monitoring.store.values import values_of
from services.monitoring.store.verdicts import verdicts_of, write_verdicts
from shared.domain.pollutant import OXYGEN
from shared.meanwhile import first_do

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

    def decide(self, session: Session, windows: Collection[WindowKey], now_s: int, *, settle: bool) -> Changes:
        """Decide these windows (MN, averaging, start). `settle`: windows whose grace has passed decide by own means."""
        return self.begin(session, windows, now_s, settle=settle).finish(session)

    def begin(
        self,
        session: Session,
        windows: Collection[WindowKey],
        now_s: int,
        *,
        settle: bool,
        reports: NewReports = NO_REPORTS,
    ) -> Deciding:
        """Load what `decide` needs in any case. `reports`: what is reported of some of the windows and need not be read; they
        may be stored until `finish`."""
        loaded = self._load(session, windows, reports)
        loaded.add(self._load(session, loaded.beside(), reports))
        facts = WindowFacts(session, loaded.factors())
        changes = Changes()
        ended: list[WindowCase] = []
        for window in sorted(loaded.limits):
            case = WindowCase(facts, window, loaded.limits[window], loaded.values.get(window, {}), now_s)
            if is_unfinished(window.start_s, window.averaging, now_s):
                _unfinished(case, loaded.before.get(window, {}), changes)
                continue
            case.settle = settle and now_s >= end_s(window.start_s, window.averaging) + GRACE_S
            ended.append(case)
        return Deciding(facts, ended, loaded.before, changes)

    def running(self, session: Session, windows: Collection[WindowKey], now_s: int) -> list[VerdictRow]:
        """The running windows' own means so far against their limits; only of factors with enough behind the mean."""
        limits = self._limits(session, windows)
        facts = WindowFacts(session, _factors(limits.values()))
        cases = [WindowCase(facts, window, limits[window], {}, now_s) for window in sorted(limits)]
        verdicts: dict[WindowKey, dict[str, Verdict]] = {}
        left = _tried(facts, cases, WindowCase.all_so_far, verdicts)
        while left:
            facts.load()
            left = _tried(facts, left, WindowCase.all_so_far, verdicts)
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

    def _load(self, session: Session, windows: Collection[WindowKey], reports: NewReports) -> _Loaded:
        """The governed ones among these windows, with their values and verdicts."""
        if not windows:
            return _Loaded({}, {}, {})
        limits = self._limits(session, windows)
        values = {key: reports.values(key, governed.factors) for key, governed in limits.items() if key in reports}
        values |= values_of(session, limits.keys() - values.keys(), _factors(limits.values()))
        return _Loaded(limits, values, verdicts_of(session, limits.keys()))


class Deciding:
    """Windows that have ended, while they are decided."""

    def __init__(
        self,
        facts: WindowFacts,
        cases: Sequence[WindowCase],
        before: Mapping[WindowKey, Mapping[str, VerdictRow]],
        changes: Changes,
    ) -> None:
        self._facts = facts
        self._cases = cases
        self._before = before
        self._changes = changes
        self._verdicts: dict[WindowKey, dict[str, Verdict]] = {}
        self._left = cases  # have no verdicts yet

    def go_on(self) -> None:
        """Decide what lacks no rows; when nothing is left, say what changes. It reads nothing."""
        if not self._left:
            return  # done, whoever asks
        self._left = _tried(self._facts, self._left, WindowCase.verdicts, self._verdicts)
        if not self._left:
            for case in self._cases:
                _window(case, self._verdicts[case.window], self._before.get(case.window, {}), self._changes)

    def finish(self, session: Session) -> Changes:
        """Decide the rest, and save."""
        while self._left:
            self._facts.load()  # what those that were tried lack
            self.go_on()
        changes = self._changes
        first_do(session, changes.subjects)
        write_verdicts(
            session,
            [change.after for change in changes.rows if change.before is None],
            [*changes.unfinished, *(change.after for change in changes.rows if change.before is not None)],
        )
        mark_due(session, changes.waiting)
        return changes


def _unfinished(case: WindowCase, before: Mapping[str, VerdictRow], changes: Changes) -> None:
    """What was reported of a window that has not ended: no verdict, and due at its end."""
    mn, averaging, start = case.window
    for factor, bound in case.limits.of(averaging).items():
        if factor in case.values:
            changes.waiting[DueKey(mn, UNFINISHED[averaging], start)] = end_s(start, averaging)
            _change(case, factor, bound, Verdict(Status.UNFINISHED), before.get(factor), changes)


def _window(
    case: WindowCase, verdicts: Mapping[str, Verdict], before: Mapping[str, VerdictRow], changes: Changes
) -> None:
    mn, averaging, start = case.window
    bounds = case.limits.of(averaging)
    for factor, verdict in verdicts.items():
        bound, old = bounds[factor], before.get(factor)
        if verdict.waiting:
            changes.waiting[DueKey(mn, averaging, start)] = max(end_s(start, averaging) + GRACE_S, case.now_s + RETRY_S)
            if old is None or old.status.decides:
                continue  # what was decided stands until the window is settled
        _change(case, factor, bound, verdict, old, changes)
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
    case: WindowCase, factor: str, bound: Bound, verdict: Verdict, old: VerdictRow | None, changes: Changes
) -> None:
    row = case.row(factor, bound, verdict, old)
    if old is not None and old._replace(decided_at_s=row.decided_at_s) == row:
        return
    if verdict.status is Status.UNFINISHED and not (old is not None and old.status.decides):
        changes.unfinished.append(row)
    else:
        _note(old, row, case, changes)


def _tried(
    facts: WindowFacts,
    cases: Iterable[WindowCase],
    conclude: Callable[[WindowCase], dict[str, Verdict]],
    found: dict[WindowKey, dict[str, Verdict]],
) -> list[WindowCase]:
    """The cases that lack rows; of the others the verdicts by factor are put into `found`."""
    lacking: list[WindowCase] = []
    for case in cases:
        verdicts = facts.conclusion(partial(conclude, case))
        if verdicts is None:
            lacking.append(case)
        else:
            found[case.window] = verdicts
    return lacking


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
