"""Names → services, settings → adapters: the one place where the shape is chosen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from sqlmodel import Session

from shared.database import Database
from shared.domain.clock import Clock, field_clock, system_clock
from shared.domain.errors import Conflict, Invalid, Unreachable
from shared.eventlog.embedded import EmbeddedLog
from shared.ports import EventLog
from shared.private_files import close_to_others
from shared.runtime.auth import read_signing_key
from shared.runtime.directory import Directory
from shared.runtime.host import topics
from shared.runtime.logs import set_up_logs
from shared.runtime.metrics import Metrics
from shared.runtime.migrating import behind, migrate
from shared.runtime.sealing_key import SealingKey, place_of_secret_key
from shared.runtime.secrets import known_sealer, sealer
from shared.runtime.service import Context, Service
from shared.runtime.settings import Settings, load_settings

log = structlog.get_logger(__name__)
TRY_AGAIN_S = 1.0  # a database that is away at the start


@dataclass(frozen=True, slots=True)
class Wiring:
    """How a service is built, and the keys that its data were made with: `check_keys` is of others than the secret key."""

    build: Callable[[Context], Service]
    sealing_key: SealingKey
    check_keys: Callable[[Context, Session], None] = lambda _context, _session: None


# each imported only when it is asked for: a process of one service need not wait for the others
def _permits() -> Wiring:
    from services.permits.service import build, check_keys
    from services.permits.store.sealed_secrets import SEALING_KEY

    return Wiring(build, SEALING_KEY, check_keys)


def _monitoring() -> Wiring:
    from services.monitoring.service import build
    from services.monitoring.store.sealed_secrets import SEALING_KEY

    return Wiring(build, SEALING_KEY)


def _alerts() -> Wiring:
    from services.alerts.service import build
    from services.alerts.store.sealed_secrets import SEALING_KEY

    return Wiring(build, SEALING_KEY)


WIRING: Mapping[str, Callable[[], Wiring]] = {"permits": _permits, "monitoring": _monitoring, "alerts": _alerts}
SERVICES = tuple(WIRING)


def build_service(context: Context, name: str) -> Service:
    """The named service, wired."""
    return WIRING[name]().build(context)


@dataclass(frozen=True, slots=True)
class Made:
    """A context and the services built on it."""

    context: Context
    services: tuple[Service, ...]


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The named services, or all; raises Invalid for a name that is none."""
    for name in names:
        if name not in WIRING:
            raise Invalid(f"{name!r} is not a service", field="SERVICE", value=name, rule=", ".join(SERVICES))
    return tuple(names) or SERVICES


def make_clock(settings: Settings) -> Clock:
    """The machine's clocks, or the fast field clock of one embedded host."""
    return field_clock(settings.field_clock) if settings.field_clock else system_clock()


def make_log(settings: Settings, clock: Clock, *, exclusive: bool = True) -> EventLog:
    """Kafka when its bootstrap is set, else the file in the data folder."""
    if settings.kafka_bootstrap:
        from shared.eventlog.kafka import (
            KafkaLog,
        )  # only here: the embedded shape need not wait for the client's import

        return KafkaLog(
            settings.kafka_bootstrap,
            prefix=settings.kafka_topic_prefix,
            security=settings.kafka_security(),
            wall_now=clock.wall_now,
            session_timeout_ms=settings.kafka_session_timeout_ms,
        )
    return EmbeddedLog(settings.data_dir / "log.sqlite", wall_now=clock.wall_now, exclusive=exclusive)


def make_context(settings: Settings, *, exclusive: bool = True) -> Context:
    """What every service is given."""
    close_to_others(settings.data_dir)
    clock = make_clock(settings)
    event_log = make_log(settings, clock, exclusive=exclusive)
    seal = sealer(settings)
    return Context(
        settings=settings,
        clock=clock,
        log=event_log,
        sealer=seal,
        directory=Directory(event_log, seal, clock.wall_now),
        metrics=Metrics(),
    )


def migrate_all(context: Context, names: Sequence[str]) -> dict[str, bool]:
    """Bring topics and the named services' tables up to date; which tables changed."""
    done: dict[str, bool] = {}
    for name in names:
        database = context.database(name)
        try:
            done[name] = migrate(database, f"services.{name}.migrations", name)
        finally:
            database.close()
    context.log.create(topics(context.settings.distributed))
    return done


def check(settings: Settings, names: Sequence[str]) -> None:
    """What `run` refuses to start with, found without making or opening anything. Raises: Conflict, Invalid."""
    if not settings.distributed and len(names) < len(SERVICES):
        raise Conflict(
            "one service alone needs the distributed shape: set YUJING_KAFKA_BOOTSTRAP and YUJING_DATABASE_URL",
            code="embedded-runs-all",
        )
    make_clock(settings)
    known_sealer(settings)
    if settings.signing_key.exists():
        read_signing_key(settings.signing_key)


def make(settings: Settings, names: Sequence[str]) -> Made:
    """Everything a host needs; the embedded shape migrates by itself."""
    check(settings, names)
    context = make_context(settings)
    if not settings.distributed:
        migrate_all(context, names)
    for name in names:
        _adopt_keys_once_reachable(context, name)
    return Made(context, tuple(build_service(context, name) for name in names))


def _adopt_keys_once_reachable(context: Context, name: str) -> None:
    while True:
        database = context.database(name)
        try:
            return adopt_keys(context, name, database)
        except Unreachable as away:
            log.warning("the start waits for a database", service=name, why=away.detail)
            time.sleep(TRY_AGAIN_S)
        finally:
            database.close()


def adopt_keys(context: Context, name: str, database: Database) -> None:
    """Keep the fingerprint of the secret key at a service's first start; raises OtherKey later for another key."""
    with database.transaction() as session:
        check_keys(context, name, session)
        WIRING[name]().sealing_key.adopt(session, context.sealer, context.clock.wall_now())
        check_keys(context, name, session)  # another replica may have been quicker


def check_keys(context: Context, name: str, session: Session) -> None:
    """Raises OtherKey when the keys of this process are not those that the service's data were made with, and Conflict
    when its tables are of an earlier version; changes nothing."""
    check_secret_key(context, name, session)
    WIRING[name]().check_keys(context, session)


def check_secret_key(context: Context, name: str, session: Session) -> None:
    """The same of the secret key alone."""
    if behind(session.connection(), f"services.{name}.migrations"):
        raise Conflict(
            f"{name} 的数据表须先升级 / the tables of {name} are of an earlier version: run `yujing migrate`",
            code="not-migrated",
        )
    WIRING[name]().sealing_key.check(session, context.sealer, place_of_secret_key(context.settings))


@contextmanager
def open_service(name: str) -> Iterator[tuple[Context, Database]]:
    """A service's context and database for a command beside a running host; tables are up to date in the embedded
    shape."""
    settings = load_settings()
    set_up_logs(settings.log_format, "WARNING")  # what a command did is on standard output
    context = make_context(settings, exclusive=False)
    try:
        if not settings.distributed:
            migrate_all(context, [name])
        database = context.database(name)
        try:
            with database.read() as session:
                check_secret_key(context, name, session)
            yield context, database
        finally:
            database.close()
    finally:
        context.log.close()
