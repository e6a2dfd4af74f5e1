"""Where an excess spends its time from the last byte of its frame to its verified webhook, by the times that records and rows
carry: wall time of one machine, epoch seconds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise

from sqlalchemy import select

from services.alerts.store.tables import ATTEMPT, PUSH
from services.monitoring.store.tables import OUTBOX
from shared.database import Database
from shared.domain.events import PACKETS, RISKS
from shared.eventlog.codec import decode_event
from shared.eventlog.kafka import KafkaLog
from shared.ports import Record
from tests.bench.rows import quantile

KIND = "emission.exceeded"
STAGES = ("appended", "batch_begun", "risk_appended", "push_made", "attempt_begun", "verified")
Times = Mapping[str, float]  # of each point


def stages(
    log: KafkaLog,
    monitoring: Database,
    alerts: Database,
    sent: Times,
    verified: Times,
    push_of: Mapping[str, str],
) -> dict[str, float]:
    """Of each stage the milliseconds since the one before, p50 and greatest. `push_of`: the push of each point."""
    pushes, attempts = _pushes(alerts, push_of)
    reached = (
        sent,
        _appended(log, sent.keys()),
        _batches(monitoring),
        _risks(log),
        pushes,
        attempts,
        verified,
    )
    found: dict[str, float] = {}
    for name, (before, after) in zip(STAGES, pairwise(reached), strict=True):
        waits = [(after[mn] - before[mn]) * 1e3 for mn in sent if mn in before and mn in after]
        if waits:
            found |= {f"{name}_p50_ms": quantile(waits, 0.5), f"{name}_max_ms": max(waits)}
    return found


def _appended(log: KafkaLog, mns: Collection[str]) -> Times:
    found: dict[str, float] = {}
    for record in _records(log, PACKETS):
        if record.key in mns:
            found.setdefault(record.key, record.appended_at.timestamp())
    return found


def _risks(log: KafkaLog) -> Times:
    found: dict[str, float] = {}
    for record in _records(log, RISKS):
        mn = _point(record.value)
        if mn is not None:
            found.setdefault(mn, record.appended_at.timestamp())
    return found


def _batches(monitoring: Database) -> Times:
    """When the batch began that found the excess."""
    found: dict[str, float] = {}
    with monitoring.read() as session:
        rows = select(OUTBOX.c.value, OUTBOX.c.created_at).where(OUTBOX.c.topic == RISKS).order_by(OUTBOX.c.id)
        for value, created_at in session.connection().execute(rows):
            mn = _point(value)
            if mn is not None:
                found.setdefault(mn, created_at.timestamp())
    return found


def _pushes(alerts: Database, push_of: Mapping[str, str]) -> tuple[Times, Times]:
    """When the push of each point was made, and when its first attempt began."""
    made: dict[str, float] = {}
    begun: dict[str, float] = {}
    point_of = {push: mn for mn, push in push_of.items()}
    with alerts.read() as session:
        rows = select(PUSH.c.id, PUSH.c.created_at, ATTEMPT.c.at).join(ATTEMPT, ATTEMPT.c.push_id == PUSH.c.id)
        for push, created_at, at in session.connection().execute(rows.order_by(ATTEMPT.c.id)):
            mn = point_of.get(push)
            if mn is not None:
                made.setdefault(mn, created_at.timestamp())
                begun.setdefault(mn, at.timestamp())
    return made, begun


def _point(value: bytes | None) -> str | None:
    """The point of an exceedance's event."""
    data = decode_event(value).data if value is not None else {}
    mn = data.get("mn")
    return mn if data.get("kind") == KIND and isinstance(mn, str) else None


def _records(log: KafkaLog, topic: str) -> Iterator[Record]:
    following = log.follow(topic)
    try:
        while not following.caught_up():
            yield from following.poll(1.0)
    finally:
        following.close()
