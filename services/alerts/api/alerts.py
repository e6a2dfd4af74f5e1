"""The inbox: list, read, and what people do with an alert."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field
from sqlmodel import Session

from services.alerts.domain.alert import Move, Status
from services.alerts.domain.catalogue import Level, Stage
from services.alerts.handlers.alerts import AlertService
from services.alerts.store.alerts import AlertStore, Wanted
from services.alerts.store.pushes import PushStore
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.clock import aware, parse_rfc3339, rfc3339
from shared.runtime.auth import allow
from shared.runtime.web import Page, cursor, read_cursor

READERS = allow(Role.ENTERPRISE, Role.OFFICER, Role.OPS)
TAG = "预警 / Alerts"
Reader = Annotated[Caller, READERS]
ByEnterprise = Annotated[Caller, allow(Role.ENTERPRISE)]
ByOfficer = Annotated[Caller, allow(Role.OFFICER)]


WORDS = AliasChoices("text", "note")


class Note(BaseModel):
    """Words that go into the history."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(default="", max_length=4000, validation_alias=WORDS, description="说明 / what was found or done")


class Said(BaseModel):
    """Words that must be there."""

    model_config = ConfigDict(extra="forbid")
    text: str = Field(min_length=1, max_length=4000, validation_alias=WORDS, description="说明 / what was done, or why")


class Filters(BaseModel):
    status: Status | None = None
    kind: str | None = Field(default=None, max_length=64)
    level: Level | None = None
    stage: Stage | None = None
    credit_code: str | None = Field(default=None, max_length=18)
    region: str | None = Field(default=None, pattern=r"^\d{2,6}$", description="区划代码前缀 / division prefix")
    outlet: str | None = Field(default=None, max_length=32)
    factor: str | None = Field(default=None, max_length=16)
    since: Annotated[AwareDatetime, AfterValidator(aware)] | None = Field(
        default=None, description="opened at or after"
    )
    limit: int = Field(default=50, ge=1, le=500)
    cursor: str | None = Field(default=None, max_length=300)


def alert_routes(database: Database, alerts: AlertService, store: AlertStore, pushes: PushStore) -> APIRouter:
    """The routes of the inbox; long because it is only wiring."""
    router = APIRouter(tags=[TAG])

    def moved(caller: Caller, alert_id: str, move: Move, text: str) -> dict[str, Any]:
        with database.transaction() as session:
            store.document(session, alert_id, caller)  # 404 outside the scope
            alerts.move(session, alert_id, move, who=f"{caller.role}:{caller.subject}", text=text)
            return _whole(store, pushes, session, alert_id, caller)

    @router.get("/alerts", summary="预警列表，最新在前 / Alerts, newest first")
    def list_alerts(caller: Reader, filters: Annotated[Filters, Query()]) -> Page[dict[str, Any]]:
        wanted = Wanted(**filters.model_dump(exclude={"limit", "cursor"}))
        with database.read() as session:
            before = read_place(filters.cursor)
            rows = store.page(session, caller, wanted, before=before, limit=filters.limit + 1)
        return page([(row.opened_at, row.id, row.document) for row in rows], filters.limit)

    @router.get("/alerts/{alert_id}", summary="一条预警及其经过 / One alert with its history")
    def get_alert(caller: Reader, alert_id: str) -> dict[str, Any]:
        with database.read() as session:
            return _whole(store, pushes, session, alert_id, caller)

    @router.post("/alerts/{alert_id}/acknowledge", summary="签收 / Acknowledge")
    def acknowledge(caller: ByEnterprise, alert_id: str, note: Note | None = None) -> dict[str, Any]:
        return moved(caller, alert_id, Move.ACKNOWLEDGE, note.text if note else "")

    @router.post("/alerts/{alert_id}/answer", summary="反馈原因和措施 / Answer with cause and measures")
    def answer(caller: ByEnterprise, alert_id: str, said: Said) -> dict[str, Any]:
        return moved(caller, alert_id, Move.ANSWER, said.text)

    @router.post("/alerts/{alert_id}/objection", summary="提出异议 / Object")
    def objection(caller: ByEnterprise, alert_id: str, said: Said) -> dict[str, Any]:
        return moved(caller, alert_id, Move.OBJECTION, said.text)

    @router.post("/alerts/{alert_id}/verify", summary="核实 / Verify the answer")
    def verify(caller: ByOfficer, alert_id: str, note: Note | None = None) -> dict[str, Any]:
        return moved(caller, alert_id, Move.VERIFY, note.text if note else "")

    @router.post("/alerts/{alert_id}/close", summary="办结 / Close")
    def close(caller: ByOfficer, alert_id: str, note: Note | None = None) -> dict[str, Any]:
        return moved(caller, alert_id, Move.CLOSE, note.text if note else "")

    @router.post("/alerts/{alert_id}/withdraw", summary="撤回 / Withdraw: it was none")
    def withdraw(caller: ByOfficer, alert_id: str, said: Said) -> dict[str, Any]:
        return moved(caller, alert_id, Move.WITHDRAW, said.text)

    return router


def _whole(store: AlertStore, pushes: PushStore, session: Session, alert_id: str, caller: Caller) -> dict[str, Any]:
    """The alert, what became of it, and whether those concerned were told."""
    found = store.document(session, alert_id, caller)
    history = [
        {
            "revision": row.revision,
            "at": rfc3339(row.at),
            "what": row.what,
            "who": row.who,
            "why": row.text,
            "status": row.status,
            "push": row.push,
            "reason": row.reason,
        }
        for row in store.history(session, alert_id)
    ]
    told = [
        {
            "audience": one.audience,
            "state": one.state,
            "reason": one.reason,
            "delivered_at": rfc3339(one.delivered_at) if one.delivered_at else None,
            "attempts": one.attempts,
        }
        for one in pushes.proof(session, alert_id)
    ]
    return {**found, "history": history, "told": told}


def read_place(text: str | None) -> tuple[datetime, str] | None:
    """The (time, id) that a cursor stands behind."""
    key = read_cursor(text, str, str)
    return (parse_rfc3339(str(key[0]), "cursor"), str(key[1])) if key else None


def page(rows: Sequence[tuple[datetime, str, dict[str, Any]]], limit: int) -> Page[dict[str, Any]]:
    """A page of `limit` out of one row more."""
    items = [document for _, _, document in rows[:limit]]
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(items=items, next=cursor(last[0].isoformat(), last[1]) if last else None)


def times(document: dict[str, Any]) -> dict[str, Any]:
    """Times in RFC 3339, at any depth that these documents have."""
    return {name: _shown(value) for name, value in document.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, list):
        return [times(one) for one in value]
    return rfc3339(value) if hasattr(value, "tzinfo") else value
