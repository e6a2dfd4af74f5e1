"""From decided windows to risks of exceedance: read what stands around a change, compute the runs, draft what differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.monitoring.detectors.risk_builder import Place, RiskDraft, measured_by
from services.monitoring.domain import wording
from services.monitoring.domain.applicable_limits import LimitKey, Site
from services.monitoring.domain.changes import Changes, VerdictChange
from services.monitoring.domain.due_work import UNKNOWN, DueAt, DueKey
from services.monitoring.domain.episode import Assigned, Known, assign, followed
from services.monitoring.domain.exceedance import (
    DAYS_OVER_WITHIN_S,
    STARTS_WITHIN_S,
    UNKNOWN_AFTER,
    Decided,
    Run,
    condition,
    is_whole_left,
    is_whole_right,
    quiet_s,
    runs,
    worst_of_each_window,
)
from services.monitoring.domain.risk_row import RiskExtent, RiskRow, RiskSpan
from services.monitoring.domain.verdict import GRACE_S, multiple, shown_multiple, shown_value
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow
from services.monitoring.domain.windows import LENGTH_S, WindowKey, end_s, instant
from services.monitoring.engine.history import OutletHistory
from shared.domain.clock import Instant, rfc3339
from shared.domain.identity import derived_id
from shared.domain.json import JsonValue
from shared.domain.risk import Risk, RiskState, Window

KIND = "emission.exceeded"
REACH_S = {"hour": STARTS_WITHIN_S, "day": DAYS_OVER_WITHIN_S}
RETRY_S = 60
SHOWN_VALUES = 24  # of an episode, for a small chart


@dataclass(frozen=True, slots=True)
class _Changed:
    """The first and the last changed window of an outlet key."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class ExceedanceDetector:
    """Keeps the risks of exceedance in step with the decided windows."""

    kind: str = KIND

    def detect(self, history: OutletHistory, changes: Changes, now: Instant) -> Sequence[RiskDraft]:
        """The risks of every outlet, factor and averaging in which a change may matter."""
        drafts = _refreshed(history, _concerned(history, changes), now, None)
        return drafts + _refreshed(history, _elapsed(history, changes), now, now.s)


def _concerned(history: OutletHistory, changes: Changes) -> dict[OutletKey, _Changed]:
    by_outlet = changes.by_outlet()
    if not by_outlet:
        return {}
    low = min(change.after.start_s for change in changes.rows)
    widest = max(quiet_s(key.averaging) for key in by_outlet)
    extents = history.extents(KIND, [key.subject for key in by_outlet], low - widest)
    concerned: dict[OutletKey, _Changed] = {}
    for key in sorted(by_outlet, key=lambda key: key.subject):
        changed = _matters(by_outlet[key], extents.get(key.subject, ()), quiet_s(key.averaging))
        if changed is not None:
            concerned[key] = changed
    return concerned


def _matters(changed: Sequence[VerdictChange], around: Sequence[RiskExtent], quiet: int) -> _Changed | None:
    """The span to be computed anew, None when neither an excess nor a risk is touched."""
    starts = [change.after.start_s for change in changed]
    low, high = min(starts), max(starts)
    over = any(change.after.over or (change.before is not None and change.before.over) for change in changed)
    lasting = [one.last_s for one in around if one.is_open and one.last_s < low]
    touched = any(one.start_s - quiet <= high and low <= one.last_s + quiet for one in around)
    return _Changed(min([low, *lasting]), high) if over or lasting or touched else None


def _elapsed(history: OutletHistory, changes: Changes) -> dict[OutletKey, _Changed]:
    """Those with an open risk whose last exceeding window is 24 windows ago: it closes as unknown."""
    found: dict[OutletKey, _Changed] = {}
    for elapsed in changes.elapsed:
        for row in history.open_risks_of_points(KIND, {elapsed.mn}):
            key = OutletKey.of_subject(row.subject)
            if key.averaging == elapsed.averaging and row.last_s == elapsed.last_s:
                found[key] = _Changed(elapsed.last_s, elapsed.last_s)
    return found


