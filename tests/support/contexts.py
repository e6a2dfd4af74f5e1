"""What every service is given, on real parts in a folder: settings, clock, the embedded log with all its topics, keys."""

from __future__ import annotations

from pathlib import Path

from services.composition import topics
from shared.domain.clock import Clock
from shared.eventlog.embedded import EmbeddedLog
from shared.ports import EventLog
from shared.runtime.directory import Directory
from shared.runtime.metrics import Metrics
from shared.runtime.secrets import Sealer
from shared.runtime.service import Context
from shared.runtime.settings import Settings
from tests.support.templates import make_tables


def a_log(folder: Path, clock: Clock) -> EmbeddedLog:
    """The embedded log of this folder with every topic of the product."""
    log = EmbeddedLog(folder / "log.sqlite", wall_now=clock.wall_now)
    log.create(topics(distributed=False))
    return log


def a_context(folder: Path, clock: Clock, *, log: EventLog | None = None, database_url: str | None = None) -> Context:
    """A context whose databases are files of `folder`, or one PostgreSQL; `log` is one of `a_log` when none is given."""
    used = log or a_log(folder, clock)
    sealer = Sealer(b"k" * 32)
    settings = Settings(_env_file=None, data_dir=folder, database_url=database_url, gateway_port=0)
    return Context(settings, clock, used, sealer, Directory(used, sealer, clock.wall_now), Metrics())


def migrated(context: Context, service: str) -> Context:
    """The same, with the service's tables made."""
    make_tables(context.settings.database, context.settings.data_dir, service)
    return context
