"""What callers see; a secret only its owner, and only once. Times are RFC 3339 in Shanghai time. Alerts and peer notices leave
as the documents that were stored (`documents`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from services.alerts.api.documents import Alert, Time, Words
from services.alerts.domain.alert import Change, Status
from services.alerts.domain.catalogue import Level, Stage
from services.alerts.domain.endpoint_state import NO_SUCCESS, EndpointState, shown_state
from services.alerts.domain.subscription import Filter
from services.alerts.store.alerts import HistoryEntry
from services.alerts.store.endpoints import Endpoint, EndpointStep
from services.alerts.store.previews import Preview
from services.alerts.store.pushes import PENDING, Attempt, PushProof, PushRecord, PushState
from services.alerts.store.subscriptions import SubscriptionRecord
from shared.domain.clock import rfc3339


class HistoryOut(BaseModel):
    """`push`, `reason`: what was decided about a push; null when nothing was."""

    revision: int
    at: Time
    what: Change
    who: str
    why: str
    status: Status
    push: str | None
    reason: str | None

    @classmethod
    def of(cls, entry: HistoryEntry) -> HistoryOut:
        return cls(
            revision=entry.revision,
            at=rfc3339(entry.at),
            what=Change(entry.what),
            who=entry.who,
            why=entry.text,
            status=Status(entry.status),
            push=entry.push,
            reason=entry.reason,
        )


class NotifiedOut(BaseModel):
    """Whether one of those concerned was notified: as whom, the push's state, and when it was delivered."""

    audience: str
    state: PushState
    reason: str
    delivered_at: Time | None
    attempts: int

    @classmethod
    def of(cls, proof: PushProof) -> NotifiedOut:
        return cls(
            audience=proof.audience,
            state=PushState(proof.state),
            reason=proof.reason,
            delivered_at=_time(proof.delivered_at),
            attempts=proof.attempts,
        )


class AlertWithHistory(Alert):
    """The alert, what became of it, and who was notified."""

    history: list[HistoryOut]
    notified: list[NotifiedOut]


class EndpointStepOut(BaseModel):
    at: Time
    what: str
    who: str
    why: str

    @classmethod
    def of(cls, step: EndpointStep) -> EndpointStepOut:
        return cls(at=rfc3339(step.at), what=step.what, who=step.who, why=step.text)


class EnterpriseOwner(BaseModel):
    """An enterprise's own endpoint."""

    credit_code: str


class DivisionOwner(BaseModel):
    """An endpoint of a division's officers. `region`: its prefix."""

    region: str


class OperatorsOwner(BaseModel):
    """An endpoint of the platform's operators."""

    operators: Literal[True] = True


class EndpointFilterOut(BaseModel):
    """Which events it gets; empty: all."""

    events: tuple[str, ...]
    kinds: tuple[str, ...]


class EndpointOut(BaseModel):
    """`state` failing: active, and no push was taken for two minutes or longer (`failing_since`); pushes are still tried."""

    id: str
    url: str
    name: str | None
    filter: EndpointFilterOut
    owner: EnterpriseOwner | DivisionOwner | OperatorsOwner
    state: EndpointState
    state_reason: str | None
    state_at: Time
    secret_set: bool
    created_at: Time
    failing_since: Time | None
    last_success_at: Time | None
    history: list[EndpointStepOut]

    @classmethod
    def of(cls, endpoint: Endpoint, history: Sequence[EndpointStep], now: datetime) -> EndpointOut:
        state = shown_state(endpoint.state, endpoint.failing_since, now)
        failing = state is EndpointState.FAILING
        return cls(
            id=endpoint.id,
            url=endpoint.address,
            name=endpoint.name,
            filter=EndpointFilterOut(events=endpoint.wants.events, kinds=endpoint.wants.kinds),
            owner=_owner(endpoint),
            state=state,
            state_reason=NO_SUCCESS if failing else endpoint.state_reason,
            state_at=rfc3339(endpoint.failing_since if failing and endpoint.failing_since else endpoint.state_at),
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
    state: EndpointState
    state_at: Time


class AttemptOut(BaseModel):
    number: int
    at: Time
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
    state: PushState
    state_reason: str | None
    created_at: Time
    due_at: Time | None
    delivered_at: Time | None
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
            state=PushState(push.state),
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
    stages: tuple[Stage, ...]
    min_level: Level | None

    @classmethod
    def of(cls, filter: Filter) -> FilterOut:
        return cls(
            regions=filter.regions,
            industries=filter.industries,
            kinds=filter.kinds,
            enterprises=filter.enterprises,
            stages=filter.stages,
            min_level=filter.min_level,
        )


class ViaOut(BaseModel):
    endpoint: str


class QuietOut(BaseModel):
    """Shanghai time."""

    start: str = Field(serialization_alias="from")
    end: str = Field(serialization_alias="to")


class KindCountOut(BaseModel):
    kind: str
    level: Level
    alerts: int


class MatchedAlertOut(BaseModel):
    id: str
    headline: Words


class PreviewOut(BaseModel):
    """What it would have matched of the alerts opened in the last 7 days, from `since` on: how many of each kind and level, and
    the newest five. Only alerts that the caller may see."""

    since: Time
    alerts: int
    counts: list[KindCountOut]
    newest: list[MatchedAlertOut]

    @classmethod
    def of(cls, preview: Preview) -> PreviewOut:
        return cls(
            since=rfc3339(preview.since),
            alerts=sum(one.alerts for one in preview.counts),
            counts=[KindCountOut(kind=one.kind, level=one.level, alerts=one.alerts) for one in preview.counts],
            newest=[MatchedAlertOut(id=one.id, headline=Words(**one.headline)) for one in preview.newest],
        )


class SubscriptionOut(BaseModel):
    """`region`: the division prefix that it never reaches beyond; empty for the whole country. `preview`: null
    where it was not asked for."""

    id: str
    name: str
    region: str
    filter: FilterOut
    via: ViaOut
    digest: str | None
    quiet: QuietOut | None
    created_at: Time
    preview: PreviewOut | None

    @classmethod
    def of(cls, record: SubscriptionRecord, preview: Preview | None = None) -> SubscriptionOut:
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
            preview=PreviewOut.of(preview) if preview else None,
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


def _owner(endpoint: Endpoint) -> EnterpriseOwner | DivisionOwner | OperatorsOwner:
    owner = endpoint.owner
    if owner.credit_code is not None:
        return EnterpriseOwner(credit_code=owner.credit_code)
    return DivisionOwner(region=owner.region) if owner.region is not None else OperatorsOwner()


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
