"""Quiet hours of a subscription: until when a push is held. Red is never held.

Pure. Shanghai local hours, which may pass midnight; the end itself is no longer quiet.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from services.alerts.domain.catalogue import Level
from shared.domain.clock import SHANGHAI, aware
from shared.domain.errors import Invalid

CLOCK = re.compile(r"[0-9]{1,2}:[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Quiet:
    """From `start` to `end`, Shanghai time; 22:00 to 07:00 passes midnight."""

    start: time
    end: time

    def holds(self, at: datetime) -> bool:
        """Whether `at` lies inside."""
        local = aware(at).astimezone(SHANGHAI).time()
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    @property
    def start_text(self) -> str:
        """`22:00`."""
        return f"{self.start:%H:%M}"

    @property
    def end_text(self) -> str:
        """`07:00`."""
        return f"{self.end:%H:%M}"


def read_quiet(start: str, end: str) -> Quiet:
    """From two texts HH:MM; raises Invalid."""
    quiet = Quiet(_time(start, "quiet.from"), _time(end, "quiet.to"))
    if quiet.start == quiet.end:
        rule = "two different times; leave `quiet` out for none"
        raise Invalid(f"quiet: {start} to {end} is no span", field="quiet.to", value=end, rule=rule)
    return quiet


def held_until(quiet: Quiet | None, at: datetime, level: Level | None = None) -> datetime | None:
    """When a push of `at` may go; None: at once."""
    if quiet is None or level is Level.RED or not quiet.holds(at):
        return None
    local = aware(at).astimezone(SHANGHAI)
    day = local.date() if local.time() < quiet.end else local.date() + timedelta(days=1)
    return aware(datetime.combine(day, quiet.end, SHANGHAI))


def _time(text: str, field: str) -> time:
    try:
        if not CLOCK.fullmatch(text):
            raise ValueError
        hour, minute = (int(part) for part in text.split(":"))
        return time(hour, minute)
    except ValueError as wrong:
        raise Invalid(f"{field} {text!r} is no time", field=field, value=text, rule="HH:MM, Shanghai time") from wrong
