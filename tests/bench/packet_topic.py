"""Packets of 8 factors as the gateway writes them, in bulk: JSON of some 415 bytes, key MN, the masked frame in a header."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from services.monitoring.packet_record import packet_record
from shared.domain.clock import SHANGHAI, rfc3339
from shared.domain.events import PACKETS
from shared.hj212.reply import encode
from shared.ports import EventLog, NewRecord
from tests.bench.bulk_register import LOGGER_PASSWORD, BulkPoint

FACTORS = ("a21026", "a21002", "a19001", "a34013", "a01011", "a01012", "a01013", "a01014")
O2 = "a19001"
OVER_EVERY = 97  # one packet in so many exceeds a limit, about one in a hundred as in the field
AT_ONCE = 2_000
UNDER_WAY = 4  # appends not yet acknowledged


@dataclass(frozen=True, slots=True)
class PacketKind:
    """A command with the name of its values and the seconds between two packets of a point."""

    command: str
    value_name: str
    every_s: int


REAL_TIME = PacketKind("2011", "Rtd", 30)
HOURLY = PacketKind("2061", "Avg", 3600)


@dataclass(frozen=True, slots=True)
class DevicePacketCase:
    """The n-th packet of a stream: whose, of when, and how high its values are."""

    point: BulkPoint
    kind: PacketKind
    at: datetime
    number: int

    def value(self, factor: str) -> float:
        if factor == O2:
            return 7.9
        return 50.0 if self.number % OVER_EVERY == 0 else 20.0 + self.number % 9

    def frame(self) -> bytes:
        """As the device sends it."""
        name, items = self.kind.value_name, [f"DataTime={self.at:%Y%m%d%H%M%S}"]
        items += [f"{code}-{name}={self.value(code)},{code}-Flag=N" for code in FACTORS]
        head = f"QN={self.qn};ST=31;CN={self.kind.command};PW={LOGGER_PASSWORD};MN={self.point.mn};Flag=5"
        return encode(f"{head};CP=&&{';'.join(items)}&&".encode())

    @property
    def qn(self) -> str:
        return f"{self.at:%Y%m%d%H%M%S}{self.number % 1000:03d}"

    def record(self, register_offset: int) -> NewRecord:
        """As the gateway writes it."""
        document = {
            "mn": self.point.mn,
            "command": self.kind.command,
            "data_time": rfc3339(self.at),
            "qn": self.qn,
            "rf": False,
            "factors": {code: {self.kind.value_name: self.value(code), "Flag": "N"} for code in FACTORS},
            "st": "31",
        }
        return packet_record(
            document, received_at=self.at, source="gateway", register_offset=register_offset, raw=self.frame()
        )


def stream(points: Sequence[BulkPoint], kind: PacketKind, count: int, now: datetime) -> Iterator[DevicePacketCase]:
    """`count` packets up to now: each point in turn, moment by moment."""
    turns = -(-count // len(points))
    end = now.astimezone(SHANGHAI).replace(microsecond=0)
    end -= timedelta(seconds=end.timestamp() % kind.every_s)
    for n in range(count):
        at = end - timedelta(seconds=kind.every_s * (turns - n // len(points)))
        yield DevicePacketCase(points[n % len(points)], kind, at, n)


def fill(log: EventLog, cases: Iterable[DevicePacketCase], register_offset: int) -> int:
    """Append the packets; how many, all durable."""
    waiting: deque[Future[list[tuple[int, int]]]] = deque()
    count, left = 0, iter(cases)
    while part := [case.record(register_offset) for case in islice(left, AT_ONCE)]:
        waiting.append(log.append(PACKETS, part))
        count += len(part)
        if len(waiting) >= UNDER_WAY:
            waiting.popleft().result(60)
    for one in waiting:
        one.result(60)
    return count
