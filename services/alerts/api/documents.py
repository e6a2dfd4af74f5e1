"""The documents that leave as they were stored, as models: alerts, peer notices, and the CloudEvents that carry them.

One source for OpenAPI (`docs/openapi`) and the JSON Schemas of events (`docs/schemas`). Stored documents are not read through
these models: they leave whole, and tests hold them against the models.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from services.alerts.domain.alert import Change, Move, Status
from services.alerts.domain.catalogue import Level, Stage
from services.alerts.domain.digest import Cadence
from services.alerts.domain.law import Mark

Time = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
Decimal = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$", description="a number that decides, as text")]
AlertId = Annotated[str, Field(pattern=r"^alr_[a-z2-7]{26}$")]
NoticeId = Annotated[str, Field(pattern=r"^ntc_[a-z2-7]{26}$")]


class Words(BaseModel):
    """The same text in Chinese and English."""

    model_config = ConfigDict(extra="forbid")
    zh: str = Field(min_length=1)
    en: str = Field(min_length=1)


class LegalBasis(BaseModel):
    """An article that a warning cites, in force on the day of the fact; its substance in our words."""

    model_config = ConfigDict(extra="forbid")
    key: str
    instrument: Words
    source: str = Field(description="who published it, and under which number")
    article: str = Field(description="empty: the whole instrument")
    text: Words
    mark: Mark = Field(description="whether it was compared with the published text")


class AlertChange(BaseModel):
    """What the newest revision is about."""

    type: Change
    why: Words


class Enterprise(BaseModel):
    """Whom the alert is about."""

    credit_code: str
    name: str | None


class Outlet(BaseModel):
    """An outlet of the permit."""

    code: str
    name: str | None


class Factor(BaseModel):
    """A pollutant by its code."""

    code: str
    zh: str
    en: str


class AlertWindow(BaseModel):
    """The span of the episode, in whole averaging windows."""

    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    averaging: Literal["instant", "minute", "hour", "day"]
    hours: int = Field(default=0, description="length of the span")


class Basis(BaseModel):
    """What the decision rests on. Further entries belong to the kind of risk: each is a text or null."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str | None] = Field(init=False)
    permit: str | None = None


class Due(BaseModel):
    """Until when an answer and its check are due; null while the clock does not run."""

    enterprise: Time | None
    authority: Time | None


class Action(BaseModel):
    """What may be done with the alert now, by whom, and where."""

    rel: Move
    href: str
    by: Literal["enterprise", "officer"]


class Office(BaseModel):
    """Whom to call about it: the office of the division, or of one above it."""

    division: str
    name: str
    phone: str


class Alert(BaseModel):
    """One alert an episode, as GET answers it and as `data` of the CloudEvent that webhooks carry."""

    id: AlertId
    kind: str
    condition: str
    stage: Stage
    level: Level
    status: Status
    status_kind: Literal["actual", "exercise", "test"]
    revision: int = Field(ge=1)
    change: AlertChange
    rule: str = Field(pattern=r"^.+@[0-9]+$", description="kind and version of the row of the catalogue")
    sure: Literal["observed", "likely", "possible"]
    enterprise: Enterprise | None
    region: str
    industry: str | None
    outlet: Outlet | None
    factor: Factor | None
    point: str | None
    window: AlertWindow | None
    measured: Decimal | None
    decided: Decimal | None
    limit: Decimal | None
    unit: str | None
    multiple: Decimal | None
    basis: Basis
    opened_at: Time
    changed_at: Time
    cleared_at: Time | None
    cleared: str | None = Field(description="why it ended")
    useful_until: Time
    due: Due
    outlook: None = Field(description="for later use")
    headline: Words
    instruction: Words
    law: list[LegalBasis]
    contact: Office | None
    series: list[Decimal] = Field(
        description="what decided the newest exceeding windows of the episode, 24 at most, the oldest first; [] for other kinds"
    )
    risk: str
    previous: str | None
    muted: str | None
    historical: bool
    actions: list[Action]


