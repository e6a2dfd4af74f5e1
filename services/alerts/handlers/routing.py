"""Who gets a push of an alert: the audience that the catalogue names, and the subscriptions that match it; now, after
quiet hours, or collected for a digest. Works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from services.alerts.domain.alert import Alert
from services.alerts.domain.audience import owners
from services.alerts.domain.catalogue import OFFICERS, Audience, Level
from services.alerts.domain.decision import ALL_CLEAR, Reason
from services.alerts.domain.digest import Cadence
from services.alerts.domain.quiet import held_until
from services.alerts.domain.subscription import Facts, Subscription
from services.alerts.store.digests import DigestEndpoint, DigestStore
from services.alerts.store.endpoints import EndpointStore, Recipient
from services.alerts.store.pushes import PushStore
from services.alerts.store.subscriptions import SubscriptionStore
from shared.domain.clock import Clock
from shared.domain.risk import SCOPE_OF_KIND


@dataclass(frozen=True, slots=True)
class Route:
    """`due_at`: when the push may go by the wall clock; None: at once."""

    to: Recipient
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """The catalogue's own audience, and subscriptions and digests around it."""

    endpoints: EndpointStore
    pushes: PushStore
    clock: Clock
    subscriptions: SubscriptionStore
    digests: DigestStore

    def routes(self, session: Session, alert: Alert, reason: Reason) -> list[Route]:
        """Where a push of the alert goes for this reason."""
        if reason in ALL_CLEAR:
            return self._follow_up(session, alert)
        if reason is Reason.CONTRADICTED:
            audience = sorted({Audience.COUNTY, *(one for one in alert.audience if one in OFFICERS)})
            return [Route(to) for to in self._owned(session, alert, audience)]
        return self._announcement(session, alert)

    def collect(self, session: Session, alert: Alert, *, historical: bool) -> None:
        """The alert goes out in digests only."""
        subscribed = self.subscriptions.matching(session, facts(alert))
        always = Cadence.HISTORICAL if historical else None
        to = [DigestEndpoint(one.id, always or Cadence.DAILY) for one in self._audience(session, alert)]
        to += [DigestEndpoint(one.endpoint, always or Cadence(one.digest or Cadence.DAILY)) for one in subscribed]
        self._collect(session, alert, to)

    def _announcement(self, session: Session, alert: Alert) -> list[Route]:
        """News of an alert: the audience at once, subscriptions as each wishes."""
        audience = self._audience(session, alert)
        subscribed = self.subscriptions.matching(session, facts(alert))
        digests = [DigestEndpoint(one.endpoint, Cadence(one.digest)) for one in subscribed if one.digest]
        self._collect(session, alert, digests)
        at_once = [one for one in subscribed if not one.digest]
        others = sorted({one.endpoint for one in at_once} - {one.id for one in audience})
        routes = [Route(to) for to in audience]
        for to in self.endpoints.active(session, others):
            routes.append(Route(to, self._held(at_once, to.id, alert.level)))
        return routes

    def _follow_up(self, session: Session, alert: Alert) -> list[Route]:
        """An all-clear, for whoever was notified: no sooner than the quiet hours of a subscription allow."""
        audience = {one.id for one in self._audience(session, alert)}
        routes = []
        for to in self.endpoints.active(session, self.pushes.recipients(session, alert.id)):
            subscribed = () if to.id in audience else self.subscriptions.of_endpoint(session, to.id)
            routes.append(Route(to, self._held(subscribed, to.id, alert.level)))
        return routes

    def _audience(self, session: Session, alert: Alert) -> list[Recipient]:
        """Whom the catalogue names."""
        if alert.risk.kind in SCOPE_OF_KIND:  # an endpoint's owner may lack the scope: only subscriptions prove it
            return []
        return self._owned(session, alert, alert.audience)

    def _owned(self, session: Session, alert: Alert, audience: Sequence[Audience]) -> list[Recipient]:
        risk = alert.risk
        return self.endpoints.recipients(session, owners(audience, credit_code=risk.credit_code, region=risk.region))

    def held(self, session: Session, endpoint_id: str) -> datetime | None:
        """Until when quiet hours hold what is for no single alert."""
        return self._held(self.subscriptions.of_endpoint(session, endpoint_id), endpoint_id, None)

    def _held(self, subscribed: Iterable[Subscription], endpoint_id: str, level: Level | None) -> datetime | None:
        """The earliest end of the quiet hours of the endpoint's subscriptions; None when one of them has none now."""
        now = self.clock.wall_now()
        ends = [held_until(one.quiet, now, level) for one in subscribed if one.endpoint == endpoint_id]
        known = [end for end in ends if end is not None]
        return min(known) if known and len(known) == len(ends) else None

    def _collect(self, session: Session, alert: Alert, to: Iterable[DigestEndpoint]) -> None:
        self.digests.collect(session, alert.id, to, now=self.clock.field_now())


def facts(alert: Alert) -> Facts:
    """What subscriptions look at."""
    risk = alert.risk
    return Facts(risk.kind, alert.stage, alert.level, risk.region, risk.industry, risk.credit_code)
