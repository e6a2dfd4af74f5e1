"""Wires the register: routes, the voice that keeps `registry` heard, the first admin's token."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import jwt
import structlog
from fastapi import APIRouter
from sqlalchemy import Table
from sqlalchemy.exc import IntegrityError
from sqlmodel import SQLModel

from services.permits.api.documents import take_document
from services.permits.api.imports import imports_router
from services.permits.api.register import register_router
from services.permits.api.renewals import renewals_router
from services.permits.api.tokens import tokens_router
from services.permits.domain.import_report import FailureKind
from services.permits.handlers.due_work import Sweep
from services.permits.handlers.endpoint_counts import take_reach
from services.permits.handlers.imports import Importer
from services.permits.handlers.publishing import SOURCE, Registrar
from services.permits.handlers.renewals import take_discharges
from services.permits.handlers.tokens import publish_key
from services.permits.store.tables import PermitsLease, PermitsOutbox, PermitsProgress, PermitsTable
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.errors import Unreachable
from shared.domain.events import ALERTS, HEARTBEAT, REGISTRY, RISKS, Event
from shared.eventlog.codec import encode_event
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.ports import NewRecord
from shared.runtime.auth import ALGORITHM, SigningKey, claims, signing_key
from shared.runtime.consuming import Consumption
from shared.runtime.secrets import write_private
from shared.runtime.service import Context, Job, Service, ThreadWorker

log = structlog.get_logger(__name__)
NAME = "permits"
HEARTBEAT_S = 20.0  # unheard for 60 s is an alert, for 10 min the doors answer 503
TRY_AGAIN_S = 1.0
APPEND_S = 10.0


def build(context: Context) -> Service:
    """The permits service."""
    database = context.database(NAME)
    registrar = registrar_of(context)
    key = signing_key(context.settings.signing_key)
    ensure_admin_token(context)
    router = APIRouter()
    router.include_router(register_router(registrar, database))
    router.include_router(tokens_router(registrar, database, key))
    importer = importer_of(registrar, database, lambda kind: context.metrics.import_failures.labels(kind).inc())
    router.include_router(renewals_router(registrar, database))
    router.include_router(imports_router(importer))
    voice = RegistryVoice(context, registrar, database, key)
    sweep = Sweep(registrar, database, context.metrics.calendar_year.set)
    return Service(
        name=NAME,
        router=router,
        database=database,
        progress=Progress(_table(PermitsProgress)),
        outbox=registrar.outbox,
        outbox_table=_table(PermitsOutbox),
        lease_table=_table(PermitsLease),
        consumptions=[
            Consumption(NAME, {RISKS: partial(take_discharges, registrar)}),
            Consumption("permits-reach", {ALERTS: take_reach}),
        ],
        jobs=[Job("renewal-sweep", sweep.run)],
        workers=[ThreadWorker("registry-heartbeat", voice.run), ThreadWorker("imports", importer.run)],
        ready=voice.not_heard,
    )


def importer_of(
    registrar: Registrar, database: Database, on_failure: Callable[[FailureKind], None] = lambda kind: None
) -> Importer:
    """Takes files into the register; the command line uses it without a host."""
    return Importer(registrar, database, partial(take_document, registrar), on_failure)


def registrar_of(context: Context) -> Registrar:
    """The hands of the register, for whoever works on it without a host."""
    return Registrar(Outbox(_table(PermitsOutbox)), context.sealer, context.clock)


def _table(model: type[SQLModel]) -> Table:
    return PermitsTable.metadata.tables[str(model.__tablename__)]


@dataclass(frozen=True, slots=True)
class RegistryVoice:
    """Publishes the public key once, then says every 20 s of wall clock that the register lives; every replica does."""

    context: Context
    registrar: Registrar
    database: Database
    key: SigningKey

    def run(self, stop: threading.Event) -> None:
        published = False
        while not stop.is_set():
            published = published or self._publish()
            self.beat()
            stop.wait(HEARTBEAT_S if published else TRY_AGAIN_S)

    def not_heard(self) -> str | None:
        """Why tokens of ours cannot be verified yet; None when they can."""
        try:
            known = self.context.directory.public_key(self.key.kid)
        except Unreachable as away:
            return away.detail
        return None if known else "the public key is not on the register yet"

    def _publish(self) -> bool:
        try:
            with self.database.transaction() as session:
                publish_key(self.registrar, session, self.key)
        except (Unreachable, IntegrityError) as away:  # IntegrityError: another replica was quicker
            log.warning("the public key is not published yet", reason=type(away).__name__)
            return False
        return True

    def beat(self) -> None:
        """One heartbeat, straight to the log."""
        now = self.context.clock.wall_now()
        event = Event(HEARTBEAT, SOURCE, "registry:heartbeat", int(now.timestamp()), self.context.clock.field_now(), {})
        try:
            record = NewRecord("heartbeat", encode_event(event))
            self.context.log.append(REGISTRY, [record]).result(APPEND_S)
        except (Unreachable, TimeoutError) as away:
            log.warning("the register's heartbeat is not on the log", reason=type(away).__name__)


def ensure_admin_token(context: Context) -> Path:
    """`admin.token` (0600) in the data folder: made at the first start, made anew when expired or of a former key."""
    path = context.settings.data_dir / "admin.token"
    key = signing_key(context.settings.signing_key)
    now = context.clock.wall_now()
    if path.exists() and not _holds(path, key, now):
        path.unlink(missing_ok=True)
    if not path.exists():
        body = claims(Caller(Role.ADMIN, "admin"), now=now)
        write_private(path, key.sign(body).encode())
        log.info("an admin's token was written", path=str(path))
    return path


def _holds(path: Path, key: SigningKey, now: datetime) -> bool:
    """Whether the token in the file is ours and not expired."""
    try:
        token = path.read_text(encoding="ascii").strip()
        body = jwt.decode(token, key.key.public_key(), algorithms=[ALGORITHM], options={"verify_exp": False})
        return bool(body["exp"] > now.timestamp())
    except (jwt.PyJWTError, UnicodeDecodeError, KeyError, TypeError):
        return False
