"""Series and latest values of a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.monitoring.api.requests import Cursor, From, Limit, To, span_of
from services.monitoring.api.responses import ItemNoteOut, VerdictOut, shown_time
from services.monitoring.api.scope import point_seen
from services.monitoring.domain.item_note_row import NoteRow
from services.monitoring.domain.plausible import plausible_range
from services.monitoring.domain.reading import PeriodValue
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import WindowKey
from services.monitoring.store.notes import notes_on
from services.monitoring.store.values import latest, series
from services.monitoring.store.verdicts import verdicts_of
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.pollutant import pollutant
from shared.domain.quantity import from_micro, plain
from shared.register import read_point
from shared.runtime.auth import allow
from shared.runtime.web import Page, cursor, read_cursor

PointReader = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER, Role.DEVICE)]


class Period(StrEnum):
    INSTANT = "instant"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class ValueOut(BaseModel):
    """A reported value as it stands, with notes on its packet's items; `converted` is the device's own Zs value, `unit` what
    the point sends; not `plausible`: it cannot be a measurement."""

    factor: str
    period: Period
    at: str
    value: str | None
    converted: str | None
    plausible: bool
    mark: str
    unit: str | None
    source: str
    received_at: str
    extras: dict[str, float] | None = None
    verdict: VerdictOut | None = None
    notes: list[ItemNoteOut] | None = None


def add_series(router: APIRouter, database: Database) -> None:
    """GET series, latest. Long because it only lists them."""

    @router.get("/points/{mn}/series", tags=["points"], summary="监测数据序列 / A point's series")
    def get_series(
        caller: PointReader,
        mn: str,
        factor: Annotated[str, Query(min_length=1, max_length=32)],
        period: Period = Period.HOUR,
        since: From = None,
        to: To = None,
        after: Cursor = None,
        limit: Limit = 200,
    ) -> Page[ValueOut]:
        """Values of one factor in order of time, with the verdict on hours and days."""
        span = span_of(since, to)
        behind = read_cursor(after, int)
        with database.read() as session:
            units = read_point(point_seen(session, caller, mn).data).units
            low = behind[0] + 1 if behind else span.low_s
            rows = series(session, mn, factor, period.value, low_s=low, high_s=span.high_s, limit=limit + 1)
            keys = [WindowKey(mn, period.value, row.start_s) for row in rows]
            verdicts = verdicts_of(session, keys) if period in (Period.HOUR, Period.DAY) else {}
            notes = notes_on(session, mn, factor, period.value, [row.start_s for row in rows])
        items = [
            _value(
                row,
                units,
                verdicts.get(WindowKey(mn, row.period, row.start_s), {}).get(factor),
                notes.get(row.start_s, ()),
            )
            for row in rows[:limit]
        ]
        return Page(items=items, next=cursor(rows[limit - 1].start_s) if len(rows) > limit else None)

    @router.get("/points/{mn}/latest", tags=["points"], summary="最新监测数据 / A point's latest values")
    def get_latest_values(caller: PointReader, mn: str) -> Page[ValueOut]:
        """The newest value of each factor and period; of real-time and minute values among the newest 2,000 packets."""
        with database.read() as session:
            units = read_point(point_seen(session, caller, mn).data).units
            rows = latest(session, mn)
        return Page(items=[_value(row, units, None) for row in rows])


def _value(
    row: PeriodValue, units: Mapping[str, str], verdict: VerdictRow | None, notes: Sequence[NoteRow] = ()
) -> ValueOut:
    """Of the notes on the window those are shown that came with this value, or later."""
    current = [ItemNoteOut.of(one.note) for one in notes if one.received_at_s >= row.received_at_s]
    unit = units.get(row.factor) or pollutant(row.factor).unit
    possible = plausible_range(row.factor, unit)
    return ValueOut(
        factor=row.factor,
        period=Period(row.period),
        at=shown_time(row.start_s),
        value=_text(row.micro),
        converted=_text(row.zs_micro),
        plausible=all(possible.holds(one) for one in (row.micro, row.zs_micro) if one is not None),
        mark=row.mark,
        unit=unit,
        source=row.source,
        received_at=shown_time(row.received_at_s),
        extras=msgspec.json.decode(row.extras, type=dict[str, float]) if row.extras else None,
        verdict=VerdictOut.of(verdict) if verdict else None,
        notes=current or None,
    )


def _text(micro: int | None) -> str | None:
    return None if micro is None else plain(from_micro(micro))
