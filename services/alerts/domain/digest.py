"""Which collected alerts go out now as one digest: daily at 08:30 and weekly on Monday at 08:30, Shanghai; historical ones
60 s after the last of them.

Pure: when what was collected, and `now`. A missed moment is caught up by one digest over all that waited.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from services.alerts.domain import origin
from services.alerts.domain.catalogue import Level
from shared.domain.clock import DAY, SHANGHAI, aware, rfc3339
from shared.domain.events import DIGEST, Event
from shared.domain.identity import derived_id
from shared.domain.json import JsonObject

AT = time(8, 30)
SETTLED = timedelta(seconds=60)
WEEK = 7 * DAY


class Cadence(StrEnum):
    """Also the digest's `reason`."""

    DAILY = "daily"
    WEEKLY = "weekly"
    HISTORICAL = "historical"


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an endpoint has waiting: the first and the last moment at which an alert was added."""

    endpoint_id: str
    cadence: Cadence
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """A digest that is due: of what was added from `start` on and before `end`."""

    start: datetime
    end: datetime


def due(waiting: Waiting, now: datetime) -> Span | None:
    """The digest that is due by now; None: not yet."""
    if waiting.cadence is Cadence.HISTORICAL:
        settled = now >= waiting.last + SETTLED
        return Span(waiting.first, waiting.last + timedelta(microseconds=1)) if settled else None
    end = last_moment(waiting.cadence, now)
    return Span(last_moment(waiting.cadence, waiting.first), end) if waiting.first < end else None


def last_moment(cadence: Cadence, now: datetime) -> datetime:
    """The last 08:30 of a day, or of a Monday, that is not after `now`."""
    local = aware(now).astimezone(SHANGHAI)
    back = local.weekday() if cadence is Cadence.WEEKLY else 0
    moment = datetime.combine(local.date() - timedelta(days=back), AT, SHANGHAI)
    if moment > local:
        moment -= WEEK if cadence is Cadence.WEEKLY else DAY
    return aware(moment)


@dataclass(frozen=True, slots=True)
class Line:
    """One alert of a digest, as it is now. `headline`: its words by language."""

    alert_id: str
    headline: Mapping[str, str]
    kind: str
    level: Level


def event(recipient: str, cadence: Cadence, span: Span, lines: Sequence[Line], *, public_url: str = "") -> Event:
    """The CloudEvent; its id is the same when it is made again for the same recipient and span. `public_url`: of the links."""
    digest_id = derived_id("dgs", recipient, cadence.value, span.end.isoformat())
    data: JsonObject = {
        "reason": cadence.value,
        "from": rfc3339(span.start),
        "to": rfc3339(span.end.replace(microsecond=0) if cadence is Cadence.HISTORICAL else span.end),
        "counts": {level.value: sum(line.level is level for line in lines) for level in Level},
        "alerts": [_line(line, public_url) for line in lines],
    }
    schema = origin.schema_url(public_url, origin.DIGEST)
    return Event(DIGEST, origin.source(public_url), digest_id, 1, span.end, data, dataschema=schema)


def _line(line: Line, public_url: str) -> JsonObject:
    return {
        "id": line.alert_id,
        "headline": dict(line.headline),
        "kind": line.kind,
        "level": line.level.value,
        "href": origin.alert_url(public_url, line.alert_id),
    }
