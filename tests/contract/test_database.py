"""What `transaction()`, `UtcDateTime` and progress rows promise on SQLite and PostgreSQL."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import StatementError
from sqlmodel import select

from shared.database import Database
from shared.domain.errors import Invalid, Unreachable
from shared.eventlog.outbox import LARGEST_VALUE, Outbox
from shared.eventlog.progress import Fenced, Move, Progress
from shared.ports import Partition
from tests.support.lab import Counter, Effect, LabOutbox, LabProgress, Moment, effects, now, open_lab, table_of
from tests.support.servers import PostgresServer

SHANGHAI_MIDNIGHT = datetime(2024, 2, 29, 0, 0, tzinfo=timezone(timedelta(hours=8)))  # 16:00 UTC on the 28th
RISKS_0 = Partition("risks", 0)


def test_four_threads_of_read_modify_writes_lose_none(database: Database) -> None:
    with database.transaction() as session:
        session.add(Counter(name="risks"))

    def count() -> None:
        for _ in range(150):
            with database.transaction() as session:
                row = session.exec(select(Counter).where(Counter.name == "risks").with_for_update()).one()
                row.value += 1

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(count) for _ in range(4)]:
            future.result(60)
    with database.read() as session:
        assert session.exec(select(Counter)).one().value == 600  # 4 × 150


def test_an_error_in_a_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        session.add(Counter(name="half done"))
        session.flush()
        raise ZeroDivisionError
    with database.read() as session:
        assert session.exec(select(Counter)).all() == []


def test_what_is_changed_in_a_read_is_thrown_away(database: Database) -> None:
    with database.read() as session:
        session.add(Counter(name="by mistake"))
        session.flush()
    with database.read() as session:
        assert session.exec(select(Counter)).all() == []


def test_an_instant_comes_back_aware_and_equal(database: Database) -> None:
    with database.transaction() as session:
        session.add(Moment(name="leap day", at=SHANGHAI_MIDNIGHT))
    with database.read() as session:
        at = session.exec(select(Moment)).one().at
    assert at == SHANGHAI_MIDNIGHT
    assert at.utcoffset() == timedelta(0)
    assert at == datetime(2024, 2, 28, 16, 0, tzinfo=UTC)


def test_a_naive_time_is_refused_at_the_column(database: Database) -> None:
    with pytest.raises((ValueError, StatementError), match="naive"), database.transaction() as session:
        session.add(Moment(name="naive", at=datetime(2024, 1, 1)))  # noqa: DTZ001


def test_a_reader_is_not_held_up_by_a_writer(database: Database) -> None:
    with database.transaction() as session:
        session.add(Counter(name="slow"))
        session.flush()
        with database.read() as other:
            assert other.exec(select(Counter)).all() == []


def test_the_relay_is_woken_by_a_commit_with_outbox_rows_and_by_no_other(database: Database) -> None:
    with database.transaction() as session:
        session.add(Counter(name="quiet"))
    assert not database.committed.is_set()
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        Outbox(table_of(LabOutbox)).put(session, "risks", "e", "r:1", b"{}", wall_now=now())
        raise ZeroDivisionError
    assert not database.committed.is_set()
    with database.transaction() as session:
        Outbox(table_of(LabOutbox)).put(session, "risks", "e", "r:1", b"{}", wall_now=now())
    assert database.committed.is_set()


def test_taking_a_partition_raises_its_epoch_and_keeps_its_place(database: Database) -> None:
    progress = Progress(table_of(LabProgress))
    with database.transaction() as session:
        assert progress.take(session, "alerts", RISKS_0) == (0, 1)
        progress.advance(session, "alerts", [Move(RISKS_0, 1, 7)])
    with database.transaction() as session:
        assert progress.take(session, "alerts", RISKS_0) == (7, 2)
        assert progress.position(session, "alerts", "risks") == 7
        assert progress.position(session, "nobody", "risks") == 0


def test_a_member_whose_partition_was_taken_changes_nothing(database: Database) -> None:
    progress = Progress(table_of(LabProgress))
    with database.transaction() as session:
        _, old = progress.take(session, "alerts", RISKS_0)
    with database.transaction() as session:
        progress.take(session, "alerts", RISKS_0)
    with pytest.raises(Fenced), database.transaction() as session:
        session.add(Effect(event="too late"))
        progress.advance(session, "alerts", [Move(RISKS_0, old, 99)])
    assert effects(database) == {}
    with database.read() as session:
        assert progress.position(session, "alerts", "risks") == 0


def test_one_partition_that_was_taken_holds_back_all_that_moved_with_it(database: Database) -> None:
    progress, others = Progress(table_of(LabProgress)), [Partition("risks", number) for number in range(1, 4)]
    with database.transaction() as session:
        old = {partition: progress.take(session, "alerts", partition)[1] for partition in (RISKS_0, *others)}
    with database.transaction() as session:
        progress.take(session, "alerts", others[1])
    with pytest.raises(Fenced, match="risks/2 epoch 1"), database.transaction() as session:
        progress.advance(session, "alerts", [Move(partition, epoch, 99) for partition, epoch in old.items()])
    with database.transaction() as session:
        assert set(progress.positions(session, "alerts").values()) == {0}
        progress.advance(session, "alerts", [Move(RISKS_0, 1, 5), Move(others[1], 2, 6)])
        assert progress.positions(session, "alerts") == {RISKS_0: 5, others[0]: 0, others[1]: 6, others[2]: 0}


def test_many_threads_may_ask_at_once(database: Database) -> None:
    ready = threading.Barrier(12)

    def ask() -> str | None:
        ready.wait(10)
        return database.ping()

    with ThreadPoolExecutor(12) as pool:
        assert {future.result(30) for future in [pool.submit(ask) for _ in range(12)]} == {None}


def test_a_database_that_is_away_is_unreachable_and_comes_back(tmp_path: Path, postgres: PostgresServer) -> None:
    database = open_lab(postgres.new_database(), tmp_path)
    try:
        postgres.stop()
        with pytest.raises(Unreachable), database.transaction() as session:
            session.add(Counter(name="lost"))
        assert database.ping() is not None
        postgres.start()
        with database.transaction() as session:
            session.add(Counter(name="kept"))
        assert database.ping() is None
    finally:
        postgres.start()
        database.close()


def test_a_key_too_long_for_an_index_is_invalid_and_no_outage(database: Database) -> None:
    """PostgreSQL refuses it as an operational error: waiting for the database to come back would wait for ever."""
    name = random.Random(1).randbytes(20_000).hex()  # does not compress to what an index page holds
    try:
        with database.transaction() as session:
            session.add(Counter(name=name))
    except Invalid as refused:
        assert "none that the database can keep" in refused.detail
    else:
        assert database.embedded  # SQLite has no such limit
    assert database.ping() is None


def test_an_event_that_no_log_would_take_is_refused_when_it_is_made(database: Database) -> None:
    outbox = Outbox(table_of(LabOutbox))
    with database.transaction() as session:
        outbox.put(session, "registry", "k", "fits:1", b"x" * LARGEST_VALUE, wall_now=now())
    with pytest.raises(Invalid, match="too large"), database.transaction() as session:
        outbox.put(session, "registry", "k", "large:1", b"x" * (LARGEST_VALUE + 1), wall_now=now())
    with database.read() as session:
        assert [row.event_id for row in session.exec(select(LabOutbox)).all()] == ["fits:1"]


def test_no_statement_is_compiled_however_dear_the_planner_thinks_it(database: Database) -> None:
    if database.embedded:
        return  # SQLite compiles nothing
    with database.read() as session:
        assert session.connection().execute(text("SHOW jit")).scalar_one() == "off"