def _refreshed(
    history: OutletHistory, changed: Mapping[OutletKey, _Changed], now: Instant, now_s: int | None
) -> list[RiskDraft]:
    """The risks around changed windows. `now_s`: elapsed time counts as windows without verdict."""
    if not changed:
        return []
    issued = history.issued_counts(KIND, [key.subject for key in changed])
    return [
        draft
        for key, span in changed.items()
        for draft in _Outlet(history, key, _load(history, key, span, now_s), now).drafts(issued.get(key.subject, 0))
    ]


@dataclass(frozen=True, slots=True)
class _Around:
    """The runs around a change, complete at both ends, and the verdicts they are made of."""

    low: int
    high: int
    changed: _Changed
    runs: Sequence[Run]
    rows: Mapping[WindowKey, VerdictRow]

    def concerns(self, run: Run, key: OutletKey) -> bool:
        """Whether the change may have touched this run: its windows, its end, or its count of starts."""
        quiet, reach = quiet_s(key.averaging), REACH_S[key.averaging]
        return run.last >= self.changed.low - quiet and run.start <= self.changed.high + reach

    def worst(self, run: Run) -> VerdictRow:
        """The verdict of the run's worst window."""
        return self._row(run, run.worst)

    def values(self, run: Run) -> list[JsonValue]:
        """What decided the newest exceeding windows of the run, the oldest first, in the unit of the limit."""
        rows = (self._row(run, window) for window in run.windows[-SHOWN_VALUES:])
        return [shown_value(row.decided, row.bound) for row in rows]

    def _row(self, run: Run, window: Decided) -> VerdictRow:
        return self.rows[WindowKey(window.mn, run.averaging, window.start)]


@dataclass(frozen=True, slots=True)
class _Outlet:
    """One outlet, factor and averaging with the runs around its change."""

    history: OutletHistory
    key: OutletKey
    around: _Around
    now: Instant

    def drafts(self, issued: int) -> Iterator[RiskDraft]:
        """`issued`: how many risks the outlet key ever had."""
        around = self.around
        rows = {row.id: row for row in self.history.risks_between(KIND, self.key.subject, around.low, around.high)}
        ids: dict[int, str] = {}
        for target in sorted(assign(around.runs, [_known(row) for row in rows.values()]), key=_in_order):
            before = rows.get(target.id or "")
            if target.run is None:
                assert before is not None
                yield self._ended(before, target)
                continue
            if not around.concerns(target.run, self.key):
                if target.id:
                    ids[target.run.start] = target.id
                continue
            risk_id = target.id
            if risk_id is None:
                risk_id = derived_id("rsk", KIND, self.key.subject, str(target.first_window), str(issued))
                issued += 1
            ids[target.run.start] = risk_id
            yield self._living(risk_id, before, target, target.run, ids)

    def _ended(self, before: RiskRow, target: Assigned) -> RiskDraft:
        """Merged into another, or taken back."""
        assert target.cleared is not None
        draft = RiskDraft.ended(before, target.cleared, self.now)
        return replace(draft, risk=replace(draft.risk, state=target.state, merged_into=target.merged_into))

    def _living(
        self, risk_id: str, before: RiskRow | None, target: Assigned, run: Run, ids: Mapping[int, str]
    ) -> RiskDraft:
        assert target.first_window is not None
        row = self.around.worst(run)
        site = self.history.sites([row.mn]).get(row.mn)
        graded = condition(run, self.around.runs)
        draft = RiskDraft.about(
            Place.of_window(row, site),
            kind=KIND,
            condition=graded.value,
            why=_why(target, run, row),
            subject=self.key.subject,
            span=RiskSpan(target.first_window, run.start, run.last),
            now=self.now,
            before=before,
            facts={"worst_from": rfc3339(instant(run.worst.start)), "series": self.around.values(run)},
        )
        risk = replace(
            _graded(draft.risk, run, row, site),
            id=risk_id,
            state=target.state,
            cleared=target.cleared,
            cleared_at=_cleared_at(target, before),
            previous=self._previous(before, run, ids),
        )
        return replace(draft, risk=risk, due=self._due(run) if risk.state is RiskState.OPEN else None)

    def _previous(self, before: RiskRow | None, run: Run, ids: Mapping[int, str]) -> str | None:
        """The risk that this one follows; a known risk keeps what it was opened with."""
        if before is not None:
            return before.risk.previous
        earlier = followed(run, self.around.runs)
        return ids.get(earlier.start) if earlier else None

    def _due(self, run: Run) -> DueAt:
        """When the risk closes as unknown unless something comes."""
        at = end_s(run.last, self.key.averaging) + UNKNOWN_AFTER * LENGTH_S[self.key.averaging] + GRACE_S
        key = DueKey(run.worst.mn, f"{UNKNOWN}-{run.averaging}", run.last)
        return DueAt(key, max(at, self.now.s + RETRY_S))


