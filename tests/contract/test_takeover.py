"""Members of a group as processes, on a real broker: one is stopped, one is killed, one crashes at each point.

Every record must have exactly one effect row, whoever did it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlmodel import select

from shared.database import Database
from shared.eventlog.embedded import EmbeddedLog
from shared.eventlog.failpoints import EXIT_CODE
from shared.eventlog.kafka import KafkaLog
from shared.ports import NewRecord, TopicShape
from tests.support.lab import LabProgress, effects, now, open_lab
from tests.support.product import eventually
from tests.support.servers import KafkaServer, PostgresServer

ROOT = Path(__file__).resolve().parents[2]
RECORDS = 200
SHAPES = {"packets": TopicShape(partitions=4)}
TAKEN_OVER_S = 40.0  # session time-out 6 s, then the rebalance; a busy machine may take a multiple


@dataclass
class Members:
    """Starts members; what is still running at the end is killed, by its own process."""

    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    started: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, **env: str) -> subprocess.Popen[bytes]:
        with self.output(name).open("ab") as out:
            self.started[name] = subprocess.Popen(
                [sys.executable, "-m", "tests.support.takeover_member", str(self.folder), name],
                cwd=ROOT,
                env=os.environ | {"PYTHONPATH": str(ROOT)} | self.env | env,
                stdout=out,
                stderr=out,
            )
        return self.started[name]

    def output(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def hold(self, name: str) -> None:
        (self.folder / f"hold-{name}").touch()

    def let_go(self, name: str) -> None:
        (self.folder / f"hold-{name}").unlink()

    def holds(self, name: str) -> bool:
        return (self.folder / f"holding-{name}").exists()

    def stop(self) -> None:
        (self.folder / "stop").touch()
        for process in self.started.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass
class TakeoverHarness:
    log: KafkaLog
    database: Database
    members: Members

    def append(self, first: int, count: int) -> None:
        records = [NewRecord(f"mn{n % 40}", str(n).encode()) for n in range(first, first + count)]
        self.log.append("packets", records).result(20)

    def finished(self) -> bool:
        with self.database.read() as session:
            done = {row.partition: row.next_offset for row in session.exec(select(LabProgress)).all()}
        return done == dict(self.log.ends("packets"))

    def owners(self) -> bool:
        """Whether all partitions are taken."""
        with self.database.read() as session:
            return len(session.exec(select(LabProgress)).all()) == 4


@pytest.fixture
def harness(tmp_path: Path, kafka: KafkaServer, postgres: PostgresServer) -> Iterator[TakeoverHarness]:
    url, prefix = postgres.new_database(), f"t{uuid.uuid4().hex[:8]}."
    members = Members(tmp_path, {"LAB_BOOTSTRAP": kafka.bootstrap, "LAB_PREFIX": prefix, "LAB_URL": url})
    with (
        closing(open_lab(url, tmp_path)) as database,
        closing(KafkaLog(kafka.bootstrap, prefix=prefix, wall_now=now)) as log,
    ):
        log.create(SHAPES)
        try:
            yield TakeoverHarness(log, database, members)
        finally:
            members.stop()


def each_once(count: int) -> dict[str, int]:
    return {str(n): 1 for n in range(count)}


def test_a_member_stopped_past_its_session_changes_nothing_when_it_wakes(harness: TakeoverHarness) -> None:
    members = harness.members
    members.hold("stopped")
    stopped = members.start("stopped")
    eventually(harness.owners)
    harness.append(0, RECORDS)
    eventually(lambda: members.holds("stopped"))  # in the middle of its transaction
    stopped.send_signal(signal.SIGSTOP)
    try:
        members.let_go("stopped")
        members.start("heir")
        eventually(harness.finished, within_s=TAKEN_OVER_S)
    finally:
        stopped.send_signal(signal.SIGCONT)
    eventually(lambda: "taken by another" in members.output("stopped").read_text())
    assert effects(harness.database) == each_once(RECORDS)
    harness.append(RECORDS, 100)
    eventually(harness.finished, within_s=TAKEN_OVER_S)
    assert effects(harness.database) == each_once(RECORDS + 100)
    assert stopped.poll() is None


def test_what_a_killed_member_had_not_committed_is_done_by_its_heir(harness: TakeoverHarness) -> None:
    members = harness.members
    members.hold("killed")
    killed = members.start("killed")
    eventually(harness.owners)
    harness.append(0, RECORDS)
    eventually(lambda: members.holds("killed"))
    members.start("heir")
    killed.kill()
    eventually(harness.finished, within_s=TAKEN_OVER_S)
    assert effects(harness.database) == each_once(RECORDS)


@pytest.mark.parametrize("point", ["after-handler", "after-commit", "before-report"])
def test_a_crash_at_any_point_of_the_loop_doubles_and_loses_nothing(tmp_path: Path, point: str) -> None:
    with closing(EmbeddedLog(tmp_path / "log.sqlite", wall_now=now)) as log:
        log.create(SHAPES)
        log.append("packets", [NewRecord(f"mn{n % 40}", str(n).encode()) for n in range(RECORDS)]).result(20)
        ends = dict(log.ends("packets"))
    members = Members(tmp_path)
    assert (
        members.start("first", YUJING_CRASH_AT=f"{point}:{1 if point == 'before-report' else 3}").wait(60) == EXIT_CODE
    )
    with closing(open_lab(None, tmp_path)) as database:
        assert 0 < sum(effects(database).values()) < RECORDS
        members.start("second")

        def finished() -> bool:
            with database.read() as session:
                return {row.partition: row.next_offset for row in session.exec(select(LabProgress)).all()} == ends

        try:
            eventually(finished)
        finally:
            members.stop()
        assert effects(database) == each_once(RECORDS)
