"""Subscriptions as rows: keeping them, and which of them ask for an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, insert, or_, select, update
from sqlmodel import Session

from services.alerts.domain.catalogue import Level, Stage
from services.alerts.domain.quiet import Quiet, read_quiet
from services.alerts.domain.subscription import Facts, Filter, Subscription, matches
from services.alerts.store.tables import SUBSCRIPTION
from shared.access import Caller, Columns, visible
from shared.domain.errors import NotFound
from shared.domain.identity import new_id


@dataclass(frozen=True, slots=True)
class Wish:
    """What a subscription is to be. `region` and `scopes` are its owner's and its endpoint's, not its filter's."""

    name: str
    region: str
    scopes: tuple[str, ...]
    filter: Filter
    endpoint: str
    digest: str | None
    quiet: Quiet | None


class SubscriptionStore:
    """Every method works inside the caller's session."""

    def asking(self, session: Session, facts: Facts) -> list[Subscription]:
        """Those that want the alert."""
        within = ["", *(facts.region[:digits] for digits in (2, 4, 6))]
        asked = select(SUBSCRIPTION).where(SUBSCRIPTION.c.region.in_(within)).order_by(SUBSCRIPTION.c.id)
        found = (_subscription(row) for row in session.connection().execute(asked))
        return [one for one in found if matches(one, facts).wanted]

    def of_endpoint(self, session: Session, endpoint_id: str) -> list[Subscription]:
        asked = select(SUBSCRIPTION).where(SUBSCRIPTION.c.endpoint_id == endpoint_id).order_by(SUBSCRIPTION.c.id)
        return [_subscription(row) for row in session.connection().execute(asked)]

    def add(self, session: Session, wish: Wish, *, by: str, wall_now: datetime) -> str:
        subscription_id = new_id("sub")
        values = {**_values(wish), "id": subscription_id, "created_at": wall_now, "created_by": by}
        session.connection().execute(insert(SUBSCRIPTION).values(values))
        return subscription_id

    def change(self, session: Session, subscription_id: str, caller: Caller, wish: Wish) -> None:
        self.load(session, subscription_id, caller)
        session.connection().execute(
            update(SUBSCRIPTION).where(SUBSCRIPTION.c.id == subscription_id).values(_values(wish))
        )

    def delete(self, session: Session, subscription_id: str, caller: Caller) -> None:
        self.load(session, subscription_id, caller)
        session.connection().execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.id == subscription_id))

    def delete_of_endpoint(self, session: Session, endpoint_id: str) -> None:
        session.connection().execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.endpoint_id == endpoint_id))

    def load(self, session: Session, subscription_id: str, caller: Caller) -> Row[Any]:
        """The row, locked for change; raises NotFound outside the caller's scope."""
        asked = select(SUBSCRIPTION).where(SUBSCRIPTION.c.id == subscription_id, _visible(caller)).with_for_update()
        row = session.connection().execute(asked).one_or_none()
        if row is None:
            raise NotFound("no such subscription")
        return row

    def page(
        self, session: Session, caller: Caller, *, after: tuple[datetime, str] | None, limit: int
    ) -> list[Row[Any]]:
        """In order of creation, standing behind `after`."""
        s = SUBSCRIPTION
        asked = select(s).where(_visible(caller))
        if after is not None:
            at, last = after
            asked = asked.where(or_(s.c.created_at > at, and_(s.c.created_at == at, s.c.id > last)))
        return list(session.connection().execute(asked.order_by(s.c.created_at, s.c.id).limit(limit)))


def subscription(row: Row[Any]) -> dict[str, Any]:
    """A subscription as its owner sees it."""
    return {
        "id": row.id,
        "name": row.name,
        "region": row.region,
        "filter": dict(row.filter),
        "via": {"endpoint": row.endpoint_id},
        "digest": row.digest,
        "quiet": {"from": row.quiet_from, "to": row.quiet_to} if row.quiet_from else None,
        "created_at": row.created_at,
    }


def _visible(caller: Caller) -> ColumnElement[bool]:
    return visible(caller, Columns(None, SUBSCRIPTION.c.region, state_only=True))


def _values(wish: Wish) -> dict[str, Any]:
    quiet = wish.quiet.document() if wish.quiet else None
    return {
        "name": wish.name,
        "region": wish.region,
        "scopes": list(wish.scopes),
        "filter": _filter_document(wish.filter),
        "endpoint_id": wish.endpoint,
        "digest": wish.digest,
        "quiet_from": quiet["from"] if quiet else None,
        "quiet_to": quiet["to"] if quiet else None,
    }


def _filter_document(asked: Filter) -> dict[str, Any]:
    return {
        "regions": list(asked.regions),
        "industries": list(asked.industries),
        "kinds": list(asked.kinds),
        "enterprises": list(asked.enterprises),
        "stages": [stage.value for stage in asked.stages],
        "min_level": asked.min_level.value if asked.min_level else None,
    }


def _filter(document: Mapping[str, Any]) -> Filter:
    level = document.get("min_level")
    return Filter(
        regions=tuple(document.get("regions") or ()),
        industries=tuple(document.get("industries") or ()),
        kinds=tuple(document.get("kinds") or ()),
        enterprises=tuple(document.get("enterprises") or ()),
        stages=tuple(Stage(one) for one in document.get("stages") or ()),
        min_level=Level(level) if level else None,
    )


def _subscription(row: Row[Any]) -> Subscription:
    quiet = read_quiet(row.quiet_from, row.quiet_to) if row.quiet_from else None
    return Subscription(row.id, row.region, tuple(row.scopes), _filter(row.filter), row.endpoint_id, row.digest, quiet)
