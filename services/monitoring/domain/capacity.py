"""What so many points need: computed from figures that were measured, each with its date and command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from services.monitoring.domain.windows import DAY_S

YEAR_DAYS = 365
SPARE = 2  # times what comes in: a backlog is caught up while packets go on coming
LEAST_PARTITIONS = 12
OF_MANY = ("processes", "partitions")  # of the distributed shape
OF_FRAMES = ("frames_per_day", "frames_per_year", "frame_hours_per_day")


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, when and how."""

    name: str
    value: float
    unit: str
    measured_on: str
    command: str
    note: str


@dataclass(frozen=True, slots=True)
class Load:
    """Points that send a packet of so many factors every `interval_s`; `days` of packets stay in the database."""

    points: int
    interval_s: int
    factors: int
    days: int

    @property
    def packets_per_s(self) -> float:
        return self.points / self.interval_s

    @property
    def readings_per_s(self) -> float:
        return self.packets_per_s * self.factors


@dataclass(frozen=True, slots=True)
class Need:
    """One line: what is needed, and the names of the figures that it rests on."""

    name: str
    value: float
    unit: str
    rests_on: tuple[str, ...]


def needs(load: Load, figures: Mapping[str, Figure], *, distributed: bool, frames: bool = True) -> list[Need]:
    """What the load needs, in order of reading. `frames`: what came stands in the archive too, as it came."""
    value = {name: figure.value for name, figure in figures.items()}
    shape = "distributed" if distributed else "embedded"
    taken = f"{shape}_readings_per_s"
    processes = ceil(SPARE * load.readings_per_s / value[taken])
    row, row_of_factor = f"{shape}_bytes_per_packet", f"{shape}_bytes_per_reading"
    a_day = load.packets_per_s * DAY_S
    database = a_day * (value[row] + load.factors * value[row_of_factor])
    files = a_day * (value["archive_bytes_per_packet"] + load.factors * value["archive_bytes_per_reading"])
    series = load.points * load.factors
    memory = processes * value["process_bytes"] + series * value["bytes_per_series"]
    archive_h = load.readings_per_s * DAY_S / value["archive_readings_per_s"] / 3_600
    raw = a_day * (value["frame_bytes_per_packet"] + load.factors * value["frame_bytes_per_reading"])
    frame_h = a_day / value["frames_per_s"] / 3_600
    of_frames = ("frame_bytes_per_packet", "frame_bytes_per_reading")
    of_files = ("archive_bytes_per_packet", "archive_bytes_per_reading")
    found = [
        Need("packets_per_s", load.packets_per_s, "1/s", ()),
        Need("readings_per_s", load.readings_per_s, "1/s", ()),
        Need("readings_per_day", load.readings_per_s * DAY_S, "", ()),
        Need("series", series, "", ()),
        Need("processes", processes, "", (taken,)),
        Need("partitions", max(LEAST_PARTITIONS, SPARE * processes), "", (taken,)),
        Need("cores", max(2, ceil(SPARE * load.readings_per_s * value[f"{shape}_cores"] / value[taken])), "", (taken,)),
        Need("memory", memory, "B", ("process_bytes", "bytes_per_series")),
        Need("database_per_day", database, "B", (row, row_of_factor)),
        Need("database", database * (load.days + 1), "B", (row, row_of_factor)),
        Need("archive_per_day", files, "B", of_files),
        Need("archive_per_year", files * YEAR_DAYS, "B", of_files),
        Need("archive_hours_per_day", archive_h, "h", ("archive_readings_per_s",)),
        Need("frames_per_day", raw, "B", of_frames),
        Need("frames_per_year", raw * YEAR_DAYS, "B", of_frames),
        Need("frame_hours_per_day", frame_h, "h", ("frames_per_s",)),
    ]
    left_out = (() if distributed else OF_MANY) + (() if frames else OF_FRAMES)
    return [need for need in found if need.name not in left_out]
