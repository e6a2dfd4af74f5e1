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
from services.monitoring.domain.windows import LENGTH_S, SpanOfWindows, WindowBounds, WindowKey, end_s, instant
from services.monitoring.engine.history import OutletHistory
from shared.domain.clock import Instant, rfc3339
from shared.domain.identity import derived_id
from shared.domain.json import JsonValue
from shared.domain.risk import Risk, RiskState, Window

KIND = "emission.exceeded"
REACH_S = {"hour": STARTS_WITHIN_S, "day": DAYS_OVER_WITHIN_S}
RETRY_S = 60
NO_WINDOWS = WindowBounds(0, 0)
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
    by_outlet, subjects = changes.by_outlet(), changes.subjects()
    since = {
        subjects[key]: min([change.after.start_s for change in changed]) - quiet_s(key.averaging)
        for key, changed in by_outlet.items()
    }
    extents = history.extents(KIND, since) if since else {}
    over = {row.outlet_key for change in changes.rows if _is_over(change) for row in change if row is not None}
    concerned: dict[OutletKey, _Changed] = {}
    for key in sorted(key for key in by_outlet if key in over or subjects[key] in extents):
        changed = _matters(by_outlet[key], extents.get(subjects[key], ()), quiet_s(key.averaging))
        if changed is not None:
            concerned[key] = changed
    return concerned


def _is_over(change: VerdictChange) -> bool:
    """Whether the window exceeds its limit, or did before."""
    return change.after.over or (change.before is not None and change.before.over)


def _matters(changed: Sequence[VerdictChange], around: Sequence[RiskExtent], quiet: int) -> _Changed | None:
    """The span to be computed anew, None when neither an excess nor a risk is touched."""
    over = any(map(_is_over, changed))
    if not (over or around):
        return None
    starts = [change.after.start_s for change in changed]
    low, high = min(starts), max(starts)
    lasting = [one.last_s for one in around if one.is_open and one.last_s < low]
    if over or lasting:
        return _Changed(min([low, *lasting]), high)
    only_new = all(change.before is None or not change.before.status.decides for change in changed)
    touched = any(
        one.start_s - quiet <= high and low <= one.last_s + quiet and not (only_new and _is_settled(one, low))
        for one in around
    )
    return _Changed(low, high) if touched else None


def _is_settled(risk: RiskExtent, from_s: int) -> bool:
    """Whether new windows from `from_s` on that exceed nothing leave the risk as it is: an earlier compliant one ended it."""
    return risk.compliant_at_s is not None and risk.compliant_at_s <= from_s


def _elapsed(history: OutletHistory, changes: Changes) -> dict[OutletKey, _Changed]:
    """Those with an open risk whose last exceeding window is 24 windows ago: it closes as unknown."""
    if not changes.elapsed:
        return {}
    found: dict[OutletKey, _Changed] = {}
    rows: dict[str, list[RiskRow]] = {}
    for row in history.open_risks_of_points(KIND, {elapsed.mn for elapsed in changes.elapsed}):
        rows.setdefault(row.mn or "", []).append(row)
    for elapsed in changes.elapsed:
        for row in rows.get(elapsed.mn, ()):
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
    around = _load(history, changed, now_s)
    spans = {key.subject: SpanOfWindows(around[key].low, around[key].high) for key in changed}
    risks = history.risks_between(KIND, spans)
    sites = history.sites({row.mn for one in around.values() for row in one.rows.values()})
    return [
        draft
        for key in changed
        for draft in _Outlet(sites, key, around[key], risks.get(key.subject, ()), now).drafts(
            issued.get(key.subject, 0)
        )
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
    """One outlet, factor and averaging with the runs around its change, and its risks there."""

    sites: Mapping[str, Site]
    key: OutletKey
    around: _Around
    risks: Sequence[RiskRow]
    now: Instant

    def drafts(self, issued: int) -> Iterator[RiskDraft]:
        """`issued`: how many risks the outlet key ever had."""
        around = self.around
        rows = {row.id: row for row in self.risks}
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
        site = self.sites.get(row.mn)
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


@dataclass(slots=True)
class _Search:
    """How far around a change was read, and how far the next reading goes."""

    changed: _Changed
    low: int
    high: int
    step: int
    left: bool = False  # whether what was read is whole at this side
    right: bool = False

    @classmethod
    def around(cls, key: OutletKey, changed: _Changed) -> _Search:
        step = REACH_S[key.averaging] + 2 * quiet_s(key.averaging)
        return cls(changed, changed.low - step, changed.high + step, step)

    def found(
        self, key: OutletKey, rows: Sequence[VerdictRow], bounds: WindowBounds | None, now_s: int | None
    ) -> _Around | None:
        """What was read, if the runs that matter are whole in it and so is what their levels count back to; by the rows alone
        as long as the outlet's `bounds` are not known."""
        low, high = self.low, self.high
        windows = worst_of_each_window(map(_decided, rows))
        whole = runs(windows, key.averaging, now_s)
        concerned = [run.start for run in whole if run.last >= self.changed.low - quiet_s(key.averaging)]
        need = min([*concerned, self.changed.low]) - REACH_S[key.averaging]
        self.left = low <= need and is_whole_left(windows, low, key.averaging)
        self.right = is_whole_right(windows, high, key.averaging)
        if bounds is not None:
            self.left, self.right = self.left or bounds.first_s >= low, self.right or bounds.last_s <= high
        if self.left and self.right:
            return _Around(low, high, self.changed, whole, {row.window: row for row in rows})
        return None

    def widen(self) -> None:
        """Read further at the side that is not whole."""
        self.low -= 0 if self.left else self.step
        self.high += 0 if self.right else self.step
        self.step *= 2


def _load(
    history: OutletHistory, changed: Mapping[OutletKey, _Changed], now_s: int | None
) -> Mapping[OutletKey, _Around]:
    """Widen until each outlet's runs are whole; all that are not are read again together. The bounds of an outlet, which are
    looked for in all the years, are asked for only when its rows do not say."""
    bounds: dict[OutletKey, WindowBounds] = {}
    searches = {key: _Search.around(key, span) for key, span in changed.items()}
    found: dict[OutletKey, _Around] = {}
    while searches:
        spans = {key: SpanOfWindows(search.low, search.high) for key, search in searches.items()}
        rows = history.verdicts_between(spans)
        _find(found, searches, rows, bounds, now_s)
        unknown = [key for key in searches if key not in bounds]
        if unknown:
            known = history.bounds(unknown)
            bounds |= {key: known.get(key, NO_WINDOWS) for key in unknown}
            _find(found, searches, rows, bounds, now_s)
        for search in searches.values():
            search.widen()
    return found


def _find(
    found: dict[OutletKey, _Around],
    searches: dict[OutletKey, _Search],
    rows: Mapping[OutletKey, Sequence[VerdictRow]],
    bounds: Mapping[OutletKey, WindowBounds],
    now_s: int | None,
) -> None:
    """Move from `searches` to `found` what is whole by now."""
    for key, search in list(searches.items()):
        around = search.found(key, rows.get(key, ()), bounds.get(key), now_s)
        if around is not None:
            found[key] = around
            del searches[key]


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