def _load(history: OutletHistory, key: OutletKey, changed: _Changed, now_s: int | None) -> _Around:
    """Widen until the runs that matter are whole and so is what their levels count back to."""
    step = REACH_S[key.averaging] + 2 * quiet_s(key.averaging)
    low, high = changed.low - step, changed.high + step
    while True:
        rows = history.verdicts_between(key, low, high)
        windows = worst_of_each_window(map(_decided, rows))
        found = runs(windows, key.averaging, now_s)
        concerned = [run.start for run in found if run.last >= changed.low - quiet_s(key.averaging)]
        need = min([*concerned, changed.low]) - REACH_S[key.averaging]
        left = (low <= need and is_whole_left(windows, low, key.averaging)) or not history.has_verdicts_before(key, low)
        right = is_whole_right(windows, high, key.averaging) or not history.has_verdicts_after(key, high)
        if left and right:
            return _Around(low, high, changed, found, {row.window: row for row in rows})
        low, high, step = (low if left else low - step), (high if right else high + step), step * 2


def _decided(row: VerdictRow) -> Decided:
    over = multiple(row.decided, row.bound) if row.over and row.decided is not None else None
    return Decided(row.start_s, row.status, over, row.first_seen_s, row.historical, row.mn)


def _known(row: RiskRow) -> Known:
    created = (row.opened_at_s, f"{row.first_window_s:012d}{row.id}")
    return Known(row.id, row.first_window_s, row.start_s, row.last_s, created, row.state, row.cleared)


def _in_order(target: Assigned) -> tuple[int, int]:
    """Living ones first, in order of time, so that a follow-up knows what it follows."""
    return (0, target.run.start) if target.run else (1, 0)


def _graded(risk: Risk, run: Run, row: VerdictRow, site: Site | None) -> Risk:
    """The risk with the values of its worst window, its span and the standard behind the limit."""
    measured = measured_by(risk, row)
    limits = site.limits_at(row.start_s) if site else None
    standard = limits.basis.get(LimitKey(row.factor, row.averaging)) if limits else None
    return replace(
        measured,
        window=Window(instant(run.start), instant(run.end_s), run.averaging, len(run.windows)),
        multiple=_multiple(row),
        basis={**measured.basis, "standard": standard},
        historical=run.historical,
    )


def _multiple(row: VerdictRow) -> str:
    return shown_multiple(multiple(row.decided or 0, row.bound))


def _why(target: Assigned, run: Run, row: VerdictRow) -> wording.Why:
    if target.cleared:
        return wording.cleared(target.cleared)
    return wording.exceeded(
        row.factor,
        row.averaging,
        decided=shown_value(row.decided, row.bound) or "",
        limit=row.limit,
        unit=row.unit,
        multiple=_multiple(row),
        windows=len(run.windows),
    )


def _cleared_at(target: Assigned, before: RiskRow | None) -> datetime | None:
    """A risk that time closed keeps the time at which it was closed."""
    if target.cleared_at_s is not None:
        return instant(target.cleared_at_s)
    return before.risk.cleared_at if before is not None and target.cleared is not None else None
