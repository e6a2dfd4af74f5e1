"""Every record of the log gets into a file of the archive once, with its bytes, whatever happens on the way; on both shapes."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import uuid
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from services.composition import topics
from services.monitoring.domain.archive import FileState
from services.monitoring.domain.frame import Frame, FrameFile
from services.monitoring.domain.windows import DAY_S, day_start_s, seconds
from services.monitoring.handlers import frame_archiving, frame_taking
from services.monitoring.handlers.frame_archiving import FrameArchiving
from services.monitoring.handlers.frame_taking import FRAMES_GROUP
from services.monitoring.store import frame_files, frames
from services.monitoring.store.frames import FrameRun, current_frame_files, frame_names, last_run
from services.monitoring.store.tables import FRAME_FILE, PROGRESS
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.errors import Unreachable
from shared.domain.events import PACKETS, QUARANTINE
from shared.eventlog.codec import encode
from shared.eventlog.embedded import EmbeddedLog
from shared.eventlog.kafka import KafkaLog
from shared.eventlog.progress import Move, Progress
from shared.ports import NewRecord, Partition, Record
from tests.support.frame_crash import ROOT, archiving_in, crash, open_log, open_tables, start
from tests.support.migrating import downgrade
from tests.support.servers import KafkaServer, PostgresServer
from tests.support.templates import make_tables
from tests.unit.monitoring.harness import at

POINTS = 23
NOW = at("2026-11-20 09:00")
AFTER = timedelta(minutes=16)  # the lease of one who died has run out
Place = tuple[str, int, int]


def frame(number: int) -> bytes:
    return b"##0100QN=20261120090000%03d;ST=31;CN=2011;PW=******;MN=M%04d;Flag=5;CP=&&a=%d&&1C80\r\n" % (
        number,
        number % POINTS,
        number,
    )


def packet(number: int) -> NewRecord:
    """Frames mostly; of nine records one has a document alone, one is a heartbeat, one of another producer cannot be read."""
    mn, kind = f"M{number % POINTS:04d}", number % 9
    document: dict[str, Any] = {
        "mn": mn,
        "command": "9015" if kind == 1 else ("2011", "2051", "2061", "2031")[number % 4],
        "data_time": None if kind == 1 else "2026-11-20T08:59:30+08:00",
        "factors": {},
        "received_at": f"2026-11-20T09:00:{number % 60:02d}+08:00",
        "source": "gateway" if kind else "http",
    }
    if kind == 2:
        return NewRecord(mn, b"\xff not JSON PW=secret; %d" % number)
    return NewRecord(mn, encode(document), {} if kind < 2 else {"raw": frame(number)})


def quarantined(number: int) -> NewRecord:
    document = {
        "reason": "checksum",
        "mn": f"M{number % POINTS:04d}",
        "received_at": f"2026-11-20T09:00:{number % 60:02d}+08:00",
        "source": "gateway",
        "raw": b64encode(frame(number)).decode(),
        "sealed_password": "sealed",
    }
    return NewRecord(f"M{number % POINTS:04d}", encode(document))


@dataclass
class FramesHarness:
    """A log, a database, and what takes the one into files that the other names."""

    folder: Path
    env: dict[str, str]
    now: datetime = NOW
    log: EmbeddedLog | KafkaLog = field(init=False)
    database: Database = field(init=False)
    archiving: FrameArchiving = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(wall_now=lambda: self.now, field_now=lambda: self.now)
        self.database = open_tables(self.folder, self.env)
        self.open()
        self.log.create(topics(distributed="FRAMES_BOOTSTRAP" in self.env))

    def open(self) -> None:
        self.log = open_log(self.folder, self.env, self.clock)
        self.archiving = archiving_in(self.folder, self.log, self.database, self.clock)

    def close(self) -> None:
        self.log.close()
        self.database.close()

    @property
    def files(self) -> Path:
        return self.folder / "archive"

    def append(self, first: int, last: int) -> None:
        """Packets, and one quarantined record for ten of them."""
        packets = [packet(number) for number in range(first, last)]
        self.log.append(PACKETS, packets).result(30)
        self.log.append(QUARANTINE, [quarantined(number) for number in range(first, last, 10)]).result(30)

    def crash(self, work: str, point: str) -> None:
        """The work in another process, which dies at the point; it has the log to itself, as the embedded one must be."""
        self.log.close()
        crash(self.folder, self.env, work, seconds(self.now), point)
        self.open()
        self.now += AFTER

    def records(self) -> dict[Place, Record]:
        found: dict[Place, Record] = {}
        for topic in (PACKETS, QUARANTINE):
            following = self.log.follow(topic)
            while not following.caught_up():
                found |= {(one.topic, one.partition, one.offset): one for one in following.poll(0.1)}
            following.close()
        return found

    def manifest(self) -> list[FrameFile]:
        with self.database.read() as session:
            return current_frame_files(session)

    def archived(self) -> list[Frame]:
        return [
            one for file in self.manifest() for part in frame_files.read_file(self.files / file.name) for one in part
        ]

    def positions(self) -> dict[Partition, int]:
        with self.database.read() as session:
            return Progress(PROGRESS).positions(session, FRAMES_GROUP)

    def run_noted(self) -> FrameRun | None:
        with self.database.read() as session:
            return last_run(session)

    def each_once(self) -> list[Frame]:
        """All frames of the files, which are the records of the log: each once, with its bytes."""
        found, records = self.archived(), self.records()
        assert sorted((one.topic, one.partition, one.offset) for one in found) == sorted(records)
        for one in found:
            record = records[one.topic, one.partition, one.offset]
            raw = record.headers.get("raw", record.value)
            assert one.topic == QUARANTINE or one.raw == (raw or b"").replace(b"PW=secret", b"PW=******")
        for file in self.manifest():
            assert frames.check_frame_file(self.files, file).wrong is None
        return found


@pytest.fixture(params=["embedded", "distributed"])
def harness(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FramesHarness]:
    monkeypatch.setattr(frame_taking, "AT_ONCE", 7)
    env: dict[str, str] = {}
    if request.param == "distributed":
        kafka: KafkaServer = request.getfixturevalue("kafka")
        postgres: PostgresServer = request.getfixturevalue("postgres")
        env = {"FRAMES_BOOTSTRAP": kafka.bootstrap, "FRAMES_PREFIX": f"f{uuid.uuid4().hex[:8]}."}
        env["FRAMES_URL"] = postgres.new_database_at_head()
    make_tables(env.get("FRAMES_URL"), tmp_path, "monitoring")
    made = FramesHarness(tmp_path, env)
    yield made
    made.close()


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[FramesHarness]:
    """The embedded shape."""
    make_tables(None, tmp_path, "monitoring")
    made = FramesHarness(tmp_path, {})
    yield made
    made.close()


def test_every_record_of_both_topics_stands_in_a_file_once_with_its_bytes(harness: FramesHarness) -> None:
    harness.append(0, 200)
    assert harness.archiving.take()
    found = harness.each_once()
    assert len(harness.manifest()) > 3
    assert {one.form for one in found} == {"frame", "document", "other"}
    assert {one.command for one in found if one.topic == PACKETS} == {"2011", "2051", "2061", "2031", "9015", None}
    assert {(one.reason, one.form) for one in found if one.topic == QUARANTINE} == {("checksum", "frame")}
    assert not any(b"secret" in one.raw or b"sealed" in one.raw for one in found)
    assert harness.run_noted() == FrameRun(seconds(NOW), seconds(NOW))
    assert {path.name for path in harness.files.iterdir()} == {file.name for file in harness.manifest()}
    before = harness.manifest()
    harness.now += timedelta(hours=1)
    assert harness.archiving.take()
    assert harness.manifest() == before
    assert harness.run_noted() == FrameRun(seconds(harness.now), seconds(harness.now))
    harness.append(200, 300)
    assert harness.archiving.take()
    assert len(harness.each_once()) == 330


@pytest.mark.parametrize("point", ["archive-frames-written:1", "archive-frames-written:3", "archive-frames-entered:2"])
def test_a_crash_at_any_step_loses_and_doubles_nothing(harness: FramesHarness, point: str) -> None:
    harness.append(0, 150)
    harness.crash("take", point)
    harness.append(150, 180)
    assert harness.archiving.take()
    assert len(harness.each_once()) == 198


def test_killed_again_and_again_at_any_moment_it_loses_and_doubles_nothing(harness: FramesHarness) -> None:
    seed = random.SystemRandom().randrange(10**6)
    rng = random.Random(seed)
    kills = 0
    for turn in range(8):
        harness.append(turn * 100, turn * 100 + 100)
        harness.log.close()
        process = start(harness.folder, harness.env, "take", seconds(harness.now))
        try:
            process.wait(rng.uniform(0.8, 2.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate(timeout=60)
        harness.open()
        harness.now += AFTER
    assert harness.archiving.take()
    assert len(harness.each_once()) == 880
    print(f"\nseed {seed}: {kills} kills, {len(harness.manifest())} files")


def test_small_files_of_a_day_become_few_and_hold_the_same(harness: FramesHarness) -> None:
    harness.append(0, 300)
    harness.archiving.take()
    before, parts = harness.archived(), harness.manifest()
    (day,) = {file.day for file in parts}
    harness.archiving.merge(day, seconds(harness.now))
    after = harness.manifest()
    assert len(after) < len(parts) / 2
    in_order = sorted(after, key=lambda file: file.first_mn)
    assert all(one.last_mn < other.first_mn for one, other in pairwise(in_order))
    assert sorted(harness.each_once(), key=str) == sorted(before, key=str)
    assert {file.name for file in parts} <= {path.name for path in harness.files.iterdir()}  # they stay a week
    harness.archiving.merge(day, seconds(harness.now))
    assert harness.manifest() == after


def test_a_crash_while_files_are_merged_loses_and_doubles_nothing(harness: FramesHarness) -> None:
    harness.append(0, 200)
    harness.archiving.take()
    before = harness.manifest()
    harness.now = max(harness.now, datetime.now(UTC)) + timedelta(days=2)
    harness.crash("merge", "archive-frames-merged")
    assert harness.manifest() == before
    harness.each_once()
    harness.archiving.merge_days(seconds(harness.now))
    assert len(harness.manifest()) < len(before)
    harness.each_once()


def test_who_lost_its_partitions_enters_nothing(harness: FramesHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    harness.append(0, 40)
    put = frame_taking.put_part

    def taken_by_another(*given: Any) -> FrameFile:
        with harness.database.transaction() as session:
            for partition in harness.positions():
                Progress(PROGRESS).take(session, FRAMES_GROUP, partition)
        return put(*given)

    harness.now += timedelta(hours=1)
    harness.archiving.run(harness.now)  # the first: it notes when it began
    harness.now += timedelta(hours=1)
    monkeypatch.setattr(frame_taking, "put_part", taken_by_another)
    harness.archiving.run(harness.now)
    assert harness.manifest() == []
    assert set(harness.positions().values()) == {0}
    monkeypatch.undo()
    harness.now += timedelta(minutes=2)
    harness.archiving.run(harness.now)
    assert len(harness.each_once()) == 44


def test_a_part_is_written_every_hour_or_when_many_records_wait(
    harness: FramesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_after(minutes: int) -> int:
        harness.now += timedelta(minutes=minutes)
        harness.archiving.run(harness.now)
        return len(harness.archived())

    harness.append(0, 10)
    assert [run_after(minutes) for minutes in (5, 50, 9)] == [0, 0, 0]
    assert run_after(2) == 11
    harness.append(10, 20)
    assert [run_after(minutes) for minutes in (10, 40)] == [11, 11]
    harness.archiving = archiving_in(harness.folder, harness.log, harness.database, harness.clock)  # as after a restart
    assert run_after(11) == 22
    monkeypatch.setattr(frame_archiving, "MANY", 20)
    harness.append(20, 39)
    assert run_after(2) == 43
    assert run_after(61) == 43


def test_a_file_that_does_not_hold_what_was_written_is_not_entered(
    alone: FramesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = frame_files.FrameSpool.write

    def one_frame_short(spool: frame_files.FrameSpool) -> frame_files.WrittenFrames:
        written = write(spool)
        return replace(written, content=replace(written.content, rows=written.content.rows + 1))

    alone.append(0, 20)
    monkeypatch.setattr(frame_files.FrameSpool, "write", one_frame_short)
    with pytest.raises(Unreachable, match="does not hold"):
        alone.archiving.take()
    assert (alone.manifest(), set(alone.positions().values())) == ([], {0})
    monkeypatch.undo()
    alone.archiving.take()
    alone.each_once()


def test_while_the_folder_is_away_nothing_is_lost_and_no_answer_is_empty(alone: FramesHarness) -> None:
    alone.append(0, 20)
    alone.archiving.take()
    alone.files.rename(alone.folder / "away")
    alone.files.touch()  # what a mount that is gone may look like
    alone.append(20, 40)
    with pytest.raises(Unreachable):
        alone.archiving.take()
    assert not list(alone.folder.glob(".writing*"))
    wanted = frame_files.WantedFrames("M0001", 0, 10**15, [PACKETS], None, 10)
    with alone.database.read() as session, pytest.raises(Unreachable):
        frames.frames_of(session, wanted)
    alone.files.unlink()
    (alone.folder / "away").rename(alone.files)
    alone.archiving.take()
    assert len(alone.each_once()) == 44


def test_days_that_have_ended_are_merged_two_hours_later_and_replaced_files_go_after_a_week(
    alone: FramesHarness,
) -> None:
    def run_at(at_s: int) -> None:
        alone.now = datetime.fromtimestamp(at_s, UTC)
        alone.archiving.run(alone.now)

    midnight = day_start_s(seconds(NOW)) + DAY_S
    run_at(midnight - 8_000)
    alone.append(0, 60)
    run_at(midnight - 4_000)
    parts = alone.manifest()
    alone.append(60, 70)
    run_at(midnight + 3_600)
    alone.append(70, 80)  # of the day after
    run_at(midnight + 7_199)
    assert len({file.day for file in alone.manifest()}) == 1
    assert {file.name for file in parts} < {file.name for file in alone.manifest()}
    run_at(midnight + 7_201)
    run_at(midnight + 12_000)
    assert {file.day for file in alone.manifest()} == {midnight - DAY_S, midnight}
    assert not {file.name for file in parts} & {file.name for file in alone.manifest()}
    alone.each_once()
    with alone.database.read() as session:
        assert {file.name for file in parts} <= frame_names(session)
    run_at(midnight + 8 * DAY_S)
    with alone.database.read() as session:
        assert frame_names(session) == {file.name for file in alone.manifest()}
    assert {path.name for path in alone.files.iterdir()} == {file.name for file in alone.manifest()}
    alone.each_once()


def test_late_parts_are_merged_with_small_files_and_leave_large_ones(alone: FramesHarness) -> None:
    alone.append(0, 300)
    alone.archiving.take()
    (day,) = {file.day for file in alone.manifest()}
    alone.archiving.merge(day, seconds(NOW))
    large = alone.manifest()
    alone.append(300, 305)
    alone.archiving.take()
    alone.append(305, 310)
    alone.archiving.take()
    alone.archiving.merge(day, seconds(NOW))
    after = alone.manifest()
    assert len(after) == len(large) + 1
    assert {file.name for file in large} < {file.name for file in after}
    alone.each_once()


def test_files_are_replaced_only_while_all_of_them_are_current(alone: FramesHarness) -> None:
    alone.append(0, 100)
    alone.archiving.take()
    before = alone.manifest()
    (day,) = {file.day for file in before}
    alone.archiving.merge(day, seconds(NOW))
    after = alone.manifest()
    with alone.database.transaction() as session:
        assert not frames.replace_files(session, before, [replace(before[0], name="frames-x.parquet")], 1)
    assert alone.manifest() == after
    with alone.database.read() as session:
        states = session.connection().execute(FRAME_FILE.select()).all()
    assert {row.state for row in states} == {FileState.CURRENT, FileState.REPLACED}


def test_records_that_the_log_has_forgotten_are_named_in_a_warning(
    alone: FramesHarness, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    alone.append(0, 70)
    alone.archiving.take()
    with alone.database.transaction() as session:
        partition, offset = max(alone.positions().items(), key=lambda one: one[1])
        _, epoch = Progress(PROGRESS).take(session, FRAMES_GROUP, partition)
        Progress(PROGRESS).advance(session, FRAMES_GROUP, [Move(partition, epoch, offset - 3)])
    taken = frame_taking.Taken(alone.files)
    taken.at[partition] = offset - 3
    record = Record(partition.topic, partition.number, offset, "M0001", b"{}", {}, NOW)
    taken.add([record])
    taken.clear()
    assert "the log has forgotten records" in capsys.readouterr().out + caplog.text


def test_the_embedded_log_keeps_what_is_in_no_file_yet_and_no_longer(alone: FramesHarness) -> None:
    alone.append(0, 60)
    alone.archiving.take()
    alone.append(60, 120)
    alone.now += timedelta(days=40)
    assert isinstance(alone.log, EmbeddedLog)
    alone.log.retain()
    alone.archiving.take()
    places = [(one.topic, one.partition, one.offset) for one in alone.archived()]
    assert len(places) == len({*places}) == 132
    alone.append(120, 121)  # what was reported is written with the next commit
    assert alone.log.retain() > 60
    assert len(alone.records()) < 20


def test_a_run_ends_with_the_process_and_the_rest_is_taken_later(
    alone: FramesHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone.append(0, 200)
    alone.archiving.run(alone.now)
    alone.now += timedelta(hours=1)
    add = frame_taking.Taken.add

    def stopped_at_the_fifth(taken: Any, records: Any) -> None:
        add(taken, records)
        if taken.size > 1_000:
            alone.archiving.stop()

    monkeypatch.setattr(frame_taking.Taken, "add", stopped_at_the_fifth)
    alone.archiving.run(alone.now)
    assert len(alone.archived()) < 220
    assert not [path for path in alone.files.iterdir() if path.name.startswith(".")]
    monkeypatch.undo()
    alone.archiving.start()
    alone.now += timedelta(minutes=2)
    alone.archiving.run(alone.now)
    assert len(alone.each_once()) == 220


def test_a_log_that_was_begun_anew_is_taken_from_its_beginning(alone: FramesHarness) -> None:
    alone.append(0, 100)
    alone.archiving.take()
    alone.log.close()
    for path in alone.folder.glob("log.sqlite*"):
        path.unlink()
    alone.open()
    alone.log.create(topics(distributed=False))
    alone.append(500, 520)
    assert alone.archiving.take()
    assert sorted(one.offset for one in alone.archived() if b"a=5" in one.raw and one.topic == PACKETS)
    assert sum(b"&&a=5" in one.raw and len(one.raw) > 80 for one in alone.archived()) >= 15
    assert set(alone.positions().values()) <= {*range(21)}


def test_nothing_of_duckdb_is_imported_while_there_is_nothing_to_write(tmp_path: Path) -> None:
    program = f"""
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from services.composition import topics
from services.monitoring.service import build
from shared.domain.clock import Clock
from tests.support.contexts import a_context, migrated
now = [datetime(2026, 11, 20, tzinfo=UTC)]
context = migrated(a_context(Path({str(tmp_path)!r}), Clock(lambda: now[0], lambda: now[0])), "monitoring")
service = build(context)
(job,) = (one for one in service.jobs if one.name == "frames")
for _ in range(30):
    job.run(now[0])
    now[0] += timedelta(minutes=10)
print("duckdb" in sys.modules)
context.log.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["False"], done.stderr


def test_a_database_with_frames_in_files_is_not_taken_back_to_a_version_that_would_not_find_them(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    harness = FramesHarness(tmp_path, {"FRAMES_URL": postgres.new_database_at_head()})
    downgrade(harness.database, "monitoring", "0007")
    make_tables(harness.env["FRAMES_URL"], tmp_path, "monitoring")
    harness.append(0, 5)
    harness.archiving.take()
    with pytest.raises(RuntimeError, match="frames"):
        downgrade(harness.database, "monitoring", "0007")
    assert len(harness.each_once()) == 6
    harness.close()
