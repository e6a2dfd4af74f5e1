"""How many readings a second monitoring's handler takes in: packets of 8 instantaneous values, commits included."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from tests.unit.monitoring.scene import CREDIT_CODE, NOX, O2, SO2, Scene, a_limit

FACTORS = (SO2, NOX, O2, "a34013", "a01011", "a01012", "a01013", "a01014")


def bench_readings(
    packets: int = 20_000, batch: int = 500, points: int = 500, command: str = "2011"
) -> dict[str, float]:
    """Readings a second from record to committed truth row, with due marks and last-heard."""
    name = "Rtd" if command == "2011" else "Avg"
    with TemporaryDirectory() as folder:
        scene = Scene(Path(folder), "2026-11-20 12:00")
        mns = [f"A110000_{n:04d}" for n in range(points)]
        scene.an_enterprise()
        for mn in mns:
            scene.a_point(mn)
        scene.a_permit(a_limit(), a_limit(NOX, "100"), mns=mns, code=CREDIT_CODE)
        begin = scene.now - timedelta(minutes=packets // points + 1)
        step = timedelta(hours=1) if command == "2061" else timedelta(minutes=1)
        if command == "2061":
            begin = scene.now.replace(minute=0) - step * (packets // points + 1)
        records = [
            scene.packet(
                begin + (n // points) * step,
                {code: {name: 7.9 if code == O2 else 20.0 + n % 9, "Flag": "N"} for code in FACTORS},
                command=command,
                mn=mns[n % points],
            )
            for n in range(packets)
        ]
        began = perf_counter()
        scene.take(*records, batch=batch)
        took = perf_counter() - began
        scene.database.close()
    return {"packets": packets, "seconds": round(took, 3), "readings_per_s": round(packets * len(FACTORS) / took)}


if __name__ == "__main__":
    print({command: bench_readings(command=command) for command in ("2011",)})
    print(bench_readings(2000, points=100, command="2061"))
