"""One simulated data logger: which packet it makes for which field time, and when each is due.

Speaks HJ/T 212-2005, HJ 212-2017 or the flags of 2025, one generation a logger. Sending and resending are the fleet's.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from shared.domain.clock import DAY, HOUR, SHANGHAI, day_start, hour_start, shanghai_day
from shared.domain.pollutant import OXYGEN, pollutants
from shared.hj212.items import Item
from shared.hj212.packet import Upload
from shared.hj212.reply import build, encode
from shared.register import Limit

from .region import SamplePoint
from .signals import Reading, Signal

MINUTES = timedelta(minutes=10)  # MinInterval, customary
REALTIME_FAST, REALTIME = timedelta(hours=1), timedelta(minutes=1)  # while field time runs, and at the wall's pace
COMMANDS = {Upload.REALTIME: "2011", Upload.MINUTE: "2051", Upload.HOUR: "2061", Upload.DAY: "2031"}
_VERSION_BITS = {2005: 0, 2017: 4, 2025: 8}
_ANSWER, _NUMBERED = 1, 2
_BESIDE = {"31": ("a00000", "a01011", "a01012", "a01013", "a01014"), "32": ("w00000", "w01001")}
_FLOW = {"31": "a00000", "32": "w00000"}


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame and what its answer will carry."""

    raw: bytes
    qn: str
    cn: str


@dataclass(frozen=True, slots=True, order=True)
class Due:
    """An upload that may be sent from `at` on. `start`: of its period; of real-time data, the moment."""

    at: datetime
    upload: Upload
    start: datetime


