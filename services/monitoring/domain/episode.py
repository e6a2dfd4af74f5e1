"""Which risk stands for which run of exceeding windows: ids are issued once and stay with the window that was seen first.

Pure: takes the runs around a change and the risks known there, gives for each risk what it shall be. An earlier late
window only widens; where two meet, the older lives on; where one splits, the id stays with its first-seen window.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.monitoring.domain.exceedance import Run
from shared.domain.risk import Cleared, RiskState

FOLLOWS_WITHIN_S = 7 * 86_400  # an excess within a week after another says which it follows


@dataclass(frozen=True, slots=True)
class Known:
    """A risk as its row has it. `created`: order of creation."""

    id: str
    first_window: int
    start: int
    last: int
    created: tuple[int, str]
    state: RiskState
    cleared: Cleared | None = None


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a risk shall be: `run` None when it is merged or taken back; `id` None when one is to be issued."""

    id: str | None
    state: RiskState
    run: Run | None = None
    cleared: Cleared | None = None
    cleared_at_s: int | None = None
    merged_into: str | None = None
    first_window: int | None = None


def assign(runs: Sequence[Run], known: Sequence[Known]) -> list[Assigned]:
    """For every run a risk, for every risk (but those already merged or withdrawn) an outcome."""
    living = sorted((k for k in known if k.state in (RiskState.OPEN, RiskState.CLEARED)), key=lambda k: k.created)
    candidates_of: dict[int, list[Known]] = {}
    unmatched: list[Known] = []
    for risk in living:
        place_of_run = _run_of(risk, runs)
        if place_of_run is None:
            unmatched.append(risk)
        else:
            candidates_of.setdefault(place_of_run, []).append(risk)
    assigned: list[Assigned] = []
    for risk in unmatched:
        place_of_run = _remains(risk, runs, candidates_of)
        if place_of_run is None:
            assigned.append(Assigned(risk.id, RiskState.WITHDRAWN, cleared=Cleared.TAKEN_BACK))
        else:
            candidates_of[place_of_run] = [risk]
    for place, run in enumerate(runs):
        assigned += _assigned(run, candidates_of.get(place, []))
    return assigned


def _run_of(risk: Known, runs: Sequence[Run]) -> int | None:
    """The run that holds the window by which the risk was first seen."""
    for place, run in enumerate(runs):
        if run.start <= risk.first_window <= run.last and any(w.start == risk.first_window for w in run.windows):
            return place
    return None


def _remains(risk: Known, runs: Sequence[Run], candidates_of: dict[int, list[Known]]) -> int | None:
    """Its first-seen window was taken back: what is left of it, unless another risk has it."""
    for place, run in enumerate(runs):
        if place not in candidates_of and run.start <= risk.last and risk.start <= run.last:
            return place
    return None


def _assigned(run: Run, candidates: Sequence[Known]) -> list[Assigned]:
    if not candidates:
        return [_living(None, run, run.first_seen.start, None)]
    oldest = candidates[0]
    kept = any(window.start == oldest.first_window for window in run.windows)
    merged = [
        Assigned(risk.id, RiskState.MERGED, cleared=Cleared.MERGED, merged_into=oldest.id) for risk in candidates[1:]
    ]
    return [_living(oldest.id, run, oldest.first_window if kept else run.first_seen.start, oldest), *merged]


def _living(risk_id: str | None, run: Run, first_window: int, before: Known | None) -> Assigned:
    cleared, at_s = run.closed, run.closed_at_s
    if cleared is None and before is not None and before.cleared is Cleared.UNKNOWN and before.last == run.last:
        cleared, at_s = Cleared.UNKNOWN, None  # time closed it; nothing new came
    state = RiskState.CLEARED if cleared else RiskState.OPEN
    return Assigned(risk_id, state, run, cleared, at_s, first_window=first_window)


def followed(run: Run, others: Sequence[Run]) -> Run | None:
    """The run before this one, when it ended within a week."""
    before = [other for other in others if other.last < run.start]
    nearest = max(before, key=lambda other: other.last, default=None)
    return nearest if nearest and run.start - nearest.end_s <= FOLLOWS_WITHIN_S else None
