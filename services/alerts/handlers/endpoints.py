"""What people do with endpoints, and what follows for pushes, subscriptions and the published counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from services.alerts.domain.audience import Owner, audience_of
from services.alerts.domain.contact import ContactPoint
from services.alerts.domain.notification import notification_of
from services.alerts.domain.wants import ALL, Wants
from services.alerts.handlers.endpoint_counts import EndpointCounts
from services.alerts.handlers.pushes import PushService
from services.alerts.store.endpoints import EndpointStore
from services.alerts.store.pushes import NewPush
from services.alerts.store.subscriptions import SubscriptionStore
from shared.access import Caller
from shared.domain.clock import Clock
from shared.domain.events import Event
from shared.domain.identity import new_id

TEST = "yujing.endpoint.test.v1"
TEST_WORDS = {"zh": "这是一次推送测试。", "en": "This is a test of your endpoint."}


@dataclass(frozen=True, slots=True)
class EndpointService:
    """Every method works inside the caller's transaction; raises NotFound outside the caller's scope."""

    store: EndpointStore
    subscriptions: SubscriptionStore
    pushes: PushService
    counts: EndpointCounts
    clock: Clock

    def register(
        self,
        session: Session,
        contact: ContactPoint,
        owner: Owner,
        *,
        by: str,
        name: str | None = None,
        wants: Wants = ALL,
    ) -> str:
        """A new active endpoint; its id."""
        now = self.clock.wall_now()
        endpoint_id = self.store.add(session, contact, owner, by=by, wall_now=now, name=name, wants=wants)
        self.counts.publish(session, [owner.credit_code])
        return endpoint_id

    def delete(self, session: Session, endpoint_id: str, caller: Caller) -> None:
        """It is gone for its owner: nothing more goes there, its deliveries stay readable."""
        owner = self.store.load(session, endpoint_id, caller).owner
        self.store.delete(session, endpoint_id, caller, wall_now=self.clock.wall_now())
        self.pushes.endpoint_deleted(session, endpoint_id)
        self.subscriptions.delete_of_endpoint(session, endpoint_id)
        self.counts.publish(session, [owner.credit_code])

    def disable(self, session: Session, endpoint_id: str, caller: Caller, *, text: str) -> datetime:
        """Pushes wait from now on, which is returned; raises Conflict when it is disabled."""
        now = self.clock.wall_now()
        before = self.store.disable(session, endpoint_id, caller, text=text, wall_now=now)
        self.counts.publish(session, [before.owner.credit_code])
        return now

    def pause(self, session: Session, endpoint_id: str, caller: Caller) -> None:
        """It gets nothing new, and what was due waits; raises Conflict when it is not active."""
        before = self.store.pause(session, endpoint_id, caller, wall_now=self.clock.wall_now())
        self.counts.publish(session, [before.owner.credit_code])

    def resume(self, session: Session, endpoint_id: str, caller: Caller) -> None:
        """What waited for it goes out; raises Conflict when it is not paused."""
        before = self.store.resume(session, endpoint_id, caller, wall_now=self.clock.wall_now())
        self.pushes.wake_sender(session)
        self.counts.publish(session, [before.owner.credit_code])

    def enable(self, session: Session, endpoint_id: str, caller: Caller) -> None:
        """What waited for it goes out; raises Conflict when it is active."""
        owner = self.store.load(session, endpoint_id, caller).owner
        self.store.enable(session, endpoint_id, caller, wall_now=self.clock.wall_now())
        self.pushes.wake_sender(session)
        self.counts.publish(session, [owner.credit_code])

    def test(self, session: Session, endpoint_id: str, caller: Caller) -> str:
        """Push a test event the very way that alerts take; the push's id."""
        audience = audience_of(self.store.load(session, endpoint_id, caller).owner)
        push_id, now = new_id("psh"), self.clock.wall_now()
        test = Event(TEST, "/alerts", push_id, 1, now, {"endpoint": endpoint_id, "headline": TEST_WORDS})
        push = NewPush(push_id, endpoint_id, audience or "test", "test", test.id, notification_of(test))
        self.pushes.add(session, [push])
        return push_id