@dataclass
class Timetable:
    """The uploads of a logger in the order they fall due, without end."""

    begin: datetime
    offset: timedelta
    _heap: list[Due] = field(default_factory=list)

    def __post_init__(self) -> None:
        hour = hour_start(self.begin)
        today = day_start(shanghai_day(self.begin))
        self._push(Upload.REALTIME, self.begin)
        self._push(Upload.MINUTE, hour + ((self.begin - hour) // MINUTES) * MINUTES)
        self._push(Upload.HOUR, hour)
        self._push(Upload.DAY, today)

    def peek(self) -> Due:
        return self._heap[0]

    def pass_on(self, *, behind: timedelta) -> None:
        """The first upload is done: enter its successor. `behind`: how far it was behind wall time."""
        done = heapq.heappop(self._heap)
        step = {
            Upload.REALTIME: min(max(behind, REALTIME), REALTIME_FAST),
            Upload.MINUTE: MINUTES,
            Upload.HOUR: HOUR,
            Upload.DAY: DAY,
        }[done.upload]
        self._push(done.upload, done.start + step)

    def _push(self, upload: Upload, start: datetime) -> None:
        lag = {
            Upload.REALTIME: self.offset,
            Upload.MINUTE: MINUTES + self.offset / 4,
            Upload.HOUR: HOUR + self.offset,
            Upload.DAY: DAY + self.offset * 2,
        }[upload]
        heapq.heappush(self._heap, Due(start + lag, upload, start))


@dataclass
class Logger:
    """`signal` says what it measures; every frame has its own QN."""

    point: SamplePoint
    signal: Signal
    _last_qn: datetime | None = None

    def timetable(self, begin: datetime) -> Timetable:
        """Loggers report some minutes after a period's end, each at its own."""
        spread = zlib.crc32(self.point.mn.encode()) % 180
        return Timetable(begin, timedelta(seconds=20 + spread))

    def hello(self, now: datetime) -> list[Frame]:
        """What it sends when it comes up: login or heartbeat of its generation, and its start time."""
        greeting = {2005: "9021", 2017: "1013", 2025: "9015"}[self.point.generation]
        started: Item = (("DataTime", _local(now)), ("RestartTime", _local(now)))
        return [self._frame(greeting, (), now), self._frame("2081", (started,), now)]

    def frames(self, upload: Upload, start: datetime, now: datetime) -> list[Frame]:
        """The packet of an upload; in parts where it is longer than the logger may send."""
        head: Item = (("DataTime", _local(start)),)
        parts = list(_parts(self._items(upload, start), self.point.longest_cp - len("DataTime=20260101000000;")))
        cn = COMMANDS[upload]
        if len(parts) == 1:
            return [self._frame(cn, (head, *parts[0]), now)]
        return [
            self._frame(cn, (head, *part), now, part_of=(len(parts), number)) for number, part in enumerate(parts, 1)
        ]

    def _frame(self, cn: str, cp: tuple[Item, ...], now: datetime, part_of: tuple[int, int] | None = None) -> Frame:
        qn = self._qn(now)
        flag = _VERSION_BITS[self.point.generation] | _ANSWER | (_NUMBERED if part_of else 0)
        total, number = part_of or (None, None)
        segment = build(
            mn=self.point.mn, cn=cn, st=self.point.system, qn=qn, pw=self.point.password, flag=flag,
            pnum=total, pno=number, cp=cp,
        )  # fmt: skip
        return Frame(encode(segment), qn, cn)

    def _qn(self, now: datetime) -> str:
        """Milliseconds, never the same twice."""
        at = now.replace(microsecond=now.microsecond // 1000 * 1000)
        if self._last_qn is not None and at <= self._last_qn:
            at = self._last_qn + timedelta(milliseconds=1)
        self._last_qn = at
        return f"{_local(at)}{at.microsecond // 1000:03d}"

    def _items(self, upload: Upload, start: datetime) -> list[Item]:
        items = [self._limited(upload, limit, start) for limit in self._limits()]
        oxygen = self.signal.oxygen(start)
        if oxygen is not None:
            items.append(self._plain(upload, OXYGEN, oxygen))
        items += [self._plain(upload, code, self.signal.auxiliary(code, start)) for code in _BESIDE[self.point.system]]
        return items

    def _limits(self) -> list[Limit]:
        return list({limit.factor: limit for limit in self.point.limits}.values())

    def _limited(self, upload: Upload, limit: Limit, start: datetime) -> Item:
        reading = _READ[upload](self.signal, limit, start)
        code = self._code(limit.factor)
        flag = (f"{code}-Flag", reading.flag)
        if upload is Upload.REALTIME:
            converted = () if reading.converted is None else ((f"{code}-ZsRtd", f"{reading.converted:.2f}"),)
            return ((f"{code}-Rtd", f"{reading.measured:.2f}"), *converted, flag)
        return (*self._amount(upload, limit.factor, reading.measured, start), *_span(code, "", reading.measured),
                *(() if reading.converted is None else _span(code, "Zs", reading.converted)), flag)  # fmt: skip

    def _amount(self, upload: Upload, factor: str, mean: float, start: datetime) -> Item:
        """The mass emitted in an hour or day, kg: mg/m³ × m³/s (or mg/L × L/s) × s."""
        seconds = {Upload.HOUR: 3600, Upload.DAY: 86400}.get(upload)
        if seconds is None:
            return ()
        flow = self.signal.auxiliary(_FLOW[self.point.system], start)
        return ((f"{self._code(factor)}-Cou", f"{mean * flow * seconds / 1e6:.3f}"),)

    def _plain(self, upload: Upload, factor: str, value: float) -> Item:
        code = self._code(factor)
        flag = (f"{code}-Flag", "N")
        if upload is Upload.REALTIME:
            return ((f"{code}-Rtd", f"{value:.2f}"), flag)
        return (*_span(code, "", value), flag)

    def _code(self, factor: str) -> str:
        return _codes_2005().get(factor, factor) if self.point.generation == 2005 else factor


@cache
def _codes_2005() -> dict[str, str]:
    return {code: found.code_2005.strip() for code, found in pollutants().items() if found.code_2005.strip()}


def _minute(signal: Signal, limit: Limit, start: datetime) -> Reading:
    return signal.moment(limit, start, spread=0.02)


_READ: dict[Upload, Callable[[Signal, Limit, datetime], Reading]] = {
    Upload.REALTIME: lambda signal, limit, at: signal.moment(limit, at),
    Upload.MINUTE: _minute,
    Upload.HOUR: lambda signal, limit, start: signal.hour(limit, start),
    Upload.DAY: lambda signal, limit, start: signal.day(limit, start),
}


def _span(code: str, prefix: str, mean: float) -> Item:
    low, high = sorted((mean * 0.95, mean * 1.04))
    return ((f"{code}-{prefix}Min", f"{low:.2f}"), (f"{code}-{prefix}Avg", f"{mean:.2f}"),
            (f"{code}-{prefix}Max", f"{high:.2f}"))  # fmt: skip


def _parts(items: list[Item], longest: int) -> Iterator[tuple[Item, ...]]:
    """Whole items, as many as fit."""
    part: list[Item] = []
    size = 0
    for item in items:
        length = sum(len(key) + len(value) + 2 for key, value in item)
        if part and size + length > longest:
            yield tuple(part)
            part, size = [], 0
        part.append(item)
        size += length
    yield tuple(part)


def _local(at: datetime) -> str:
    return at.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")
