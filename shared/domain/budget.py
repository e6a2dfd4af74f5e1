"""How often somebody may call: a token bucket as a function of its state and of now.

Pure. A bucket begins full, loses one for each call that is granted, and fills at a steady pace. A refused call costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

WHOLE = 1.0 - 1e-9  # additions of parts of a call may end this little below one


@dataclass(frozen=True, slots=True)
class Budget:
    """`burst` calls at once, and `per_s` more each second."""

    per_s: float
    burst: float


@dataclass(frozen=True, slots=True)
class Bucket:
    """The calls that were left at `at_s`, in seconds of a clock that only goes forward."""

    left: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Grant:
    """The bucket after a call; `wait_s`: until the next one is granted, 0 when this one was."""

    bucket: Bucket
    wait_s: float


def left(bucket: Bucket, budget: Budget, now_s: float) -> float:
    """The calls that are left now."""
    return min(budget.burst, bucket.left + max(0.0, now_s - bucket.at_s) * budget.per_s)


def take(bucket: Bucket | None, budget: Budget, now_s: float) -> Grant:
    """One call more. `bucket`: None for a caller without one."""
    there = budget.burst if bucket is None else left(bucket, budget, now_s)
    if there < WHOLE:
        return Grant(Bucket(there, now_s), (1.0 - there) / budget.per_s)
    return Grant(Bucket(there - 1.0, now_s), 0.0)
