"""Reading: series and latest values of a point, exceeding windows and their episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import select, tuple_

from services.monitoring.api.scope import enterprises_seen, point_seen
from services.monitoring.detectors.exceedance import KIND
from services.monitoring.domain.verdict import Status, multiple, shown_multiple, shown_value
from services.monitoring.domain.windows import LENGTH_S, instant, seconds
from services.monitoring.store.tables import DECISION, RISK
from services.monitoring.store.values import latest, series
from services.monitoring.store.verdicts import decisions_of, historical
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.clock import aware, rfc3339
from shared.domain.errors import Invalid
from shared.domain.pollutant import pollutant
from shared.domain.quantity import from_micro, plain
from shared.eventlog.codec import decode
from shared.runtime.auth import allow
from shared.runtime.web import Page, cursor, read_cursor

Reader = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER)]
PointReader = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER, Role.DEVICE)]
Cursor = Annotated[str | None, Query(description="`next` of the former page")]
Limit = Annotated[int, Query(ge=1, le=1000)]
From = Annotated[datetime | None, Query(alias="from", description="RFC 3339 with offset, inclusive")]
To = Annotated[datetime | None, Query(description="RFC 3339 with offset, exclusive")]
FOREVER_S = 253_370_764_800  # year 9999


class Period(StrEnum):
    INSTANT = "instant"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Of(StrEnum):
    WINDOWS = "windows"
    EPISODES = "episodes"


class Order(StrEnum):
    DESC = "desc"
    ASC = "asc"


class VerdictOut(BaseModel):
    """What became of the window; strings without trailing zeros, `decided` in the limit's unit."""

    status: Status
    reason: str | None
    value_kind: str | None
    decided: str | None
    limit: str
    unit: str
    multiple: str | None


class ValueOut(BaseModel):
    """A reported value as it stands; `converted` is the device's own Zs value, `unit` what the point sends."""

    factor: str
    period: Period
    at: str
    value: str | None
    converted: str | None
    mark: str
    unit: str | None
    source: str
    received_at: str
    extras: dict[str, float] | None = None
    verdict: VerdictOut | None = None


class WindowOut(VerdictOut):
    """An exceeding window of one point."""

    credit_code: str
    permit: str
    outlet: str
    factor: str
    point: str
    window: dict[str, str]
    measured: str | None
    reference_o2_pct: str | None
    first_seen_at: str
    historical: bool


def add_reads(router: APIRouter, database: Database) -> None:
    """GET series, latest, exceedances. Long because it only lists them."""

    @router.get("/points/{mn}/series", tags=["points"], summary="监测数据序列 / A point's series")
    def read_series(
        caller: PointReader,
        mn: str,
        factor: Annotated[str, Query(min_length=1, max_length=32)],
        period: Period = Period.HOUR,
        since: From = None,
        to: To = None,
        after: Annotated[str | None, Query(alias="cursor")] = None,
        limit: Limit = 200,
    ) -> Page[ValueOut]:
        """Values of one factor in order of time, with the verdict on hours and days."""
        low, high = _span(since, to)
        behind = read_cursor(after, int)
        with database.read() as session:
            point = point_seen(session, caller, mn)
            low = behind[0] + 1 if behind else low
            rows = series(session, mn, factor, period.value, low_s=low, high_s=high, limit=limit + 1)
            keys = [(mn, period.value, row.start_s) for row in rows]
            verdicts = decisions_of(session, keys) if period in (Period.HOUR, Period.DAY) else {}
        units = point.data["document"].get("units") or {}
        items = [
            _value(row, units, verdicts.get((mn, row.period, row.start_s), {}).get(factor)) for row in rows[:limit]
        ]
        return Page(items=items, next=cursor(rows[limit - 1].start_s) if len(rows) > limit else None)

    @router.get("/points/{mn}/latest", tags=["points"], summary="最新监测数据 / A point's latest values")
    def read_latest(caller: PointReader, mn: str) -> Page[ValueOut]:
        """The newest value of each factor and period."""
        with database.read() as session:
            units = point_seen(session, caller, mn).data["document"].get("units") or {}
            rows = latest(session, mn)
        return Page(items=[_value(row, units, None) for row in rows])

    @router.get("/exceedances", tags=["exceedances"], summary="超标时段与超标过程 / Exceeding windows and episodes")
    def read_exceedances(
        caller: Reader,
        of: Of = Of.WINDOWS,
        credit_code: str | None = None,
        outlet: str | None = None,
        factor: str | None = None,
        since: From = None,
        to: To = None,
        order: Annotated[Order, Query(description="by the start: newest first, or oldest first")] = Order.DESC,
        after: Annotated[str | None, Query(alias="cursor")] = None,
        limit: Limit = 200,
    ) -> Page[dict[str, Any]]:
        """`of=windows`: each exceeding window (WindowOut); `of=episodes`: each episode as its risk says it."""
        wanted = {"credit_code": credit_code, "outlet": outlet, "factor": factor}
        asked = _Asked(caller, {k: v for k, v in wanted.items() if v}, _span(since, to), order, after, limit)
        return _windows(database, asked) if of is Of.WINDOWS else _episodes(database, asked)


