"""Subscriptions as rows: keeping them, and which of them match an alert."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, insert, select, update
from sqlmodel import Session

from services.alerts.domain.catalogue import Level, Stage
from services.alerts.domain.quiet import Quiet, read_quiet
from services.alerts.domain.subscription import Facts, Filter, Subscription, matches
from services.alerts.store.paging import Position, newer_than
from services.alerts.store.sql_types import SqlRow, StoredDocument
from services.alerts.store.tables import SUBSCRIPTION
from shared.access import Caller, Columns, visible
from shared.domain.errors import no_such
from shared.domain.identity import new_id


@dataclass(frozen=True, slots=True)
class NewSubscription:
    """What a subscription is to be. `region` and `scopes` are its owner's and its endpoint's, not its filter's."""

    name: str
    region: str
    scopes: tuple[str, ...]
    filter: Filter
    endpoint: str
    digest: str | None
    quiet: Quiet | None


@dataclass(frozen=True, slots=True)
class SubscriptionRecord:
    """A subscription with what its owner called it."""

    name: str
    created_at: datetime
    subscription: Subscription


class SubscriptionStore:
    """Every method works inside the caller's session."""

    def matching(self, session: Session, facts: Facts) -> list[Subscription]:
        """Those that match the alert."""
        within = ["", *(facts.region[:digits] for digits in (2, 4, 6))]
        query = select(SUBSCRIPTION).where(SUBSCRIPTION.c.region.in_(within)).order_by(SUBSCRIPTION.c.id)
        found = (_subscription(row) for row in session.connection().execute(query))
        return [one for one in found if matches(one, facts).matched]

    def of_endpoint(self, session: Session, endpoint_id: str) -> list[Subscription]:
        query = select(SUBSCRIPTION).where(SUBSCRIPTION.c.endpoint_id == endpoint_id).order_by(SUBSCRIPTION.c.id)
        return [_subscription(row) for row in session.connection().execute(query)]

    def add(self, session: Session, new: NewSubscription, *, by: str, wall_now: datetime) -> str:
        """A new subscription; its id."""
        subscription_id = new_id("sub")
        values = {**_values(new), "id": subscription_id, "created_at": wall_now, "created_by": by}
        session.connection().execute(insert(SUBSCRIPTION).values(values))
        return subscription_id

    def change(self, session: Session, subscription_id: str, caller: Caller, new: NewSubscription) -> None:
        """It is to be so from now on; raises NotFound outside the caller's scope."""
        self.load(session, subscription_id, caller)
        changed = update(SUBSCRIPTION).where(SUBSCRIPTION.c.id == subscription_id).values(**_values(new))
        session.connection().execute(changed)

    def delete(self, session: Session, subscription_id: str, caller: Caller) -> None:
        self.load(session, subscription_id, caller)
        session.connection().execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.id == subscription_id))

    def delete_of_endpoint(self, session: Session, endpoint_id: str) -> None:
        session.connection().execute(delete(SUBSCRIPTION).where(SUBSCRIPTION.c.endpoint_id == endpoint_id))

    def load(self, session: Session, subscription_id: str, caller: Caller) -> SubscriptionRecord:
        """The subscription, locked for change; raises NotFound outside the caller's scope."""
        query = select(SUBSCRIPTION).where(SUBSCRIPTION.c.id == subscription_id, _visible(caller)).with_for_update()
        row = session.connection().execute(query).one_or_none()
        if row is None:
            raise no_such("subscription", subscription_id)
        return _record(row)

    def page(
        self, session: Session, caller: Caller, *, behind: Position | None, limit: int
    ) -> list[SubscriptionRecord]:
        """In order of creation, those behind the position."""
        s = SUBSCRIPTION.c
        query = select(SUBSCRIPTION).where(_visible(caller), newer_than(behind, s.created_at, s.id))
        rows = session.connection().execute(query.order_by(s.created_at, s.id).limit(limit))
        return [_record(row) for row in rows]


def _visible(caller: Caller) -> ColumnElement[bool]:
    return visible(caller, Columns(None, SUBSCRIPTION.c.region, state_only=True))


def _values(new: NewSubscription) -> Mapping[str, object]:
    return {
        "name": new.name,
        "region": new.region,
        "scopes": list(new.scopes),
        "filter": _filter_document(new.filter),
        "endpoint_id": new.endpoint,
        "digest": new.digest,
        "quiet_from": new.quiet.start_text if new.quiet else None,
        "quiet_to": new.quiet.end_text if new.quiet else None,
    }


def _filter_document(filter: Filter) -> StoredDocument:
    return {
        "regions": list(filter.regions),
        "industries": list(filter.industries),
        "kinds": list(filter.kinds),
        "enterprises": list(filter.enterprises),
        "stages": [stage.value for stage in filter.stages],
        "min_level": filter.min_level.value if filter.min_level else None,
    }


def _filter(document: StoredDocument) -> Filter:
    level = document.get("min_level")
    return Filter(
        regions=tuple(document.get("regions") or ()),
        industries=tuple(document.get("industries") or ()),
        kinds=tuple(document.get("kinds") or ()),
        enterprises=tuple(document.get("enterprises") or ()),
        stages=tuple(Stage(one) for one in document.get("stages") or ()),
        min_level=Level(level) if level else None,
    )


def _record(row: SqlRow) -> SubscriptionRecord:
    return SubscriptionRecord(row.name, row.created_at, _subscription(row))


def _subscription(row: SqlRow) -> Subscription:
    quiet = read_quiet(row.quiet_from, row.quiet_to) if row.quiet_from else None
    return Subscription(row.id, row.region, tuple(row.scopes), _filter(row.filter), row.endpoint_id, row.digest, quiet)
