"""The quarantine as operators and officers see it: what was not understood, put back or dismissed by hand."""

from __future__ import annotations

from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel
from sqlalchemy import select
from sqlmodel import Session

from services.monitoring.api.requests import Cursor
from services.monitoring.api.scope import quarantine_seen
from services.monitoring.domain.quarantine import QuarantineItem, QuarantineReason, QuarantineState
from services.monitoring.handlers.quarantine import PutBack
from services.monitoring.store import quarantine
from services.monitoring.store.tables import KEPT
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.clock import rfc3339
from shared.domain.errors import Conflict, NotFound
from shared.runtime.auth import allow
from shared.runtime.web import Page, cursor, read_cursor

Keeper = Annotated[Caller, allow(Role.OPS, Role.OFFICER)]
KeptId = Annotated[int, Path(ge=1, lt=2**62)]


class KeptOut(BaseModel):
    """A quarantined frame or packet; `raw` in base64, its password masked."""

    id: int
    mn: str | None
    reason: QuarantineReason
    detail: str
    state: QuarantineState
    form: str
    source: str
    address: str | None
    received_at: str
    raw: str
    moved_at: str | None
    moved_by: str | None


def add_quarantine(router: APIRouter, database: Database, put_back: PutBack) -> None:
    """List, put back, dismiss. Long because it only lists them."""

    @router.get("/quarantine", tags=["quarantine"], summary="隔离数据 / What was not understood")
    def list_quarantine(
        caller: Keeper,
        mn: str | None = None,
        reason: QuarantineReason | None = None,
        state: QuarantineState | None = None,
        after: Cursor = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> Page[KeptOut]:
        """Newest first."""
        wanted = select(KEPT).where(quarantine_seen(caller, KEPT.c.mn))
        for column, value in (("mn", mn), ("reason", reason), ("state", state)):
            if value is not None:
                wanted = wanted.where(KEPT.c[column] == str(value))
        behind = read_cursor(after, int)
        if behind:
            wanted = wanted.where(KEPT.c.id < behind[0])
        with database.read() as session:
            rows = session.connection().execute(wanted.order_by(KEPT.c.id.desc()).limit(limit + 1))
            items = [quarantine.read_item(row) for row in rows]
        following = cursor(items[limit - 1].id) if len(items) > limit else None
        return Page(items=[_out(item) for item in items[:limit]], next=following)

    @router.post("/quarantine/{kept_id}/put-back", tags=["quarantine"], summary="恢复隔离数据 / Put it back")
    def put_back_quarantined_item(caller: Keeper, kept_id: KeptId) -> KeptOut:
        """Its packet goes to `packets` again and is handled like any other."""
        with database.transaction() as session:
            put_back.now(session, _seen(session, caller, kept_id), by=caller.subject)
            return _out(_seen(session, caller, kept_id))

    @router.post("/quarantine/{kept_id}/dismiss", tags=["quarantine"], summary="排除隔离数据 / Dismiss it")
    def dismiss_quarantined_item(caller: Keeper, kept_id: KeptId) -> KeptOut:
        """It stays readable, and is done with."""
        with database.transaction() as session:
            item = _seen(session, caller, kept_id)
            if item.state is not QuarantineState.KEPT:
                raise Conflict(f"the packet was {item.state.value} before", code="already-moved")
            put_back.dismiss(session, item, by=caller.subject)
            return _out(_seen(session, caller, kept_id))


def _seen(session: Session, caller: Caller, kept_id: int) -> QuarantineItem:
    item = quarantine.find(session, kept_id)
    if item is not None:
        inside = select(KEPT.c.id).where(KEPT.c.id == kept_id, quarantine_seen(caller, KEPT.c.mn))
        if session.connection().execute(inside).first() is not None:
            return item
    raise NotFound(f"no such packet {kept_id} in quarantine")


def _out(item: QuarantineItem) -> KeptOut:
    return KeptOut(
        id=item.id,
        mn=item.mn,
        reason=item.reason,
        detail=item.detail,
        state=item.state,
        form=item.form,
        source=item.source,
        address=item.address,
        received_at=rfc3339(item.received_at),
        raw=b64encode(item.raw).decode(),
        moved_at=rfc3339(item.moved_at) if item.moved_at else None,
        moved_by=item.moved_by,
    )
