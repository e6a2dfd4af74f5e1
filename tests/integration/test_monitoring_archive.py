"""Days move into the archive and are asked for again: the same answers, nothing lost or doubled, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.monitoring.domain.archive import packets_in
from services.monitoring.domain.packet_row import PacketKey, PacketRow, all_merged
from services.monitoring.domain.windows import DAY_S, WindowKey, day_start_s, seconds
from services.monitoring.handlers import archiving
from services.monitoring.handlers.archiving import Archiving
from services.monitoring.service import archiving_of
from services.monitoring.store import archive
from services.monitoring.store.archive import current_files, files_of_days, use_archive
from services.monitoring.store.packet_days import make_days, packet_days, packets_of_day, partitioned_days
from services.monitoring.store.packets import packets_between
from services.monitoring.store.parquet import write_file
from services.monitoring.store.readings import latest_of_packets, samples_of_hours, starts_of_packets
from services.monitoring.store.values import first_window
from shared.domain.clock import Clock, rfc3339
from shared.domain.errors import Unreachable
from tests.integration.test_monitoring_api import API, NOW, opened, post, two_enterprises
from tests.support.archive_crash import PART, crash
from tests.support.migrating import downgrade
from tests.support.servers import PostgresServer
from tests.unit.monitoring.harness import MN, NOX, SO2, MonitoringHarness, a_limit, at

OTHER = "A110000_0002"
OLD = "2026-10-01"
DAY = day_start_s(seconds(at(f"{OLD} 12:00")))


class ArchiveHarness(MonitoringHarness):
    """The monitoring handlers, and what moves days older than 35 days."""

    def __init__(self, folder: Path, url: str | None) -> None:
        super().__init__(folder, "2026-11-20 09:00", url=url)
        self.folder, self.url = folder / "archive", url
        use_archive(self.database, self.folder)
        self.archiving = self.another()

    def another(self) -> Archiving:
        """As a replica of its own."""
        clock = Clock(wall_now=lambda: self.now, field_now=lambda: self.now)
        return Archiving(self.database, clock=clock, folder=self.folder, days=35, part=PART)

    def with_partition(self, day: int = DAY) -> None:
        with self.database.transaction() as session:
            make_days(session, [day])

    def instants(self, *moments: str, mn: str = MN, value: float = 5.0, **more: Any) -> None:
        """Real-time packets of two factors on the old day."""
        fields = {NOX: {"Rtd": value, "Flag": "N"}, SO2: {"Rtd": value + 1, "ZsRtd": value + 2, "Flag": "D"}}
        self.take(
            *(self.packet(f"{OLD} {moment}", fields, command="2011", mn=mn, **more) for moment in moments),
        )

    def minutes(self, *moments: str, mn: str = MN) -> None:
        fields = {NOX: {"Avg": 4.0, "Min": 1.0, "Max": 9.5, "Flag": "N"}}
        self.take(*(self.packet(f"{OLD} {moment}", fields, command="2051", mn=mn) for moment in moments))

    def run(self) -> None:
        """The job, an hour after it ran last."""
        self.now += timedelta(hours=1)
        self.archiving.run(self.now)

    def rows(self, day: int = DAY) -> list[PacketRow]:
        """Of the day in the database."""
        with self.database.read() as session:
            return packets_of_day(session, day, None, 100_000)

    def archived(self, day: int = DAY) -> list[PacketRow]:
        """Of the day in files."""
        with self.database.read() as session:
            files = files_of_days(session, [day])
        keys = PacketKey("", "", 0), PacketKey("\U0010ffff", "", 0)
        packets = archive.packets_of_files(self.folder, files, *keys).values()
        return [row for packet in packets for row in archive.rows_of(packet)]

    def everything(self) -> list[PacketRow]:
        return sorted(all_merged([*self.rows(), *self.archived()]).values(), key=lambda row: row.key)


@pytest.fixture(params=["partition", "default partition"])
def harness(
    database_url: str | None, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ArchiveHarness]:
    """Two points with 45 packets on a day 50 days ago."""
    if database_url is None and request.param == "partition":
        pytest.skip("SQLite has one table")
    monkeypatch.setattr(archiving, "AT_ONCE", 7)
    made = ArchiveHarness(tmp_path, database_url)
    made.a_site()
    made.a_point(OTHER)
    if request.param == "partition":
        made.with_partition()
    made.instants(*(f"{n // 2:02d}:{n % 2 * 30:02d}" for n in range(20)))
    made.instants("00:00", "23:59", *(f"12:{n:02d}" for n in range(8)), mn=OTHER)
    made.minutes(*(f"05:{n:02d}" for n in range(15)))
    yield made
    made.database.close()


def test_a_day_that_is_old_enough_leaves_the_database_whole_and_others_stay(harness: ArchiveHarness) -> None:
    before = harness.rows()
    harness.take(harness.packet("2026-10-16 10:00", {NOX: {"Rtd": 1.0}}, command="2011"))
    harness.run()
    assert harness.rows() == []
    assert harness.archived() == before
    with harness.database.read() as session:
        files = current_files(session)
        assert [day_start_s(seconds(at("2026-10-16 10:00")))] == packet_days(session)
        assert DAY not in partitioned_days(session)
    assert {file.day for file in files} == {DAY}
    assert len(files) > 1
    assert sum(file.rows for file in files) == len(before)
    assert {path.name for path in harness.folder.iterdir()} == {file.name for file in files}


def _answers(harness: ArchiveHarness) -> list[object]:
    """What is read of packets."""
    hours = [WindowKey(mn, "hour", DAY + n * 3600) for n in range(24) for mn in (MN, OTHER)]
    with harness.database.read() as session:
        found: list[object] = []
        for period in ("instant", "minute"):
            samples = samples_of_hours(session, hours, period, {NOX, SO2})
            found.append({hour: {f: sorted(one) for f, one in samples[hour].items()} for hour in samples})
            found += [starts_of_packets(session, mn, period, DAY, DAY + DAY_S) for mn in (MN, OTHER)]
        found += [first_window(session, mn, DAY + since) for mn in (MN, OTHER) for since in (0, 30_000, 80_000, DAY_S)]
        return [*found, *(sorted(latest_of_packets(session, mn), key=str) for mn in (MN, OTHER))]


def test_what_decisions_and_the_api_read_is_the_same_before_and_after_and_with_late_packets(
    harness: ArchiveHarness,
) -> None:
    before = _answers(harness)
    harness.run()
    assert _answers(harness) == before
    # late: a new moment, a factor of an archived moment by a resent packet, and one that an archived packet outranks
    late = [
        harness.packet(f"{OLD} 07:10", {NOX: {"Rtd": 6.0}}, command="2011"),
        harness.packet(f"{OLD} 07:30", {NOX: {"Rtd": 7.0}}, command="2011", rf=True),
        harness.packet(f"{OLD} 08:00", {NOX: {"Rtd": 8.0}}, command="2011", qn="20261001080000000"),
    ]
    rows = harness.archived()
    harness.take(*late)
    together = harness.everything()
    assert len(together) == len(rows) + 1
    assert sum(row != other for row in together for other in rows if row.key == other.key) == 1
    with_late = _answers(harness)
    assert with_late != before
    harness.run()
    assert harness.rows() == []
    assert harness.archived() == together
    assert _answers(harness) == with_late
    with harness.database.read() as session:
        assert len(current_files(session)) < len(list(harness.folder.iterdir()))  # replaced ones stay a week
    harness.now += timedelta(days=8)
    harness.run()
    with harness.database.read() as session:
        assert {file.name for file in current_files(session)} == {path.name for path in harness.folder.iterdir()}
    assert harness.archived() == together


def test_late_packets_touch_only_the_file_of_their_keys(harness: ArchiveHarness) -> None:
    harness.run()
    with harness.database.read() as session:
        before = {file.name for file in current_files(session)}
    harness.instants("13:00", mn=OTHER)
    harness.run()
    with harness.database.read() as session:
        after = {file.name for file in current_files(session)}
    assert len(before - after) == 1 == len(after - before)


@pytest.mark.parametrize("point", ["archive-written", "archive-listed", "archive-removed:1", "archive-removed:3"])
def test_a_crash_at_any_step_loses_and_doubles_nothing(harness: ArchiveHarness, point: str) -> None:
    if "removed" in point and not harness.database.embedded:
        with harness.database.transaction() as session:
            if DAY in partitioned_days(session):
                pytest.skip("a partition is removed at once")
    before, answers = harness.rows(), _answers(harness)
    crash(harness.folder.parent, point, DAY, seconds(harness.now), database_url=harness.url)
    assert harness.everything() == before
    assert _answers(harness) == answers
    harness.instants("00:10")
    together = harness.everything()
    harness.run()
    assert harness.rows() == []
    assert harness.archived() == together


def test_a_packet_that_comes_while_a_day_moves_is_kept(harness: ArchiveHarness) -> None:
    now_s = seconds(harness.now)
    known = harness.archiving.fingerprint(DAY)
    files = harness.archiving.write(DAY, [], now_s)
    harness.instants("00:01")  # new
    harness.instants("00:30", value=50.0, rf=True)  # in place of a row
    together = harness.everything()
    assert harness.archiving.enter(DAY, [], files, now_s)
    harness.archiving.remove(DAY, files, known)
    assert len(harness.rows()) == 2
    assert harness.everything() == together
    harness.run()
    assert harness.rows() == []
    assert harness.archived() == together


def test_of_two_that_archive_a_day_at_once_one_wins_and_nothing_is_lost_or_doubled(harness: ArchiveHarness) -> None:
    before, now_s = harness.rows(), seconds(harness.now)
    other = harness.another()
    mine, theirs = harness.archiving.write(DAY, [], now_s), other.write(DAY, [], now_s)
    assert other.enter(DAY, [], theirs, now_s)
    assert not harness.archiving.enter(DAY, [], mine, now_s)
    assert harness.everything() == before
    harness.run()
    assert (harness.rows(), harness.archived()) == ([], before)


def test_of_two_replicas_one_archives(harness: ArchiveHarness) -> None:
    if harness.database.embedded:
        pytest.skip("an embedded host is alone")
    harness.archiving.run(harness.now)
    harness.instants("13:00")
    other = harness.another()
    other.run(harness.now + timedelta(hours=2))
    assert len(harness.rows()) == 1
    harness.now += timedelta(minutes=16)  # the first has died
    other.run(harness.now + timedelta(hours=2))
    assert harness.rows() == []


def test_a_process_that_ends_leaves_what_is_not_moved(harness: ArchiveHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    before = harness.rows()

    def stopped_at_the_third(rows: Any) -> Iterator[Any]:
        for number, packet in enumerate(packets_in(rows)):
            if number == 2:
                harness.archiving.stop()
            yield packet

    monkeypatch.setattr(archiving, "packets_in", stopped_at_the_third)
    harness.run()
    assert harness.rows() == before
    assert list(harness.folder.iterdir()) == []
    monkeypatch.undo()
    harness.archiving.start()
    harness.run()
    assert (harness.rows(), harness.archived()) == ([], before)


def test_a_day_stays_when_its_file_does_not_hold_what_was_written(
    harness: ArchiveHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = harness.rows()

    def one_reading_short(folder: Path, packets: Any) -> Any:
        whole = list(packets)
        written = write_file(folder, [*whole[:-1], whole[-1][:-1]] if len(whole[-1]) > 1 else whole[:-1])
        count = sum(map(len, whole))
        return replace(written, content=replace(written.content, rows=len(whole), readings=count))

    monkeypatch.setattr(archive.parquet, "write_file", one_reading_short)
    with pytest.raises(Unreachable, match="does not hold"):
        harness.run()
    assert harness.rows() == before


def test_a_missing_file_or_an_unknown_folder_is_an_error_and_no_empty_answer(harness: ArchiveHarness) -> None:
    harness.run()
    for path in harness.folder.iterdir():
        path.unlink()
    with harness.database.read() as session, pytest.raises(Unreachable):
        starts_of_packets(session, MN, "instant", DAY, DAY + DAY_S)
    harness.database.session_info.clear()
    with harness.database.read() as session, pytest.raises(Unreachable):
        samples_of_hours(session, [WindowKey(MN, "hour", DAY)], "instant", {NOX})


def test_a_late_hour_is_decided_with_its_archived_minutes(harness: ArchiveHarness) -> None:
    harness.a_permit(a_limit(NOX, "3", o2=None))
    harness.tick()
    harness.minutes(*(f"15:{n:02d}" for n in range(40)))
    harness.run()
    harness.minutes(*(f"15:{n:02d}" for n in range(40, 60)))
    harness.tick(f"{harness.now + timedelta(hours=9):%Y-%m-%d %H:%M}")
    start = seconds(at(f"{OLD} 15:00"))
    (verdict,) = (one for one in harness.decisions() if (one.start_s, one.averaging) == (start, "hour"))
    assert (verdict.status, verdict.value_kind, verdict.decided) == ("over", "own", 4_000_000)


QUERIES: list[dict[str, str]] = [
    {"factor": factor, "period": period, **span}
    for factor in (NOX, SO2)
    for period in ("instant", "minute")
    for span in ({}, {"limit": "7"}, {"from": f"{OLD}T09:00:00+08:00", "to": f"{OLD}T12:30:00+08:00"})
]


def test_the_api_answers_the_same_bytes_before_and_after_a_day_has_moved(
    database_url: str | None, tmp_path: Path
) -> None:
    with opened(tmp_path, database_url) as api:
        api.publish(two_enterprises(tmp_path))
        device = api.device()
        for command, name, starts in (("2011", "Rtd", range(0, 1440, 9)), ("2051", "Avg", range(0, 1440, 11))):
            packets = [
                {
                    "mn": MN,
                    "command": command,
                    "data_time": rfc3339(at(f"{OLD} 00:00") + timedelta(minutes=n)),
                    "factors": {NOX: {name: n / 8, "Flag": "N"}, SO2: {name: "x" if n % 5 == 0 else 3.25, "Flag": "D"}},
                }
                for n in starts
            ]
            post(device, [*packets, {**packets[-1], "data_time": rfc3339(NOW - timedelta(days=2))}])
        api.pump()
        before = [device.get(f"{API}/points/{MN}/series", params=query).content for query in QUERIES]
        before.append(device.get(f"{API}/points/{MN}/latest").content)
        assert all(len(answer) > 500 for answer in before)
        archiving_of(api.context, api.service.database).run(NOW)
        with api.service.database.read() as session:
            assert not any(packets_between(session, MN, "instant", DAY, DAY + DAY_S))
        after = [device.get(f"{API}/points/{MN}/series", params=query).content for query in QUERIES]
        after.append(device.get(f"{API}/points/{MN}/latest").content)
        assert after == before
        for path in (tmp_path / "archive").iterdir():
            path.unlink()
        answer = device.get(f"{API}/points/{MN}/series", params=QUERIES[0])
        assert (answer.status_code, answer.json()["code"]) == (503, "archive-away")


def test_a_database_with_archived_days_is_not_taken_back_to_a_version_that_would_not_find_them(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    harness = ArchiveHarness(tmp_path, postgres.new_database_at_head())
    harness.a_site()
    harness.instants("10:00")
    harness.run()
    with pytest.raises(RuntimeError, match="archive"):
        downgrade(harness.database, "monitoring", "0005")
    assert len(harness.archived()) == 1
    harness.database.close()
