"""Which risk stands for which run of exceeding windows: ids are minted once and stay with the window that was seen first.

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
    """A risk as its row has it. `born`: order of minting."""

    id: str
    first_window: int
    start: int
    last: int
    born: tuple[int, str]
    state: RiskState
    cleared: Cleared | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a risk shall be: `run` None when it is merged or taken back; `id` None when one is to be minted."""

    id: str | None
    state: RiskState
    run: Run | None = None
    cleared: Cleared | None = None
    cleared_at_s: int | None = None
    merged_into: str | None = None
    first_window: int | None = None


def assign(runs: Sequence[Run], known: Sequence[Known]) -> list[Wanted]:
    """For every run a risk, for every risk (but those already merged or withdrawn) a fate."""
    living = sorted((k for k in known if k.state in (RiskState.OPEN, RiskState.CLEARED)), key=lambda k: k.born)
    claims: dict[int, list[Known]] = {}
    homeless: list[Known] = []
    for risk in living:
        home = _home(risk, runs)
        if home is None:
            homeless.append(risk)
        else:
            claims.setdefault(home, []).append(risk)
    wanted: list[Wanted] = []
    for risk in homeless:
        home = _remains(risk, runs, claims)
        if home is None:
            wanted.append(Wanted(risk.id, RiskState.WITHDRAWN, cleared=Cleared.TAKEN_BACK))
        else:
            claims[home] = [risk]
    for place, run in enumerate(runs):
        wanted += _claimed(run, claims.get(place, []))
    return wanted


def _home(risk: Known, runs: Sequence[Run]) -> int | None:
    """The run that holds the window by which the risk was first seen."""
    for place, run in enumerate(runs):
        if run.start <= risk.first_window <= run.last and any(w.start == risk.first_window for w in run.windows):
            return place
    return None


def _remains(risk: Known, runs: Sequence[Run], claims: dict[int, list[Known]]) -> int | None:
    """Its first-seen window was taken back: what is left of it, unless another risk has it."""
    for place, run in enumerate(runs):
        if place not in claims and run.start <= risk.last and risk.start <= run.last:
            return place
    return None


def _claimed(run: Run, claimants: Sequence[Known]) -> list[Wanted]:
    if not claimants:
        return [_living(None, run, run.first_seen.start, None)]
    eldest = claimants[0]
    kept = any(window.start == eldest.first_window for window in run.windows)
    merged = [
        Wanted(risk.id, RiskState.MERGED, cleared=Cleared.MERGED, merged_into=eldest.id) for risk in claimants[1:]
    ]
    return [_living(eldest.id, run, eldest.first_window if kept else run.first_seen.start, eldest), *merged]


def _living(risk_id: str | None, run: Run, first_window: int, before: Known | None) -> Wanted:
    cleared, at_s = run.closed, run.closed_at_s
    if cleared is None and before is not None and before.cleared is Cleared.UNKNOWN and before.last == run.last:
        cleared, at_s = Cleared.UNKNOWN, None  # time closed it; nothing new was heard
    state = RiskState.CLEARED if cleared else RiskState.OPEN
    return Wanted(risk_id, state, run, cleared, at_s, first_window=first_window)


def followed(run: Run, others: Sequence[Run]) -> Run | None:
    """The run before this one, when it ended within a week."""
    before = [other for other in others if other.last < run.start]
    nearest = max(before, key=lambda other: other.last, default=None)
    return nearest if nearest and run.start - nearest.end_s <= FOLLOWS_WITHIN_S else None