class DigestAlert(BaseModel):
    """One alert of a digest, as it read when the digest was made."""

    id: AlertId
    headline: Words
    kind: str
    level: Level
    href: str = Field(description="where the alert is read")


class LevelCounts(BaseModel):
    """How many alerts of each level."""

    blue: int
    yellow: int
    orange: int
    red: int


class Digest(BaseModel):
    """Several alerts in one message."""

    reason: Cadence
    start: Time = Field(alias="from")
    end: Time = Field(alias="to")
    counts: LevelCounts
    alerts: list[DigestAlert]


class ChineseName(BaseModel):
    """A code and its Chinese name."""

    code: str
    zh: str


class Family(BaseModel):
    """A family of pollutants."""

    key: str
    zh: str
    en: str


class PeerNotice(BaseModel):
    """An anonymous reminder to all exposed enterprises of a class: the same bytes for everyone. It carries nothing of any
    source: no enterprise, outlet, point, window, value, level or count."""

    model_config = ConfigDict(extra="forbid")
    id: NoticeId
    kind: Literal["peer.notice"]
    audience: Literal["peers"]
    about: Literal["emission.exceeded", "data.fault", "permit.renewal"]
    industry: ChineseName
    area: ChineseName
    family: Family | None
    when: Words
    issued_at: Time
    headline: Words
    instruction: Words
    law: list[LegalBasis]


class PeerNoticeDraft(PeerNotice):
    """A notice that was not sent, and why, for officers. `crowd`: how many enterprises would have received it."""

    reason: str
    affected: list[str] = Field(description="credit codes")
    crowd: int


class CloudEvent(BaseModel):
    """CloudEvents 1.0, JSON, structured. `id` is subject and revision; `data` is the whole state."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str = Field(pattern=r"^yujing\..+\.v[0-9]+$")
    subject: str
    time: Time
    datacontenttype: Literal["application/json"]
    dataschema: str | None = Field(default=None, description="where the JSON Schema of `data` is read")
    revision: int = Field(ge=1)
    data: dict[str, object]


class AlertEvent(CloudEvent):
    """A revision of an alert."""

    type: Literal["yujing.alert.issued.v1", "yujing.alert.changed.v1", "yujing.alert.closed.v1"]
    data: Alert  # type: ignore[assignment]  # narrower than any object


class DigestEvent(CloudEvent):
    """Several alerts for one endpoint."""

    type: Literal["yujing.digest.v1"]
    data: Digest  # type: ignore[assignment]


class EndpointTest(BaseModel):
    """What a test push carries."""

    endpoint: str
    headline: Words


class EndpointTestEvent(CloudEvent):
    """A test of an endpoint, pushed the way of every alert."""

    type: Literal["yujing.endpoint.test.v1"]
    data: EndpointTest  # type: ignore[assignment]


class PeerNoticeEvent(BaseModel):
    """CloudEvents 1.0, JSON, structured, without a subject and a revision: `id` is the notice's own random one, `time` the whole
    hour at which it was decided."""

    model_config = ConfigDict(extra="forbid")
    specversion: Literal["1.0"]
    id: NoticeId
    source: str
    type: Literal["yujing.peer.notice.issued.v1"]
    time: Time
    datacontenttype: Literal["application/json"]
    dataschema: str | None = Field(default=None, description="where the JSON Schema of `data` is read")
    data: PeerNotice


class EventPush(BaseModel):
    """That an event of the page was, or will be, pushed to an endpoint of the caller's under this webhook-id."""

    event: str = Field(description="the event's `id`")
    webhook_id: str
    endpoint: str


class EventPage(BaseModel):
    """`next`: ask with `after=` this number. `pushes`: of these events, those that go to endpoints in the caller's scope."""

    items: list[AlertEvent | PeerNoticeEvent]
    next: int
    pushes: list[EventPush]