class _Asked:
    """A question for a list: who asks, equal columns, span of starts, order, cursor, size."""

    def __init__(
        self, caller: Caller, equal: Mapping[str, str], span: tuple[int, int], order: Order, after: str | None,
        limit: int,
    ) -> None:  # fmt: skip
        self.caller, self.equal, self.span, self.limit = caller, equal, span, limit
        self._newest_first, self._after = order is Order.DESC, after

    def narrowed(self, columns: Any) -> list[Any]:
        return [
            columns.start_s >= self.span[0],
            columns.start_s < self.span[1],
            enterprises_seen(self.caller, columns.credit_code),
            *(columns[name] == value for name, value in self.equal.items()),
        ]

    def paged(self, wanted: Any, key: Sequence[Any]) -> Any:
        """In order of `key`, behind the cursor, one row more than the page: it says whether there is a next."""
        behind = read_cursor(self._after, *(column.type.python_type for column in key))
        if behind:
            here, there = tuple_(*key), tuple_(*behind)
            wanted = wanted.where(here < there if self._newest_first else here > there)
        return wanted.order_by(*(c.desc() if self._newest_first else c for c in key)).limit(self.limit + 1)


def _windows(database: Database, asked: _Asked) -> Page[dict[str, Any]]:
    d = DECISION.c
    key = d.start_s, d.mn, d.factor, d.averaging
    wanted = asked.paged(select(DECISION).where(d.status == Status.OVER.value, *asked.narrowed(d)), key)
    with database.read() as session:
        rows = [dict(row) for row in session.connection().execute(wanted).mappings()]
    items = [_window(row).model_dump(mode="json") for row in rows[: asked.limit]]
    last = rows[asked.limit - 1] if len(rows) > asked.limit else None
    return Page(items=items, next=cursor(*(last[c.name] for c in key)) if last else None)


def _episodes(database: Database, asked: _Asked) -> Page[dict[str, Any]]:
    r = RISK.c
    wanted = select(r.start_s, r.id, r.document).where(r.kind == KIND, *asked.narrowed(r))
    with database.read() as session:
        rows = session.connection().execute(asked.paged(wanted, (r.start_s, r.id))).all()
    last = rows[asked.limit - 1] if len(rows) > asked.limit else None
    return Page(
        items=[row.document for row in rows[: asked.limit]], next=cursor(last.start_s, last.id) if last else None
    )


def _span(since: datetime | None, to: datetime | None) -> tuple[int, int]:
    low = seconds(aware(since, "from")) if since else 0
    high = seconds(aware(to, "to")) if to else FOREVER_S
    if low > high:
        raise Invalid("from lies after to", field="from", rule="from ≤ to")
    return low, high


def _text(micro: int | None) -> str | None:
    return None if micro is None else plain(from_micro(micro))


def _at(at_s: int) -> str:
    return rfc3339(instant(at_s))


def _value(row: Any, units: Mapping[str, str], verdict: Mapping[str, Any] | None) -> ValueOut:
    return ValueOut(
        factor=row.factor,
        period=Period(row.period),
        at=_at(row.start_s),
        value=_text(row.micro),
        converted=_text(row.zs_micro),
        mark=row.mark,
        unit=units.get(row.factor) or pollutant(row.factor).unit,
        source=row.source,
        received_at=_at(row.received_at_s),
        extras=decode(row.extras.encode()) if row.extras else None,
        verdict=VerdictOut(**_verdict(verdict)) if verdict else None,
    )


def _verdict(row: Mapping[str, Any]) -> dict[str, Any]:
    limit = Decimal(row["limit"])
    over = None if row["decided"] is None else shown_multiple(multiple(row["decided"], limit))
    return {
        "status": row["status"],
        "reason": row["reason"],
        "value_kind": row["value_kind"],
        "decided": shown_value(row["decided"], limit),
        "limit": row["limit"],
        "unit": row["unit"],
        "multiple": over,
    }


def _window(row: Mapping[str, Any]) -> WindowOut:
    end = row["start_s"] + LENGTH_S[row["averaging"]]
    return WindowOut(
        **_verdict(row),
        credit_code=row["credit_code"],
        permit=row["permit"],
        outlet=row["outlet"],
        factor=row["factor"],
        point=row["mn"],
        window={"from": _at(row["start_s"]), "to": _at(end), "averaging": row["averaging"]},
        measured=shown_value(row["measured"], Decimal(row["limit"])),
        reference_o2_pct=row["reference_o2_pct"],
        first_seen_at=_at(row["first_seen_s"]),
        historical=historical(row),
    )
