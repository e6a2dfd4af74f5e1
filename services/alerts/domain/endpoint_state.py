"""In which state an endpoint is. Pure.

`failing` stands in no row: an active endpoint that took nothing for two minutes is so until it takes a push, its address
changes or it is enabled anew. The schedule tries a push twice within five seconds, so one lost answer is no failing endpoint.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

FAILS_AFTER = timedelta(minutes=2)  # without a success since the first failed attempt


class EndpointState(StrEnum):
    ACTIVE = "active"
    FAILING = "failing"  # active, and no attempt succeeds: pushes to it are still tried
    PAUSED = "paused"  # by its owner: it gets nothing new, and what was due waits
    DISABLED = "disabled"
    DELETED = "deleted"


NO_SUCCESS = "no_success"  # why an endpoint is failing


def shown_state(stored: str, failing_since: datetime | None, now: datetime) -> EndpointState:
    """The state of an endpoint at `now`. `stored`: as its row has it."""
    state = EndpointState(stored)
    fails = state is EndpointState.ACTIVE and failing_since is not None and now - failing_since >= FAILS_AFTER
    return EndpointState.FAILING if fails else state
