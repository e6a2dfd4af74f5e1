"""How many pushes are on their way at once, and how long each of them may take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """`in_flight`: sent at once in all and to one endpoint, half of it at most to endpoints that fail; `held_endpoint`:
    claimed for one endpoint, so that its lane never waits for the database. `lease` must outlast one attempt."""

    in_flight: int = 512
    batch: int = 256
    in_flight_endpoint: int = 4
    held_endpoint: int = 16
    lease: timedelta = timedelta(seconds=30)
    attempt: timedelta = timedelta(seconds=16)
    fail_for: timedelta = timedelta(hours=120)
    jitter: float = 0.2
    poll_s: float = 0.5
    measure_s: float = 10.0
    grace_s: float = 2.0
