"""What a subscription would have matched of the last days' alerts: `subscription.matches` in SQL, over alerts as they stand now,
and only those that the caller may see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, or_, select, true
from sqlmodel import Session

from services.alerts.domain.catalogue import Level
from services.alerts.domain.subscription import UNASKED, Filter, Subscription
from services.alerts.store.alerts import SEEN
from services.alerts.store.tables import ALERT
from shared.access import Caller, visible
from shared.domain.risk import SCOPE_OF_KIND

DAYS = 7
NEWEST = 5


@dataclass(frozen=True, slots=True)
class MatchedAlert:
    """One alert that would have matched. `headline`: its words by language."""

    id: str
    headline: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KindCount:
    """How many alerts of a kind and level would have matched."""

    kind: str
    level: Level
    alerts: int


@dataclass(frozen=True, slots=True)
class Preview:
    """Of the alerts opened from `since` on: how many would have matched, and the newest of them."""

    since: datetime
    counts: Sequence[KindCount]
    newest: Sequence[MatchedAlert]


def preview(session: Session, caller: Caller, subscription: Subscription, *, now: datetime) -> Preview:
    """What the subscription would have matched in the last 7 days before `now`, by the field clock."""
    since = now - timedelta(days=DAYS)
    a = ALERT.c
    matched = (a.opened_at >= since, visible(caller, SEEN), *_matched(subscription))
    counted = select(a.kind, a.level, func.count().label("n")).where(*matched).group_by(a.kind, a.level)
    newest = select(a.id, a.document).where(*matched).order_by(a.opened_at.desc(), a.id.desc()).limit(NEWEST)
    connection = session.connection()
    counts = [KindCount(row.kind, Level(row.level), row.n) for row in connection.execute(counted)]
    return Preview(
        since=since,
        counts=sorted(counts, key=lambda one: (one.kind, one.level.rank)),
        newest=[MatchedAlert(row.id, row.document["headline"]) for row in connection.execute(newest)],
    )


def _matched(subscription: Subscription) -> list[ColumnElement[bool]]:
    """The conditions of `matches`, in its order."""
    a, filter = ALERT.c, subscription.filter
    out_of_scope = [kind for kind, scope in SCOPE_OF_KIND.items() if scope not in subscription.scopes]
    return [
        a.region.startswith(subscription.region, autoescape=True),
        a.kind.not_in(out_of_scope),
        _any(a.region.startswith(one, autoescape=True) for one in filter.regions),
        _any(a.risk["industry"].as_string().startswith(one, autoescape=True) for one in filter.industries),
        a.credit_code.in_(filter.enterprises) if filter.enterprises else true(),
        _any(a.kind.like(_like(one), escape="\\") for one in filter.kinds),
        a.stage.in_([stage.value for stage in filter.stages or UNASKED]),
        a.level.in_(_levels(filter)),
    ]


def _any(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    found = list(conditions)
    return or_(*found) if found else true()


def _like(pattern: str) -> str:
    """A pattern with `*` as SQL has it."""
    return pattern.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_").replace("*", "%")


def _levels(filter: Filter) -> list[str]:
    lowest = filter.min_level.rank if filter.min_level else 0
    return [level.value for level in Level if level.rank >= lowest]
