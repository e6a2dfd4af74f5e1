"""Wires the register: which routes there are, which topic goes to which handler, which jobs and workers run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sqlmodel import Session

from services.permits.api import TAGS
from services.permits.api.documents import take_document
from services.permits.api.imports import imports_router
from services.permits.api.register import register_router
from services.permits.api.renewals import renewals_router
from services.permits.api.tokens import tokens_router
from services.permits.domain.import_report import FailureKind
from services.permits.handlers.due_work import Sweep
from services.permits.handlers.endpoint_counts import counts_endpoints, take_endpoint_counts
from services.permits.handlers.imports import Importer
from services.permits.handlers.period_stamps import names_period_stamp, take_period_stamps
from services.permits.handlers.publishing import Registrar
from services.permits.handlers.registry_heartbeat import RegistryHeartbeat
from services.permits.handlers.renewals import shows_discharge, take_discharges
from services.permits.handlers.tokens import check_signing_key, ensure_admin_token
from services.permits.store.tables import PermitsLease, PermitsOutbox, PermitsProgress, table_of
from shared.database import Database
from shared.domain.events import ALERTS, RISKS
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.ports import Record
from shared.runtime.auth import signing_key
from shared.runtime.consuming import Consumption
from shared.runtime.metrics import begin
from shared.runtime.routes import side_by_side
from shared.runtime.service import Context, Job, Service, ThreadWorker

NAME = "permits"
ADMIN_TOKEN = "admin.token"  # in the data folder


def build(context: Context) -> Service:
    """The permits service."""
    database = context.database(NAME)
    registrar = registrar_of(context)
    begin(context.metrics.import_failures, list(FailureKind))
    importer = importer_of(registrar, database, lambda kind: context.metrics.import_failures.labels(kind).inc())
    key = signing_key(context.settings.signing_key)
    ensure_admin_token(context.settings.data_dir / ADMIN_TOKEN, key, context.clock.wall_now())
    routers = (
        register_router(registrar, database),
        tokens_router(registrar, database, key),
        renewals_router(registrar, database),
        imports_router(importer),
    )
    heartbeat = RegistryHeartbeat(registrar, database, context.log, context.directory, key)
    sweep = Sweep(registrar, database, context.metrics.calendar_year.set)

    def take_risks(session: Session, records: Sequence[Record]) -> None:
        take_discharges(registrar, session, records)
        take_period_stamps(session, records)

    return Service(
        name=NAME,
        router=side_by_side(routers),
        database=database,
        progress=Progress(table_of(PermitsProgress)),
        outbox=registrar.outbox,
        outbox_table=table_of(PermitsOutbox),
        lease_table=table_of(PermitsLease),
        consumptions=[
            Consumption(NAME, {RISKS: take_risks}, lambda one: shows_discharge(one) or names_period_stamp(one)),
            Consumption("permits-reach", {ALERTS: take_endpoint_counts}, counts_endpoints),
        ],
        jobs=[Job("renewal-sweep", sweep.run)],
        workers=[ThreadWorker("registry-heartbeat", heartbeat.run), ThreadWorker("imports", importer.run)],
        ready=heartbeat.not_ready,
        tags=TAGS,
    )


def check_keys(context: Context, session: Session) -> None:
    """Raises OtherKey when this process may not sign tokens here; changes nothing."""
    check_signing_key(session, context.settings.signing_key, context.clock.wall_now())


def importer_of(
    registrar: Registrar, database: Database, on_failure: Callable[[FailureKind], None] = lambda kind: None
) -> Importer:
    """Takes files into the register; the command line uses it without a host."""
    return Importer(registrar, database, partial(take_document, registrar), on_failure)


def registrar_of(context: Context) -> Registrar:
    """What the handlers of the register share; the command line uses it without a host."""
    return Registrar(Outbox(table_of(PermitsOutbox)), context.sealer, context.clock)
