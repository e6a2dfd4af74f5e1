"""How much the benches on Kafka and PostgreSQL carry: little by default, more by environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

FEW, MANY = 500, 5_000  # points


@dataclass(frozen=True, slots=True)
class Sizes:
    """`real_time`, `hours`, `peers`: packets of a row. `points`: of the restart. `connections`: idle loggers.
    `seconds`: of a sustained load."""

    real_time: int
    hours: int
    peers: int
    points: int
    connections: int
    seconds: int

    @classmethod
    def of_environment(cls) -> Sizes:
        """From YUJING_BENCH_PACKETS, _HOURS, _PEER_PACKETS, _POINTS, _CONNECTIONS, _SECONDS."""
        return cls(
            real_time=_number("PACKETS", 40_000),
            hours=_number("HOURS", 6_000),
            peers=_number("PEER_PACKETS", 200_000),
            points=_number("POINTS", 10_000),
            connections=_number("CONNECTIONS", 2_000),
            seconds=_number("SECONDS", 20),
        )


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"YUJING_BENCH_{name}", default))
