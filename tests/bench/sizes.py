"""How much the benches on Kafka and PostgreSQL carry: little by default, more by environment."""

from __future__ import annotations

import os
from dataclasses import dataclass

FEW, MANY = 500, 5_000  # points


@dataclass(frozen=True, slots=True)
class Sizes:
    """`real_time`, `hours`, `peers`: packets of a row. `points`: of the restart. `connections`: idle loggers.
    `seconds`: of a sustained load; `nation`: the points that it comes from."""

    real_time: int
    hours: int
    peers: int
    points: int
    connections: int
    seconds: int
    nation: int

    @classmethod
    def of_environment(cls) -> Sizes:
        """From YUJING_BENCH_PACKETS, _HOURS, _PEER_PACKETS, _POINTS, _CONNECTIONS, _SECONDS, _NATION."""
        return cls(
            real_time=of_environment("PACKETS", 40_000),
            hours=of_environment("HOURS", 6_000),
            peers=of_environment("PEER_PACKETS", 200_000),
            points=of_environment("POINTS", 10_000),
            connections=of_environment("CONNECTIONS", 2_000),
            seconds=of_environment("SECONDS", 20),
            nation=of_environment("NATION", MANY),
        )


def of_environment(name: str, default: int) -> int:
    """YUJING_BENCH_<name>."""
    return int(os.environ.get(f"YUJING_BENCH_{name}", default))
