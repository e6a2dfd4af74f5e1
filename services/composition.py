"""Names → services, settings → adapters: the one place where the shape is chosen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import typer

from services.alerts.service import build as build_alerts
from services.monitoring.service import build as build_monitoring
from services.permits.commands import add_commands as add_permits_commands
from services.permits.service import build as build_permits
from shared.database import Database
from shared.domain.clock import Clock, field_clock, system_clock
from shared.domain.errors import Conflict, Invalid
from shared.eventlog.embedded import EmbeddedLog
from shared.ports import EventLog
from shared.private_files import close_to_others
from shared.runtime.directory import Directory
from shared.runtime.host import topics
from shared.runtime.logs import set_up_logs
from shared.runtime.metrics import Metrics
from shared.runtime.migrating import migrate
from shared.runtime.secrets import sealer
from shared.runtime.service import Context, Service
from shared.runtime.settings import Settings, load_settings

BUILD: Mapping[str, Callable[[Context], Service]] = {
    "permits": build_permits,
    "monitoring": build_monitoring,
    "alerts": build_alerts,
}


@dataclass(frozen=True, slots=True)
class Made:
    """A context and the services built on it."""

    context: Context
    services: tuple[Service, ...]


def chosen(names: Sequence[str]) -> tuple[str, ...]:
    """The named services, or all; raises Invalid for a name that is none."""
    for name in names:
        if name not in BUILD:
            raise Invalid(f"{name!r} is not a service", field="SERVICE", value=name, rule=", ".join(BUILD))
    return tuple(names) or tuple(BUILD)


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


def make(settings: Settings, names: Sequence[str]) -> Made:
    """Everything a host needs; the embedded shape migrates by itself."""
    if not settings.distributed and len(names) < len(BUILD):
        raise Conflict(
            "one service alone needs the distributed shape: set YUJING_KAFKA_BOOTSTRAP and YUJING_DATABASE_URL",
            code="embedded-runs-all",
        )
    context = make_context(settings)
    if not settings.distributed:
        migrate_all(context, names)
    return Made(context, tuple(BUILD[name](context) for name in names))


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
            yield context, database
        finally:
            database.close()
    finally:
        context.log.close()


def _permits_commands(app: typer.Typer) -> None:
    add_permits_commands(app, partial(open_service, "permits"))


COMMANDS: Sequence[Callable[[typer.Typer], None]] = (_permits_commands,)  # the services' own verbs
