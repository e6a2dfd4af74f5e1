"""Parameters that several routes take."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Query

from services.monitoring.domain.windows import seconds
from shared.domain.clock import aware, rfc3339
from shared.domain.errors import Invalid
from shared.runtime.parameters import CursorText, WrittenTime

Cursor = Annotated[CursorText | None, Query(alias="cursor")]
Limit = Annotated[int, Query(ge=1, le=1000)]
From = Annotated[WrittenTime | None, Query(alias="from", description="RFC 3339 with offset, inclusive")]
To = Annotated[WrittenTime | None, Query(description="RFC 3339 with offset, exclusive")]
FOREVER_S = 253_370_764_800  # year 9999


@dataclass(frozen=True, slots=True)
class Span:
    """Epoch seconds in [low, high)."""

    low_s: int
    high_s: int


def span_of(since: datetime | None, to: datetime | None) -> Span:
    """What `from` and `to` ask for; raises Invalid when they are the wrong way round or have no offset."""
    low = seconds(aware(since, "from")) if since else 0
    high = seconds(aware(to, "to")) if to else FOREVER_S
    if since and low > high:
        given = rfc3339(since)
        raise Invalid(f"from {given} lies after to", field="from", value=given, rule="a time that is not after `to`")
    return Span(low, high)
