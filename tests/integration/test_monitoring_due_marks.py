"""Marks that a process remembers, points that it leaves unlocked: no reading is missed by whoever decides its hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest
from sqlalchemy import select, text
from sqlmodel import Session

from services.monitoring.domain.due_work import HOUR, RUNNING, RUNNING_TAKEN, DueKey, spread
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import WindowKey, seconds
from services.monitoring.handlers import due_work
from services.monitoring.store.due import done, due_times
from services.monitoring.store.register import lock_points
from services.monitoring.store.tables import DUE
from services.monitoring.store.values import last_seen
from shared.domain.errors import Unreachable
from shared.ports import Record
from tests.support.product import eventually
from tests.support.servers import PostgresServer
from tests.unit.monitoring.harness import MN, NOX, MonitoringHarness, a_limit, at


@pytest.fixture
def harness(database_url: str | None, tmp_path: Path) -> Iterator[MonitoringHarness]:
    made = MonitoringHarness(tmp_path, "2026-11-20 09:01", url=database_url).a_site(a_limit(NOX, "100", o2=None))
    yield made
    made.database.close()


@pytest.fixture
def on_postgres(postgres: PostgresServer, tmp_path: Path) -> Iterator[MonitoringHarness]:
    url = postgres.new_database_at_head()
    made = MonitoringHarness(tmp_path, "2026-11-20 09:01", url=url).a_site(a_limit(NOX, "100", o2=None))
    yield made
    made.database.close()


def a_packet(harness: MonitoringHarness, when: str, value: float = 50.0) -> Record:
    return harness.packet(f"2026-11-20 {when}", {NOX: {"Rtd": value, "Flag": "N"}}, command="2011")


def on_the_list(harness: MonitoringHarness) -> dict[str, int]:
    with harness.database.read() as session:
        rows = session.connection().execute(select(DUE.c.kind, DUE.c.due_at_s))
        return {row.kind: row.due_at_s for row in rows}


def beside(harness: MonitoringHarness, work: Callable[[], None]) -> Thread:
    """`work` on a thread, as soon as it waits for a lock."""
    thread = Thread(target=work)
    thread.start()

    def waits() -> bool:
        with harness.database.read() as session:
            query = text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
            return bool(session.connection().execute(query).scalar_one())

    eventually(waits, within_s=10, what="a transaction that waits for a lock")
    return thread


def test_a_job_that_decides_an_hour_waits_for_a_late_packet_of_it_and_sees_it(on_postgres: MonitoringHarness) -> None:
    harness = on_postgres
    harness.now = at("2026-11-20 09:44")
    harness.take(*(a_packet(harness, f"09:{minute:02d}") for minute in range(44)))  # one minute too few
    harness.now = at("2026-11-20 11:00")
    with harness.database.transaction() as session:
        harness.packets.take(session, [a_packet(harness, "09:44")])
        job = beside(harness, harness.tick)
    job.join()
    (decision,) = harness.decisions()
    assert (decision.status, decision.decided) == ("compliant", 50_000_000)


def test_a_late_packet_waits_for_the_job_and_has_its_hour_decided_again(on_postgres: MonitoringHarness) -> None:
    harness = on_postgres
    harness.now = at("2026-11-20 09:44")
    harness.take(*(a_packet(harness, f"09:{minute:02d}") for minute in range(44)))
    harness.now = at("2026-11-20 11:00")
    mark = DueKey(MN, HOUR, seconds(at("2026-11-20 09:00")))
    with harness.database.transaction() as session:  # as a job that has read the hour's samples and not yet committed
        lock_points(session, [MN])
        done(session, [mark])
        packet = beside(harness, lambda: harness.take(a_packet(harness, "09:44")))
    packet.join()
    with harness.database.read() as session:
        assert due_times(session, [mark]) == {mark: seconds(harness.now)}


def test_an_ordinary_packet_waits_for_nobody_who_decides(on_postgres: MonitoringHarness) -> None:
    harness = on_postgres
    with harness.database.transaction() as session:
        lock_points(session, [MN])
        harness.take(a_packet(harness, "09:00"))
    assert on_the_list(harness) == {HOUR: seconds(at("2026-11-20 11:00")), RUNNING: seconds(at("2026-11-20 09:05"))}


def test_an_ordinary_packet_waits_for_nobody_who_evaluates_a_running_mean(
    on_postgres: MonitoringHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The packet comes between the reading of samples and the commit: it marks the next evaluation, which sees it."""
    harness = on_postgres
    harness.take(a_packet(harness, "09:00"))
    harness.now = at("2026-11-20 09:05")
    evaluate = harness.packets.decider.running

    def meanwhile(session: Session, windows: set[WindowKey], now_s: int) -> Sequence[VerdictRow]:
        found = evaluate(session, windows, now_s)
        if windows:
            harness.take(a_packet(harness, "09:05"))
        return found

    monkeypatch.setattr(harness.packets.decider, "running", meanwhile)
    harness.tick()
    assert on_the_list(harness) == {HOUR: seconds(at("2026-11-20 11:00")), RUNNING: seconds(at("2026-11-20 09:10"))}


