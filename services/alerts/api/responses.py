"""What callers see; a secret only its owner, and only once. Times are RFC 3339 in Shanghai time. Alerts and peer notices leave
as the documents that were stored (docs/schemas).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from services.alerts.domain.law import Mark
from services.alerts.domain.subscription import Filter
from services.alerts.store.alerts import HistoryEntry
from services.alerts.store.endpoints import Endpoint, EndpointStep
from services.alerts.store.pushes import PENDING, Attempt, PushProof, PushRecord
from services.alerts.store.subscriptions import SubscriptionRecord
from shared.domain.clock import rfc3339


class HistoryOut(BaseModel):
    """`push`, `reason`: what was decided about a push; null when nothing was."""

    revision: int
    at: str
    what: str
    who: str
    why: str
    status: str
    push: str | None
    reason: str | None

    @classmethod
    def of(cls, entry: HistoryEntry) -> HistoryOut:
        return cls(
            revision=entry.revision,
            at=rfc3339(entry.at),
            what=entry.what,
            who=entry.who,
            why=entry.text,
            status=entry.status,
            push=entry.push,
            reason=entry.reason,
        )


class NotifiedOut(BaseModel):
    """Whether one of those concerned was notified: as whom, the push's state, and when it was delivered."""

    audience: str
    state: str
    reason: str
    delivered_at: str | None
    attempts: int

    @classmethod
    def of(cls, proof: PushProof) -> NotifiedOut:
        return cls(
            audience=proof.audience,
            state=proof.state,
            reason=proof.reason,
            delivered_at=_time(proof.delivered_at),
            attempts=proof.attempts,
        )


class WordsOut(BaseModel):
    """The same text in Chinese and English."""

    zh: str
    en: str


class LegalBasisOut(BaseModel):
    """An article in force on the day of the fact. `mark`: whether it was compared with the published text."""

    key: str
    instrument: WordsOut
    source: str
    article: str
    text: WordsOut
    mark: Mark


class AlertOut(BaseModel):
    """The alert's document (docs/schemas/alert.json), its history, and who was notified."""

    model_config = ConfigDict(extra="allow")
    id: str
    headline: WordsOut
    instruction: WordsOut
    law: list[LegalBasisOut]
    history: list[HistoryOut]
    notified: list[NotifiedOut]


class EndpointStepOut(BaseModel):
    at: str
    what: str
    who: str
    why: str

    @classmethod
    def of(cls, step: EndpointStep) -> EndpointStepOut:
        return cls(at=rfc3339(step.at), what=step.what, who=step.who, why=step.text)


class EndpointOut(BaseModel):
    id: str
    url: str
    owner: dict[str, str | bool] = Field(description="one of credit_code, region, operators")
    state: str
    state_reason: str | None
    state_at: str
    secret_set: bool
    created_at: str
    failing_since: str | None
    last_success_at: str | None
    history: list[EndpointStepOut]

    @classmethod
    def of(cls, endpoint: Endpoint, history: Sequence[EndpointStep]) -> EndpointOut:
        return cls(
            id=endpoint.id,
            url=endpoint.address,
            owner=_owner(endpoint),
            state=endpoint.state,
            state_reason=endpoint.state_reason,
            state_at=rfc3339(endpoint.state_at),
            secret_set=bool(endpoint.sealed.current),
            created_at=rfc3339(endpoint.created_at),
            failing_since=_time(endpoint.failing_since),
            last_success_at=_time(endpoint.last_success_at),
            history=[EndpointStepOut.of(step) for step in history],
        )


class EndpointWithSecret(EndpointOut):
    """For the owner, once."""

    secret: str


class EndpointDisabled(BaseModel):
    """All that a supervising authority is shown of an enterprise's endpoint."""

    id: str
    state: str
    state_at: str


class AttemptOut(BaseModel):
    number: int
    at: str
    outcome: str
    reason: str
    status: int | None
    latency_ms: int
    response: str

    @classmethod
    def of(cls, attempt: Attempt) -> AttemptOut:
        return cls(
            number=attempt.number,
            at=rfc3339(attempt.at),
            outcome=attempt.outcome,
            reason=attempt.reason,
            status=attempt.status,
            latency_ms=attempt.latency_ms,
            response=attempt.snippet,
        )


class DeliveryOut(BaseModel):
    """`due_at`: of the next attempt; null when there is none."""

    id: str
    endpoint: str
    url: str
    alert: str | None
    event: str
    reason: str
    state: str
    state_reason: str | None
    created_at: str
    due_at: str | None
    delivered_at: str | None
    attempts: list[AttemptOut]

    @classmethod
    def of(cls, push: PushRecord, attempts: Sequence[Attempt]) -> DeliveryOut:
        return cls(
            id=push.id,
            endpoint=push.endpoint_id,
            url=push.address,
            alert=push.alert_id,
            event=push.event_id,
            reason=push.reason,
            state=push.state,
            state_reason=push.state_reason,
            created_at=rfc3339(push.created_at),
            due_at=rfc3339(push.due_at) if push.state in PENDING else None,
            delivered_at=_time(push.delivered_at),
            attempts=[AttemptOut.of(attempt) for attempt in attempts],
        )


class FilterOut(BaseModel):
    regions: tuple[str, ...]
    industries: tuple[str, ...]
    kinds: tuple[str, ...]
    enterprises: tuple[str, ...]
    stages: tuple[str, ...]
    min_level: str | None

    @classmethod
    def of(cls, filter: Filter) -> FilterOut:
        return cls(
            regions=filter.regions,
            industries=filter.industries,
            kinds=filter.kinds,
            enterprises=filter.enterprises,
            stages=tuple(stage.value for stage in filter.stages),
            min_level=filter.min_level.value if filter.min_level else None,
        )


class ViaOut(BaseModel):
    endpoint: str


class QuietOut(BaseModel):
    """Shanghai time."""

    start: str = Field(serialization_alias="from")
    end: str = Field(serialization_alias="to")


class SubscriptionOut(BaseModel):
    """`region`: the division prefix that it never reaches beyond; empty for the whole country."""

    id: str
    name: str
    region: str
    filter: FilterOut
    via: ViaOut
    digest: str | None
    quiet: QuietOut | None
    created_at: str

    @classmethod
    def of(cls, record: SubscriptionRecord) -> SubscriptionOut:
        one = record.subscription
        return cls(
            id=one.id,
            name=record.name,
            region=one.region,
            filter=FilterOut.of(one.filter),
            via=ViaOut(endpoint=one.endpoint),
            digest=one.digest,
            quiet=QuietOut(start=one.quiet.start_text, end=one.quiet.end_text) if one.quiet else None,
            created_at=rfc3339(record.created_at),
        )


class DivisionOut(BaseModel):
    code: str
    name: str


class DivisionSummary(BaseModel):
    """Alerts of a division: in all, not ended, and by what they are."""

    region: DivisionOut
    total: int
    unended: int
    by_kind: Mapping[str, int]
    by_stage: Mapping[str, int]
    by_level: Mapping[str, int]
    by_status: Mapping[str, int]


def _owner(endpoint: Endpoint) -> dict[str, str | bool]:
    owner = endpoint.owner
    if owner.credit_code is not None:
        return {"credit_code": owner.credit_code}
    return {"region": owner.region} if owner.region is not None else {"operators": True}


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
