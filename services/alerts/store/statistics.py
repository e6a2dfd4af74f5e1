"""How many alerts a division has, by kind, level and status."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session

from services.alerts.domain.alert import ENDED, Status
from services.alerts.domain.catalogue import Level, Stage
from services.alerts.store.alerts import SEEN
from services.alerts.store.tables import ALERT
from shared.access import Caller, visible


@dataclass(frozen=True, slots=True)
class AlertCounts:
    """How many alerts: in all, not ended, and by what they are."""

    total: int
    unended: int
    by_kind: Mapping[str, int]
    by_stage: Mapping[str, int]
    by_level: Mapping[str, int]
    by_status: Mapping[str, int]


def counts(session: Session, caller: Caller, inside: str) -> AlertCounts:
    """Alerts of a division prefix that the caller sees: in all, not ended, and by what they are."""
    columns = (ALERT.c.kind, ALERT.c.stage, ALERT.c.level, ALERT.c.status)
    query = select(*columns, func.count().label("n")).where(visible(caller, SEEN))
    query = query.where(ALERT.c.region.startswith(inside, autoescape=True))
    rows = session.connection().execute(query.group_by(*columns)).all()
    by: dict[str, Counter[str]] = {name: Counter() for name in ("kind", "stage", "level", "status")}
    for row in rows:
        for name, counter in by.items():
            counter[getattr(row, name)] += row.n
    statuses = by["status"]
    return AlertCounts(
        total=sum(statuses.values()),
        unended=sum(n for status, n in statuses.items() if Status(status) not in ENDED),
        by_kind=dict(sorted(by["kind"].items())),
        by_stage={stage.value: by["stage"][stage.value] for stage in Stage},
        by_level={level.value: by["level"][level.value] for level in Level},
        by_status={status.value: statuses[status.value] for status in Status},
    )
