"""Times: aware UTC inside, Asia/Shanghai at the edges; the two clocks that everything is given.

`field_now()` decides (windows, silence, expiry, deadlines); `wall_now()` serves leases, retries, tokens and signatures.
A naive datetime is refused where it comes in.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from math import isfinite, nan

from shared.domain.errors import Invalid

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")  # no summer time since 1991
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def aware(at: datetime, field: str = "time") -> datetime:
    """The same instant in UTC; raises Invalid for a naive one, and for one that UTC has no year for."""
    if at.tzinfo is None:
        raise Invalid(
            f"{field} {at.isoformat()} has no offset", field=field, value=at.isoformat(), rule="RFC 3339 with offset"
        )
    try:
        return at.astimezone(UTC)
    except OverflowError as wrong:
        value = at.isoformat()
        raise Invalid(f"{field} {value} is out of range", field=field, value=value, rule="years 1 to 9999") from wrong


def shanghai_day(at: datetime) -> date:
    """The calendar day in Shanghai that holds `at`."""
    return aware(at).astimezone(SHANGHAI).date()


def day_start(day: date) -> datetime:
    """Shanghai midnight at which `day` begins, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI).astimezone(UTC)


def hour_start(at: datetime) -> datetime:
    """The whole hour that holds `at` (Shanghai's offset is whole hours, so UTC hours are Shanghai hours)."""
    return aware(at).replace(minute=0, second=0, microsecond=0)


def window_start(at: datetime, averaging: str) -> datetime:
    """The start of the `hour` or `day` window that holds `at`."""
    return day_start(shanghai_day(at)) if averaging == "day" else hour_start(at)


def window_end(start: datetime, averaging: str) -> datetime:
    """The end (exclusive) of the `hour` or `day` window that starts at `start`."""
    return start + (DAY if averaging == "day" else HOUR)


def rfc3339(at: datetime) -> str:
    """Shanghai time with its offset, whole seconds unless there are parts of one."""
    local = aware(at).astimezone(SHANGHAI)
    return local.isoformat(timespec="milliseconds" if local.microsecond else "seconds")


def parse_rfc3339(text: str, field: str = "time") -> datetime:
    """An aware UTC instant from RFC 3339 text with offset; raises Invalid otherwise."""
    try:
        at = datetime.fromisoformat(text)
    except (ValueError, TypeError) as wrong:
        raise Invalid(
            f"{field} {text!r} is not RFC 3339", field=field, value=text, rule="RFC 3339 with offset"
        ) from wrong
    return aware(at, field)


@dataclass(frozen=True, slots=True)
class Instant:
    """Both clocks as one transaction sees them."""

    field: datetime
    wall: datetime
    s: int = dataclasses.field(init=False, compare=False)  # field time in whole epoch seconds

    def __post_init__(self) -> None:
        object.__setattr__(self, "s", int(self.field.timestamp()))


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks, injected. `speed` > 1 only in one embedded host with fresh data (the demo)."""

    wall_now: Callable[[], datetime]
    field_now: Callable[[], datetime]
    speed: float = 1.0

    def now(self) -> Instant:
        return Instant(self.field_now(), self.wall_now())


def system_clock() -> Clock:
    """Both clocks are the machine's."""

    def now() -> datetime:
        return datetime.now(UTC)

    return Clock(wall_now=now, field_now=now)


def field_clock(setting: str) -> Clock:
    """The clock of `YUJING_FIELD_CLOCK=<field start>@<speed>@<wall start>`; field time never passes wall time."""
    parts = setting.split("@")
    if len(parts) != 3:
        raise Invalid(
            f"field clock {setting!r} is not <field start>@<speed>@<wall start>",
            field="YUJING_FIELD_CLOCK",
            value=setting,
            rule="<RFC 3339>@<speed>@<RFC 3339>",
        )
    start, wall_start = parse_rfc3339(parts[0], "field start"), parse_rfc3339(parts[2], "wall start")
    speed = _speed(parts[1])

    def wall() -> datetime:
        return datetime.now(UTC)

    def field() -> datetime:
        now = wall()
        return min(start + (now - wall_start) * speed, now)

    return Clock(wall_now=wall, field_now=field, speed=speed)


def _speed(text: str) -> float:
    """How many field seconds pass in a wall second. Raises: Invalid for what is no number above zero."""
    try:
        speed = float(text)
    except ValueError:
        speed = nan
    if not (isfinite(speed) and speed > 0):
        raise Invalid(
            f"the speed {text!r} of the field clock is not a number above 0",
            field="YUJING_FIELD_CLOCK",
            value=text,
            rule="a number above 0",
        )
    return speed


def monotonic_s() -> float:
    """Seconds for durations; never goes backwards."""
    return time.monotonic()
