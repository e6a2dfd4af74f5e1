"""Wires monitoring: which topic goes to which handler, which job runs, which routes there are."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from services.monitoring.api import PACKETS_PATH, TAGS, monitoring_router
from services.monitoring.detectors import exceedance, fault, guessing, nearing, silence
from services.monitoring.detectors.guessing import GuessingWatch
from services.monitoring.domain.due_work import DAY, HOUR
from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.gateway import gateway_worker
from services.monitoring.gateway.counters import begin_counters
from services.monitoring.handlers.archiving import Archiving
from services.monitoring.handlers.availability import AliveNotes, Backlog
from services.monitoring.handlers.due_work import Jobs
from services.monitoring.handlers.frame_archiving import FrameArchiving
from services.monitoring.handlers.note_pruning import NotePruning
from services.monitoring.handlers.packets import PACKETS_GROUP, REGISTER_GROUP, PacketHandler
from services.monitoring.handlers.partitions import Partitions
from services.monitoring.handlers.quarantine import PutBack, QuarantineHandler
from services.monitoring.handlers.registry import RegisterHandler
from services.monitoring.handlers.silence import SilenceSweep
from services.monitoring.store.archive import use_archive
from services.monitoring.store.register import Register
from services.monitoring.store.risks import RiskRepository
from services.monitoring.store.tables import LEASE, OUTBOX, PROGRESS
from shared.database import Database
from shared.domain.events import PACKETS, QUARANTINE, REGISTRY, RISK_CHANGED, RISK_CLEARED, RISK_OPENED
from shared.domain.item_note import ItemFault
from shared.domain.risk import PERIOD_STAMP
from shared.eventlog.outbox import Outbox
from shared.eventlog.progress import Progress
from shared.ports import Record
from shared.runtime.consuming import Consumption
from shared.runtime.metrics import Metrics, begin
from shared.runtime.service import Context, Job, Service

NAME = "monitoring"
PACKET_BATCHES = (
    4  # 2,000 packets, some 2 MB: a third of the CPU of 500 goes into statements, of 5,000 no less than here
)
KINDS = (  # of risks that are published here
    exceedance.KIND,
    nearing.KIND,
    fault.KIND,
    silence.KIND,
    silence.OUTAGE,
    guessing.KIND,
    PERIOD_STAMP,
)
QUARANTINE_GROUP = "monitoring-quarantine"


def build(context: Context) -> Service:
    """The monitoring service: long and straight, because it is the list of its parts."""
    database = context.database(NAME)
    outbox, progress = Outbox(OUTBOX), Progress(PROGRESS)
    clock = context.clock
    _begin_metrics(context.metrics)
    risks = RiskRepository(outbox, context.metrics)
    put_back = PutBack(clock=clock, outbox=outbox, sealer=context.sealer)

    def packet_handler() -> PacketHandler:  # one a thread: each keeps its own decoded register
        return PacketHandler(
            clock=clock, register=Register(), outbox=outbox, progress=progress, metrics=context.metrics
        )

    jobs = Jobs(database, clock=clock, handler=packet_handler(), put_back=put_back)
    archiving = archiving_of(context, database)
    frames = frame_archiving_of(context, database, progress)
    sweep = SilenceSweep(
        database,
        clock=clock,
        register=Register(),
        risks=risks,
        behind=Backlog(context.log, database, progress, PACKETS_GROUP).more_than_a_tick,
    )
    quarantined = QuarantineHandler(metrics=context.metrics)
    guessing = GuessingWatch(database, clock=clock, register=Register(), risks=risks)

    def take_quarantined(session: Session, records: Sequence[Record]) -> None:
        quarantined.take(session, records)
        guessing.take(session, records)

    return Service(
        name=NAME,
        router=monitoring_router(context, database, put_back),
        database=database,
        progress=progress,
        outbox=outbox,
        outbox_table=OUTBOX,
        lease_table=LEASE,
        consumptions=[
            Consumption(REGISTER_GROUP, {REGISTRY: RegisterHandler(clock=clock, put_back=put_back).take}),
            Consumption(PACKETS_GROUP, {PACKETS: packet_handler().take}, batches=PACKET_BATCHES),
            Consumption(QUARANTINE_GROUP, {QUARANTINE: take_quarantined}),
        ],
        jobs=[
            Job("decide-due", jobs.decide_due),
            Job("put-back", jobs.put_back),
            Job("silence", sweep.sweep),
            Job("guessing", guessing.sweep),
            Job("partitions", Partitions(database).make_ahead),
            Job("prune", NotePruning(database).prune),
            Job("archive", archiving.run),
            Job("frames", frames.run),
        ],
        workers=[gateway_worker(context, note_alive=AliveNotes(clock, database).note), archiving, frames],
        ready=lambda: None if context.directory.caught_up() else "the register is not read to its end yet",
        tags=TAGS,
        packet_paths=frozenset({PACKETS_PATH}),
    )


def archiving_of(context: Context, database: Database) -> Archiving:
    """What moves old days into the archive, as the settings have it."""
    use_archive_of(context, database)
    settings = context.settings
    return Archiving(database, clock=context.clock, folder=settings.archive_folder, days=settings.readings_days)


def frame_archiving_of(context: Context, database: Database, progress: Progress) -> FrameArchiving:
    """What takes records of the log into the archive as they came, as the settings have it."""
    settings = context.settings
    folder = settings.archive_folder if settings.archive_frames else None
    return FrameArchiving(database, log=context.log, progress=progress, clock=context.clock, folder=folder)


def use_archive_of(context: Context, database: Database) -> None:
    """Sessions of this database find archived readings where the settings say."""
    if context.settings.archive_folder is not None:
        use_archive(database, context.settings.archive_folder)


def _begin_metrics(metrics: Metrics) -> None:
    """Every counter stands at 0 for what may come."""
    begin_counters(metrics)
    begin(metrics.ingest_packets, ["http"], ["accepted", "rejected"])
    begin(metrics.quarantined, list(QuarantineReason))
    begin(metrics.item_notes, list(ItemFault))
    begin(metrics.windows_unfinished, [HOUR, DAY])
    begin(metrics.risks_published, KINDS, [type_.split(".")[2] for type_ in (RISK_OPENED, RISK_CHANGED, RISK_CLEARED)])
