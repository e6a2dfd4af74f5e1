"""Monitoring killed thirty times in the middle of a stream ends with the rows of one that was never disturbed.

Real Kafka and PostgreSQL. Real-time and hour packets of many points, some late, sent twice, split or resent; at any time two
members share the partitions, and the older one is killed. The seed is printed.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, func, select

from services.monitoring.handlers.packets import PACKETS_GROUP
from services.monitoring.store.tables import (
    DECISION,
    DISCHARGE,
    DUE,
    ITEM_NOTE,
    KEPT,
    LAST_SEEN,
    PACKET,
    PROGRESS,
    RISK,
    VALUE,
)
from shared.domain.clock import rfc3339
from shared.domain.events import DISCHARGE_SEEN, PACKETS
from shared.eventlog.codec import encode
from shared.eventlog.kafka import KafkaLog
from shared.ports import NewRecord, TopicShape
from tests.support.product import credit_code, eventually
from tests.support.servers import KafkaServer, PostgresServer
from tests.unit.monitoring.harness import NOX, O2, SO2, MonitoringHarness, a_limit

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-20 12:10"
POINTS, HOURS, MINUTES = 20, 50, 300
THREE_DAYS_LATER = "2026-11-23 12:10"
KILLS = 30
PARTITIONS = 8
DONE_S = 90.0


def the_point(number: int) -> str:
    return f"A110000_{number:04d}"


def registered(folder: Path, url: str) -> MonitoringHarness:
    harness = MonitoringHarness(folder, NOW, url=url)
    for number in range(POINTS):
        code, mn = credit_code(number + 1), the_point(number)
        harness.an_enterprise(code)
        harness.a_point(mn, code=code)
        harness.a_permit(a_limit(), a_limit(NOX, "100", o2=None), mns=[mn], code=code)
    return harness


def records(rng: random.Random, now: datetime) -> list[NewRecord]:
    """The stream of all points: mostly in order of time; of twenty packets one late, one sent twice, one split, one resent."""
    documents: list[tuple[float, dict[str, Any]]] = []
    hour = now.replace(minute=0)
    for number in range(POINTS):
        over = rng.randrange(4)  # some points exceed often
        for back in range(HOURS, 0, -1):
            value = 50.0 if rng.random() < over / 8 else 20.0
            documents += odd(rng, packet(number, "2061", "Avg", hour - timedelta(hours=back), value, now))
        for back in range(MINUTES, 0, -1):
            documents += odd(
                rng, packet(number, "2011", "Rtd", now - timedelta(minutes=back), rng.uniform(10, 40), now)
            )
    documents.sort(key=lambda one: one[0])
    return [NewRecord(document["mn"], encode(document)) for _at, document in documents]


def packet(number: int, command: str, name: str, start: datetime, value: float, now: datetime) -> dict[str, Any]:
    factors = {SO2: value, NOX: value * 1.5, O2: 7.0, "a34013": 3.0}
    return {
        "mn": the_point(number),
        "command": command,
        "data_time": rfc3339(start),
        "qn": f"{start:%Y%m%d%H%M%S}000",
        "rf": False,
        "factors": {code: {name: round(value, 3), "Flag": "N"} for code, value in factors.items()},
        "received_at": rfc3339(min(now, start + timedelta(hours=1 if command == "2061" else 0))),
        "source": "gateway",
    }


def odd(rng: random.Random, document: dict[str, Any]) -> Iterator[tuple[float, dict[str, Any]]]:
    """The packet with the place in the stream at which it comes, and what else comes of it."""
    at = datetime.fromisoformat(document["received_at"]).timestamp()
    kind = rng.randrange(20)
    if kind == 0:
        yield at + 7200, document
    elif kind == 1:
        yield from [(at, document), (at + 30, document)]
    elif kind == 2:
        first, *rest = document["factors"].items()
        yield at, {**document, "factors": dict(rest)}
        yield at + 1, {**document, "factors": dict([first])}
    elif kind == 3:
        factors = {code: {**fields, "Flag": "D"} for code, fields in document["factors"].items()}
        yield from [(at, document), (at + 600, {**document, "rf": True, "factors": factors})]
    else:
        yield at, document


@dataclass
class Engine:
    """Members of the group on one database."""

    folder: Path
    env: dict[str, str]
    log: KafkaLog
    harness: MonitoringHarness
    members: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        with (self.folder / "members.log").open("ab") as out:
            self.members.append(
                subprocess.Popen(
                    [sys.executable, "-m", "tests.support.engine_member", str(self.folder)],
                    cwd=ROOT,
                    env=os.environ | {"PYTHONPATH": str(ROOT)} | self.env,
                    stdout=out,
                    stderr=out,
                )
            )

    def done(self) -> int:
        """Records behind the positions in the progress rows."""
        p = PROGRESS.c
        with self.harness.database.read() as session:
            wanted = select(func.coalesce(func.sum(p.next_offset), 0))
            return int(session.connection().execute(wanted.where(p.group == PACKETS_GROUP)).scalar_one())

    def stop(self) -> None:
        (self.folder / "stop").touch()
        for member in self.members:
            try:
                member.wait(30)
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()


@contextmanager
def engine(folder: Path, url: str, log: KafkaLog, env: dict[str, str]) -> Iterator[Engine]:
    folder.mkdir()
    harness = registered(folder, url)
    opened = Engine(folder, {**env, "ENGINE_URL": url, "ENGINE_NOW": harness.now.isoformat()}, log, harness)
    try:
        yield opened
    finally:
        opened.stop()
        harness.database.close()


def state(harness: MonitoringHarness) -> dict[str, list[Any]]:
    """All that monitoring knows, without what depends on how packets fell into batches: numbers of risks and revisions, what
    was seen on the way and taken back, and last-seen times of less than a minute."""
    with harness.database.read() as session:
        connection = session.connection()
        tables = (PACKET, VALUE, ITEM_NOTE, DECISION, DUE, DISCHARGE, KEPT)
        whole = {table.name: sorted(tuple(row) for row in connection.execute(select(table))) for table in tables}
        seen = sorted((row.mn, row.at_s // 60) for row in connection.execute(select(LAST_SEEN)))
        risks = sorted(standing(risk) for risk in connection.execute(select(RISK)) if is_standing(risk))
    discharges = sorted(event.subject for event in harness.published() if event.type == DISCHARGE_SEEN)
    assert len(set(discharges)) == len(discharges)
    return {**whole, "seen": seen, "discharges": discharges, "risks": risks}


def is_standing(risk: Row[Any]) -> bool:
    """An episode, or another risk that is open."""
    return risk.state == "open" or (risk.kind == "emission.exceeded" and risk.state == "cleared")


def standing(risk: Row[Any]) -> tuple[Any, ...]:
    return risk.kind, risk.subject, risk.start_s, risk.last_s, risk.condition, risk.state, risk.cleared or ""


@pytest.mark.slow
def test_killed_thirty_times_it_ends_as_if_never_disturbed(
    tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    prefix = f"k{uuid.uuid4().hex[:8]}."
    env = {"ENGINE_BOOTSTRAP": kafka.bootstrap, "ENGINE_PREFIX": prefix}
    with closing(KafkaLog(kafka.bootstrap, prefix=prefix, wall_now=lambda: datetime.now(UTC))) as log:
        log.create({PACKETS: TopicShape(partitions=PARTITIONS)})
        with engine(tmp_path / "killed", postgres.new_database_at_head(), log, env) as killed:
            stream = records(rng, killed.harness.now)
            log.append(PACKETS, stream).result(60)
            kill_through(killed, rng, len(stream))
            disturbed = after_the_jobs(killed)
        with engine(tmp_path / "whole", postgres.new_database_at_head(), log, env) as whole:
            whole.start()
            eventually(lambda: whole.done() == len(stream), within_s=DONE_S, what="all packets taken")
            undisturbed = after_the_jobs(whole)
    print(f"\nseed {seed}: {KILLS} kills over {len(stream)} packets, {len(disturbed['risks'])} risks")
    for name, rows in undisturbed.items():
        assert disturbed[name] == rows, name
    assert len(disturbed["risks"]) >= POINTS // 2 and len(disturbed["packet"]) > POINTS * MINUTES * 0.9


def kill_through(engine: Engine, rng: random.Random, packets: int) -> None:
    """Kill the older of two members whenever some batches more have been taken."""
    share = packets // (KILLS + 2)
    engine.start()
    for number in range(1, KILLS + 1):
        engine.start()
        aim = number * share + rng.randrange(share // 2)
        eventually(lambda aim=aim: engine.done() >= aim, within_s=DONE_S, what="more batches")
        engine.members[-2].kill()
        engine.members[-2].wait(10)
    assert engine.done() < packets, "the last kill fell when all was done"
    eventually(lambda: engine.done() == packets, within_s=DONE_S, what="all packets taken")


def after_the_jobs(engine: Engine) -> dict[str, list[Any]]:
    """The state when all that became due has been done: what is on the list before depends on how packets fell into batches."""
    engine.harness.tick(THREE_DAYS_LATER)
    assert "poison" not in (engine.folder / "members.log").read_text(errors="replace")
    return state(engine.harness)
