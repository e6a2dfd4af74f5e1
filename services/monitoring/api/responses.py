"""Shapes that several routes answer with."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, WithJsonSchema

from services.monitoring.domain.verdict import Status, multiple, shown_multiple, shown_value
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import instant
from shared.domain.clock import rfc3339
from shared.domain.item_note import ItemFault, ItemNote

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Decimal = Annotated[str, Field(description="a number that decides, as text")]


class VerdictOut(BaseModel):
    """What became of the window; strings without trailing zeros, `decided` in the limit's unit. `unfinished`: reported before
    its end, decided then. `doubt`: a reported number that cannot be right and decides nothing."""

    status: Status
    reason: str | None
    doubt: str | None
    value_kind: str | None
    decided: str | None
    limit: str
    unit: str
    multiple: str | None

    @classmethod
    def of(cls, row: VerdictRow) -> VerdictOut:
        return VerdictOut(
            status=row.status,
            reason=row.reason,
            doubt=row.doubt,
            value_kind=row.value_kind,
            decided=shown_value(row.decided, row.bound),
            limit=row.limit,
            unit=row.unit,
            multiple=None if row.decided is None else shown_multiple(multiple(row.decided, row.bound)),
        )


class ItemNoteOut(BaseModel):
    """What was wrong with one item. `factor` is empty for the packet as a whole, `field` for the whole factor; `value`:
    the first 40 characters of what stood there."""

    fault: ItemFault
    factor: str
    field: str
    value: str
    expected: str

    @classmethod
    def of(cls, note: ItemNote) -> ItemNoteOut:
        return ItemNoteOut(
            fault=note.fault, factor=note.factor, field=note.field, value=note.value, expected=note.expected
        )


class Why(BaseModel):
    """The same text in Chinese and English."""

    zh: str
    en: str


class EpisodeWindow(BaseModel):
    """The span of the episode: `count` whole windows."""

    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    averaging: str
    count: int


class EpisodeOut(BaseModel):
    """An episode as its risk has it, the same as on the topic `risks`. `basis` and `facts` belong to the kind of risk."""

    id: str
    revision: int
    kind: str
    condition: str
    state: Literal["open", "cleared", "withdrawn", "merged"]
    credit_code: str | None
    enterprise_name: str | None
    region: str
    industry: str | None
    group: str | None
    outlet: str | None
    outlet_name: str | None
    factor: str | None
    mn: str | None
    permit: str | None
    opened_at: Time
    changed_at: Time
    cleared_at: Time | None
    cleared: str | None
    merged_into: str | None
    previous: str | None
    historical: bool
    muted: str | None
    why: Why
    window: EpisodeWindow | None
    measured: Decimal | None
    decided: Decimal | None
    limit: Decimal | None
    unit: str | None
    multiple: Decimal | None
    basis: dict[str, str | None]
    facts: dict[str, object]


def shown_time(at_s: int) -> str:
    """RFC 3339 of epoch seconds."""
    return rfc3339(instant(at_s))
