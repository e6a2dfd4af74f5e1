"""Means near their limit: the risk of each outlet, factor and averaging is what its newest windows show.

A running mean may raise it, never end it. Values over the limit are of `exceedance.py`, broken instruments of `fault.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from services.monitoring.detectors.risk_builder import Place, RiskDraft, is_recent, measured_by
from services.monitoring.domain import wording
from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.changes import Changes, VerdictChange
from services.monitoring.domain.nearing import GRAVITY, Near, Nearness, Seen, ended_by, latest_run, nearness
from services.monitoring.domain.risk_row import RiskRow, RiskSpan
from services.monitoring.domain.verdict import shown_value
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow
from services.monitoring.domain.windows import LENGTH_S, instant
from services.monitoring.engine.history import OutletHistory
from shared.domain.clock import Instant
from shared.domain.risk import Cleared, Window

KIND = "emission.nearing"
WINDOWS = 24  # read first; a run is rarely longer


@dataclass(frozen=True, slots=True)
class _Case:
    """An outlet key to be evaluated: its open risk, and a near mean of the running window."""

    key: OutletKey
    before: RiskRow | None
    running: VerdictRow | None = None

    @property
    def back_to(self) -> int | None:
        """The last window of the open risk."""
        return self.before.last_s if self.before is not None else None


@dataclass(frozen=True, slots=True)
class NearingDetector:
    """Keeps nearing risks in step with decided windows and running means."""

    kind: str = KIND

    def detect(self, history: OutletHistory, changes: Changes, now: Instant) -> Sequence[RiskDraft]:
        """The risks of outlets whose changed windows or running means may be near."""
        cases = [*_changed(history, changes, now), *_running(history, changes.running)]
        if not cases:
            return []
        around = _load(history, cases, now)
        drafts = (around.draft(case) for case in sorted(cases, key=lambda case: case.key.subject))
        return [draft for draft in drafts if draft is not None]


def _changed(history: OutletHistory, changes: Changes, now: Instant) -> list[_Case]:
    """Windows seen long after their end open nothing."""
    subjects = changes.subjects()
    if not subjects:
        return []
    rows = history.open_risks(KIND, subjects.values())
    concerned = [
        row.outlet_key for change in changes.rows if _may_open(change, now) for row in change if row is not None
    ]
    known = [key for key, subject in subjects.items() if subject in rows] if rows else []
    return [_Case(key, rows.get(subjects[key])) for key in dict.fromkeys([*known, *concerned])]


def _running(history: OutletHistory, means: Iterable[VerdictRow]) -> list[_Case]:
    near = [row for row in means if _nearness(row, closed=False).near]
    if not near:
        return []
    rows = history.open_risks(KIND, {row.outlet_key.subject for row in near})
    cases: dict[OutletKey, _Case] = {}
    for row in near:
        key = row.outlet_key
        before, other = rows.get(key.subject), cases.get(key)
        if before is not None and before.last_s > row.start_s:
            continue
        if other is None or _is_graver(row, other.running):
            cases[key] = _Case(key, before, row)
    return list(cases.values())


def _is_graver(row: VerdictRow, other: VerdictRow | None) -> bool:
    """Of the points of an outlet the nearest one speaks; of two alike the first."""
    if other is None:
        return True
    return GRAVITY[_nearness(row, closed=False)] > GRAVITY[_nearness(other, closed=False)]


@dataclass(frozen=True, slots=True)
class _Around:
    """What stands around the outlets in question: decided windows, newest first, by the worst of the points; the points;
    how many risks each outlet ever had."""

    closed: Mapping[OutletKey, Sequence[VerdictRow]]
    sites: Mapping[str, Site]
    issued: Mapping[str, int]
    now: Instant

    def draft(self, case: _Case) -> RiskDraft | None:
        """What the windows make of the risk."""
        closed, before = self.closed[case.key], case.before
        seen = [Seen(row.start_s, _nearness(row)) for row in closed]
        so_far = _so_far(before, case.running)
        run = latest_run(seen, so_far)
        if run is None:
            return _ended(before, seen, self.now) if before is not None else None
        newest = next((row for row in closed if row.start_s == run.last), None)
        if newest is not None:
            if is_recent(newest, self.now) or (before is not None and run.last >= before.last_s):
                return self._near(case, run, newest)
            return _ended(before, seen, self.now) if before is not None else None
        if case.running is None or so_far is None or _is_known(before, so_far):
            return None
        return self._near(case, run, case.running, so_far.nearness)

    def _near(self, case: _Case, run: Near, row: VerdictRow, so_far: Nearness | None = None) -> RiskDraft:
        """`row`: the window that decides the run; `so_far`: how near its mean is if it is still running."""
        decided = shown_value(row.decided, row.bound) or "0"
        draft = RiskDraft.about(
            Place.of_window(row, self.sites.get(row.mn)),
            kind=KIND,
            condition=run.condition.value,
            why=wording.nearing(
                row.factor, row.averaging, decided=decided, limit=row.limit, unit=row.unit, closed=so_far is None
            ),
            subject=case.key.subject,
            span=RiskSpan(run.first, run.first, run.last),
            now=self.now,
            before=case.before,
            issued=self.issued.get(case.key.subject, 0),
            facts={"closed": so_far is None, "so_far": so_far.value if so_far else None},
        )
        window = Window(instant(row.start_s), instant(row.end_s), row.averaging, 1)
        return replace(draft, risk=replace(measured_by(draft.risk, row), window=window, decided=decided))


def _ended(before: RiskRow, seen: Sequence[Seen], now: Instant) -> RiskDraft:
    reason = ended_by(seen, before.last_s)
    why = wording.no_longer_near() if reason is Cleared.TAKEN_BACK else None
    return RiskDraft.ended(before, reason, now, why=why)


def _load(history: OutletHistory, cases: Sequence[_Case], now: Instant) -> _Around:
    closed: dict[OutletKey, Sequence[VerdictRow]] = {}
    further: list[_Case] = []
    for averaging in sorted({case.key.averaging for case in cases}):
        these = [case for case in cases if case.key.averaging == averaging]
        since = now.s - WINDOWS * LENGTH_S[averaging]
        rows = history.decided_since({case.key for case in these}, since)
        for case in these:
            closed[case.key] = _worst(row for row in rows.get(case.key, ()) if not row.historical)
            if not _is_enough(closed[case.key], since, case.back_to):
                further.append(case)
    closed.update(_closed(history, further, now))
    mns = {row.mn for rows in closed.values() for row in rows}
    mns |= {case.running.mn for case in cases if case.running is not None}
    new = [case.key.subject for case in cases if case.before is None]
    return _Around(closed, history.sites(mns), history.issued_counts(KIND, new), now)


def _is_enough(found: Sequence[VerdictRow], since: int, back_to: int | None) -> bool:
    """Whether the newest run certainly begins, and the open risk lies, within these windows."""
    return any(not _nearness(row).near for row in found) and (back_to is None or since <= back_to)


def _closed(history: OutletHistory, cases: Sequence[_Case], now: Instant) -> Mapping[OutletKey, Sequence[VerdictRow]]:
    """Of each outlet the decided windows, newest first, by the worst of its points: as far back as its newest run goes."""
    closed: dict[OutletKey, Sequence[VerdictRow]] = {}
    size = WINDOWS
    while cases:
        further: list[_Case] = []
        found = history.newest_decided({case.key for case in cases}, size, now.s)
        for case in cases:
            rows = found.get(case.key, ())
            whole = len(rows) < size
            oldest = rows[-1].start_s if rows else 0
            closed[case.key] = _worst(row for row in rows if (whole or row.start_s > oldest) and not row.historical)
            ends = any(not _nearness(row).near for row in closed[case.key])
            if not (whole or (ends and (case.back_to is None or oldest < case.back_to))):
                further.append(case)
        cases, size = further, size * 4
    return closed


def _may_open(change: VerdictChange, now: Instant) -> bool:
    """A near window of now, or one decided anew: what it hid may come to light."""
    if change.before is not None:
        return True
    after = change.after
    return after.decided is not None and _nearness(after).near and is_recent(after, now)


def _nearness(row: VerdictRow, *, closed: bool = True) -> Nearness:
    return nearness(row.decided or 0, row.limit_micro, closed=closed)


def _so_far(before: RiskRow | None, running: VerdictRow | None) -> Seen | None:
    """The running window as it is, or as the open risk has it; within one window it never goes back to 80 %."""
    noted = before.facts.get("so_far") if before is not None else None
    known = Seen(before.last_s, Nearness(str(noted))) if before is not None and noted else None
    if running is None:
        return known
    seen = Seen(running.start_s, _nearness(running, closed=False))
    if known is not None and known.start == seen.start:
        return max(known, seen, key=lambda one: GRAVITY[one.nearness])
    return seen


def _is_known(before: RiskRow | None, so_far: Seen) -> bool:
    """The same window at the same step: no news."""
    if before is None:
        return False
    return before.last_s == so_far.start and before.facts.get("so_far") == so_far.nearness.value


def _worst(rows: Iterable[VerdictRow]) -> list[VerdictRow]:
    worst: dict[int, VerdictRow] = {}
    for row in rows:
        other = worst.get(row.start_s)
        if other is None or _badness(row) > _badness(other):
            worst[row.start_s] = row
    return [worst[start] for start in sorted(worst, reverse=True)]


def _badness(row: VerdictRow) -> tuple[int, int, str]:
    """Worse is greater: how near first, then the value, then the point's name."""
    return GRAVITY[_nearness(row)], row.decided or 0, row.mn
