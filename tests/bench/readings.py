"""How many readings a second monitoring's handler takes in, commits included: packets of 8 factors, two of them limited.

By itself: `python -m tests.bench.readings`, real-time and hour packets, on SQLite and, where it is found, PostgreSQL.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from stdnum.cn import uscc

from shared.ports import Record
from tests.support.servers import find_postgres, postgres_server
from tests.unit.monitoring.harness import NOX, O2, SO2, MonitoringHarness, a_limit

FACTORS = (SO2, NOX, O2, "a34013", "a01011", "a01012", "a01013", "a01014")
OVER_EVERY = 97  # one packet in so many exceeds a limit, about one in a hundred as in the field


def bench_readings(
    packets: int = 20_000, batch: int = 500, points: int = 500, command: str = "2011", url: str | None = None
) -> dict[str, float]:
    """Readings a second from record to committed rows: values, due marks, last-seen; of hours verdicts and risks too."""
    with TemporaryDirectory() as folder:
        harness = MonitoringHarness(Path(folder), "2026-11-20 12:00", url=url)
        mns = [_an_outlet(harness, n) for n in range(points)]
        records = _hours(harness, mns, packets) if command == "2061" else _seconds(harness, mns, packets)
        began = perf_counter()
        harness.take(*records, batch=batch)
        took = perf_counter() - began
        harness.database.close()
    rate = {"packets_per_s": round(packets / took), "readings_per_s": round(packets * len(FACTORS) / took)}
    return {"packets": packets, "seconds": round(took, 3), **rate}


def _an_outlet(harness: MonitoringHarness, number: int) -> str:
    """An enterprise with one permit, one outlet and one point."""
    body, mn = f"91150102MA{number:07d}", f"A110000_{number:04d}"
    code = body + str(uscc.calc_check_digit(body))
    harness.an_enterprise(code)
    harness.a_point(mn, code=code)
    harness.a_permit(a_limit(), a_limit(NOX, "100"), mns=[mn], code=code)
    return mn


def _seconds(harness: MonitoringHarness, mns: list[str], packets: int) -> list[Record]:
    """One packet a minute and point, up to now."""
    begin = harness.now - timedelta(minutes=packets // len(mns) + 1)
    return [_packet(harness, begin + timedelta(minutes=n // len(mns)), mns, n, "2011") for n in range(packets)]


def _hours(harness: MonitoringHarness, mns: list[str], packets: int) -> list[Record]:
    """All points' hour packets, hour by hour, up to now."""
    begin = harness.now.replace(minute=0) - timedelta(hours=packets // len(mns) + 1)
    return [_packet(harness, begin + timedelta(hours=n // len(mns)), mns, n, "2061") for n in range(packets)]


def _packet(harness: MonitoringHarness, at: Any, mns: list[str], n: int, command: str) -> Record:
    name, value = ("Rtd" if command == "2011" else "Avg"), (50.0 if n % OVER_EVERY == 0 else 20.0 + n % 9)
    factors = {code: {name: 7.9 if code == O2 else value, "Flag": "N"} for code in FACTORS}
    return harness.packet(at, factors, command=command, mn=mns[n % len(mns)])


def main() -> None:
    print("SQLite", {command: bench_readings(4000, command=command) for command in ("2011", "2061")})
    if find_postgres():
        with TemporaryDirectory() as folder, postgres_server(Path(folder)) as server:
            found = {c: bench_readings(4000, command=c, url=server.new_database()) for c in ("2011", "2061")}
        print("PostgreSQL", found)


if __name__ == "__main__":
    main()
