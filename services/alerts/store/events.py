"""The CloudEvents that alerts said, in the order of the stream, as far as a caller may see them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session

from services.alerts.store.alerts import scope
from services.alerts.store.tables import OUTBOX
from shared.domain.events import ALERTS
from shared.runtime.auth import Caller


@dataclass(frozen=True, slots=True)
class Said:
    """One event of the stream. `credit_code` None also when it is hidden from the enterprise."""

    stream_no: int
    credit_code: str | None
    region: str | None
    value: bytes


def said_after(
    session: Session, after: int, *, limit: int, caller: Caller | None = None, until: int | None = None
) -> list[Said]:
    """Events behind `after` in order; with a caller only those in its scope."""
    asked = select(OUTBOX.c.stream_no, OUTBOX.c.credit_code, OUTBOX.c.region, OUTBOX.c.value)
    asked = asked.where(OUTBOX.c.topic == ALERTS, OUTBOX.c.stream_no > after, OUTBOX.c.value.is_not(None))
    if until is not None:
        asked = asked.where(OUTBOX.c.stream_no <= until)
    if caller is not None:
        asked = asked.where(scope(caller, OUTBOX))
    rows: Sequence[Any] = session.connection().execute(asked.order_by(OUTBOX.c.stream_no).limit(limit)).all()
    return [Said(row.stream_no, row.credit_code, row.region, bytes(row.value)) for row in rows]


def last_said(session: Session) -> int:
    """The greatest number of the stream, 0 when nothing was said."""
    return int(session.connection().execute(select(func.max(OUTBOX.c.stream_no))).scalar() or 0)
