"""What callers send."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, WithJsonSchema

from services.alerts.domain.alert import Status
from services.alerts.domain.catalogue import Level, Stage
from shared.domain.events import ALERT_CHANGED, ALERT_CLOSED, ALERT_ISSUED, DIGEST, PEER_NOTICE_ISSUED
from shared.runtime.parameters import CursorText, WrittenTime

WORDS = AliasChoices("text", "note")
MANY = 200  # entries in one list of a filter


class EventType(StrEnum):
    """Types of events that endpoints get; a test goes to every endpoint."""

    ISSUED = ALERT_ISSUED
    CHANGED = ALERT_CHANGED
    CLOSED = ALERT_CLOSED
    SEVERAL = DIGEST
    PEER_NOTICE = PEER_NOTICE_ISSUED


Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[CursorText | None, Query()]
DivisionPath = Annotated[str, Path(pattern=r"^[0-9]{2}([0-9]{2}){0,2}$")]
CreditCode = Annotated[
    str, Field(max_length=18, pattern=r"^[0-9A-Za-z]{18}$", description="18 characters, GB 32100-2015")
]
Division = Annotated[str, Field(pattern=r"^[0-9]{2}([0-9]{2}){0,2}$")]


class Note(BaseModel):
    """Words that go into the history."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(default="", max_length=4000, validation_alias=WORDS, description="说明 / what was found or done")


class Statement(BaseModel):
    """Words that must be there."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=4000, validation_alias=WORDS, description="说明 / what was done, or why")


class AlertQuery(BaseModel):
    status: Status | None = None
    kind: str | None = Field(default=None, max_length=64)
    level: Level | None = None
    stage: Stage | None = None
    credit_code: str | None = Field(default=None, max_length=18)
    region: Division | None = Field(default=None, description="区划代码前缀 / division prefix")
    outlet: str | None = Field(default=None, max_length=32)
    factor: str | None = Field(default=None, max_length=16)
    objected: bool = Field(default=False, description="有异议待处理 / an objection stands, not yet decided on")
    overdue: bool = Field(default=False, description="反馈逾期 / an answer is required and its time has passed")
    mine: bool = Field(default=False, description="待我处理 / the caller's side has something to do")
    since: WrittenTime | None = Field(default=None, description="opened at or after")
    limit: int = Field(default=50, ge=1, le=500)
    cursor: CursorText | None = None


class OwnerIn(BaseModel):
    """Exactly one of them."""

    model_config = ConfigDict(extra="forbid")
    credit_code: CreditCode | None = None
    region: Division | None = None
    operators: bool = False


class EndpointFilterIn(BaseModel):
    """Which events the endpoint gets; an empty list: all."""

    model_config = ConfigDict(extra="forbid")
    events: list[EventType] = Field(default=[], max_length=len(EventType), description="事件类型 / types of events")
    kinds: list[Annotated[str, Field(pattern=r"^[a-z_.*]{1,64}$")]] = Field(
        default=[], max_length=MANY, description="预警种类，可用 * / kinds of alerts, with *"
    )


Url = Annotated[
    str,
    Field(min_length=1, max_length=2048, description="https://…; which others are taken is a setting"),
    WithJsonSchema(
        {
            "type": "string",
            "format": "uri",
            "pattern": r'^[Hh][Tt][Tt][Pp][Ss]?://[!"$-\[\]-~]+$',
            "maxLength": 2048,
            "examples": ["https://example.org/yujing"],
        }
    ),
]


class EndpointChangeIn(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")
    url: Url | None = None
    name: str | None = Field(default=None, max_length=100)
    filter: EndpointFilterIn | None = None


class EndpointIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: Url
    name: str | None = Field(default=None, max_length=100)
    filter: EndpointFilterIn = Field(default_factory=EndpointFilterIn)
    owner: OwnerIn | None = Field(default=None, description="admin only, or to choose one of several credit codes")


class OfficeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    phone: str = Field(pattern=r"^[0-9+() -]{3,40}$", description="digits, +, brackets, spaces, hyphens")


class FilterIn(BaseModel):
    """An empty list: any. Without `stages`: during and after."""

    model_config = ConfigDict(extra="forbid")
    regions: list[Division] = Field(default=[], max_length=MANY, description="区划代码前缀 / division prefixes")
    industries: list[Annotated[str, Field(pattern=r"^[A-T][0-9]{0,4}$")]] = Field(
        default=[], max_length=MANY, description="行业代码前缀 / industry prefixes"
    )
    kinds: list[Annotated[str, Field(pattern=r"^[a-z_.*]{1,64}$")]] = Field(
        default=[], max_length=MANY, description="预警种类，可用 * / kinds, with *"
    )
    enterprises: list[CreditCode] = Field(default=[], max_length=MANY)
    stages: list[Stage] = Field(default=[], max_length=3, description="留空不含事前 / empty: not the stage `before`")
    min_level: Level | None = None


HourAndMinute = Annotated[
    str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="HH:MM, 00:00 to 23:59", examples=["22:00"])
]


class QuietIn(BaseModel):
    """Shanghai time; may pass midnight. Red is never held."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    start: HourAndMinute = Field(alias="from")
    end: HourAndMinute = Field(alias="to")


class ViaIn(BaseModel):
    """An endpoint of officers, whatever its channel."""

    model_config = ConfigDict(extra="forbid")
    endpoint: str = Field(pattern=r"^end_[a-z2-7]{26}$", description="推送端点 / id of an endpoint")


class SubscriptionIn(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str = Field(min_length=1, max_length=100)
    filter: FilterIn = Field(default_factory=FilterIn)
    via: ViaIn
    digest: Literal["daily", "weekly"] | None = None
    quiet: QuietIn | None = None
