"""Who gets a push of an alert: whoever the catalogue tells unasked, and the subscriptions that ask for it; now, after
quiet hours, or collected for a digest. Works inside the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from services.alerts.domain.alert import Alert
from services.alerts.domain.catalogue import Level
from services.alerts.domain.digest import Cadence
from services.alerts.domain.quiet import held_until
from services.alerts.domain.subscription import Facts, Subscription
from services.alerts.store.digests import DigestStore
from services.alerts.store.endpoints import EndpointStore, Recipient
from services.alerts.store.subscriptions import SubscriptionStore
from shared.domain.clock import Clock


@dataclass(frozen=True, slots=True)
class Route:
    """`due_at`: when the push may go by the wall clock; None: at once."""

    to: Recipient
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """Subscriptions and digests around the catalogue's own audience."""

    endpoints: EndpointStore
    clock: Clock
    subscriptions: SubscriptionStore = field(default_factory=SubscriptionStore)
    digests: DigestStore = field(default_factory=DigestStore)

    def announced(self, session: Session, alert: Alert, unasked: Sequence[Recipient]) -> list[Route]:
        """News of an alert: the audience at once, subscriptions as each wishes."""
        asking = self.subscriptions.asking(session, facts(alert))
        self._collect(session, alert, ((one.endpoint, Cadence(one.digest)) for one in asking if one.digest))
        at_once = [one for one in asking if not one.digest]
        told = {one.id for one in unasked}
        also = self.endpoints.still_there(session, sorted({one.endpoint for one in at_once} - told))
        return [*map(Route, unasked), *(Route(to, self._held(at_once, to.id, alert.level)) for to in also)]

    def followed(self, session: Session, alert: Alert, told: Sequence[Recipient], unasked: set[str]) -> list[Route]:
        """What whoever was told learns later: no sooner than the quiet hours of a subscription allow."""
        return [
            Route(
                to,
                None
                if to.id in unasked
                else self._held(self.subscriptions.of_endpoint(session, to.id), to.id, alert.level),
            )
            for to in told
        ]

    def collected(self, session: Session, alert: Alert, unasked: Sequence[Recipient], *, historical: bool) -> None:
        """An alert that is told in a digest only."""
        asking = self.subscriptions.asking(session, facts(alert))
        always = Cadence.HISTORICAL if historical else None
        to = [(one.id, always or Cadence.DAILY) for one in unasked]
        to += [(one.endpoint, always or Cadence(one.digest or Cadence.DAILY)) for one in asking]
        self._collect(session, alert, to)

    def held(self, session: Session, endpoint_id: str) -> datetime | None:
        """Until when quiet hours hold what is for no single alert."""
        return self._held(self.subscriptions.of_endpoint(session, endpoint_id), endpoint_id, None)

    def _held(self, asking: Iterable[Subscription], endpoint_id: str, level: Level | None) -> datetime | None:
        """The earliest end of the quiet hours of the endpoint's subscriptions; None when one of them has none now."""
        now = self.clock.wall_now()
        ends = [held_until(one.quiet, now, level) for one in asking if one.endpoint == endpoint_id]
        known = [end for end in ends if end is not None]
        return min(known) if known and len(known) == len(ends) else None

    def _collect(self, session: Session, alert: Alert, to: Iterable[tuple[str, Cadence]]) -> None:
        self.digests.collect(session, alert.id, to, now=self.clock.field_now())


def facts(alert: Alert) -> Facts:
    """What subscriptions look at."""
    risk = alert.risk
    return Facts(risk.kind, alert.stage, alert.level, risk.region, risk.industry, risk.credit_code)