def test_running_means_that_are_due_at_one_moment_are_evaluated_turn_by_turn(
    harness: MonitoringHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(due_work, "EVALUATED_A_TURN", 2)
    mns = [MN, *(f"A110000_1{n:03d}" for n in range(4))]
    harness.a_permit(a_limit(NOX, "100", o2=None), mns=mns)
    for mn in mns[1:]:
        harness.a_point(mn)
    packets = [
        harness.packet("2026-11-20 09:00", {NOX: {"Rtd": 50.0, "Flag": "N"}}, command="2011", mn=mn) for mn in mns
    ]
    harness.take(*packets)
    left: list[int] = []
    for second in (0, 15, 30):
        harness.now = at("2026-11-20 09:05") + timedelta(seconds=second)
        harness.tick()
        with harness.database.read() as session:
            kinds = list(session.connection().execute(select(DUE.c.kind)).scalars())
        assert RUNNING not in kinds
        left.append(kinds.count(RUNNING_TAKEN))
    assert left == [3, 1, 0]


def test_a_running_mean_is_evaluated_again_when_a_packet_comes_while_it_is(on_postgres: MonitoringHarness) -> None:
    harness = on_postgres
    harness.take(a_packet(harness, "09:00"))
    harness.now = at("2026-11-20 09:05")
    mark = DueKey(MN, RUNNING, seconds(at("2026-11-20 09:00")))
    with harness.database.transaction() as session:
        lock_points(session, [MN])
        done(session, [mark])
        packet = beside(harness, lambda: harness.take(a_packet(harness, "09:05")))
    packet.join()
    with harness.database.read() as session:
        assert due_times(session, [mark]) == {mark: seconds(at("2026-11-20 09:10"))}


def test_a_mark_of_a_running_mean_that_is_still_to_be_worked_off_is_not_taken_for_the_next(
    harness: MonitoringHarness,
) -> None:
    harness.take(a_packet(harness, "09:00"))
    harness.now = at("2026-11-20 09:06")
    harness.take(a_packet(harness, "09:06"))  # the job is late: the mark for 09:05 stands
    assert on_the_list(harness)[RUNNING] == seconds(at("2026-11-20 09:05"))
    harness.tick()
    assert RUNNING not in on_the_list(harness)
    harness.now = at("2026-11-20 09:07")
    harness.take(a_packet(harness, "09:07"))
    assert on_the_list(harness)[RUNNING] == seconds(at("2026-11-20 09:10"))


def test_every_five_minutes_with_a_packet_have_their_running_mean(harness: MonitoringHarness) -> None:
    evaluated = 0
    for minute in range(1, 59):
        harness.now = at(f"2026-11-20 09:{minute:02d}")
        harness.take(a_packet(harness, f"09:{minute:02d}"))
        harness.tick()
        evaluated += RUNNING not in on_the_list(harness)
    assert evaluated == 11  # at 09:05, 09:10, … 09:55
    assert on_the_list(harness)[RUNNING] == seconds(at("2026-11-20 10:00"))


def test_what_was_rolled_back_is_marked_again(harness: MonitoringHarness) -> None:
    class Stop(Exception):
        pass

    with pytest.raises(Stop), harness.database.transaction() as session:
        harness.packets.take(session, [a_packet(harness, "09:00")])
        raise Stop
    assert on_the_list(harness) == {}
    harness.take(a_packet(harness, "09:00"))
    assert on_the_list(harness).keys() == {HOUR, RUNNING}
    with harness.database.read() as session:
        assert last_seen(session, [MN]) == {MN: seconds(harness.now)}


def test_last_seen_is_exact_to_a_minute(harness: MonitoringHarness) -> None:
    begun = harness.now
    for second in (0, 30, 59, 60, 90):
        harness.now = begun + timedelta(seconds=second)
        harness.take(a_packet(harness, "09:00"))
        with harness.database.read() as session:
            stored = last_seen(session, [MN])[MN]
        assert 0 <= seconds(harness.now) - stored < 60


def test_a_packet_of_a_point_without_limits_waits_for_who_changes_the_point(on_postgres: MonitoringHarness) -> None:
    harness = on_postgres
    harness.a_point("A110000_0009", permit="none", outlet=None)
    packet = harness.packet("2026-11-20 09:00", {NOX: {"Rtd": 1.0, "Flag": "N"}}, command="2011", mn="A110000_0009")
    with harness.database.transaction() as session:
        lock_points(session, ["A110000_0009"])
        waiting = beside(harness, lambda: harness.take(packet))
    waiting.join()
    assert on_the_list(harness) == {}


def test_a_batch_of_an_hour_that_is_locked_for_ever_is_waited_out(on_postgres: MonitoringHarness) -> None:
    harness = on_postgres
    harness.now = at("2026-11-20 11:00")
    with harness.database.transaction() as session:
        lock_points(session, [MN])
        with pytest.raises(Unreachable), harness.database.transaction() as other:
            other.connection().execute(text("SET LOCAL lock_timeout = '200ms'"))
            harness.packets.take(other, [a_packet(harness, "09:44")])


def test_work_of_one_moment_is_spread_over_turns() -> None:
    assert spread(5, 100, at_once=2, every_s=15, within=16) == [100, 100, 115, 115, 130]
    assert spread(0, 100, at_once=2, every_s=15, within=16) == []
    many = spread(100_000, 0, at_once=1_000, every_s=15, within=16)  # a nation's
    assert max(many) == 15 * 15
    assert max(many.count(turn * 15) for turn in range(16)) == 6_250
