"""Many rows at once, on both databases: what is copied is what was given, a key is written once, and an error leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from shared.database import Database
from shared.sql import (
    CHUNK,
    WORTH_COPYING,
    Lookup,
    bulk_insert,
    bulk_upsert,
    chunks,
    copy_or_write_many,
    insert_new,
    upsert,
    write_many,
)
from tests.support.lab import Counter, LabLease, LabOutbox, Moment, open_lab, table_of

COUNTER, MOMENT, OUTBOX, LEASE = (table_of(one) for one in (Counter, Moment, LabOutbox, LabLease))
SIZES = (1, WORTH_COPYING - 1, WORTH_COPYING, WORTH_COPYING + 1, 1_000)
AT = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
TEXTS = [
    "",
    " ",
    "\\N",
    "NULL",
    "a\tb",
    "a\nb\r\nc",
    "\\",
    "\\.",
    "\"quoted\", 'and' so",
    "呼和浩特",
    "🏭\u2028\u200b",
    "{1,2}",
    "x" * 5_000,
]


@pytest.fixture
def database(tmp_path: Path, database_url: str | None) -> Iterator[Database]:
    opened = open_lab(database_url, tmp_path)
    yield opened
    opened.close()


def counters(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {row.name: row.value for row in session.connection().execute(select(COUNTER))}


def numbered(n: int, value: int = 0) -> list[dict[str, object]]:
    return [{"name": f"c{i:04}", "value": value + i} for i in range(n)]


def test_an_upsert_of_any_size_adds_what_is_new_and_replaces_what_is_there(database: Database) -> None:
    for size in SIZES:
        with database.transaction() as session:
            bulk_upsert(session, COUNTER, numbered(size, 10_000))
            bulk_upsert(session, COUNTER, numbered(size // 2, 20_000))
        found = counters(database)
        assert len(found) == size, "sizes grow, so each one replaces all that went before"
        assert [found[f"c{i:04}"] for i in range(size)] == [
            (20_000 if i < size // 2 else 10_000) + i for i in range(size)
        ]


def test_an_upsert_changes_the_columns_that_it_names_and_no_other(database: Database) -> None:
    row = {"name": "sweep", "holder": "a", "until": AT, "fence": 7}
    with database.transaction() as session:
        upsert(session, LEASE, [row])
        upsert(session, LEASE, [{"name": "sweep", "holder": "b", "until": AT + timedelta(hours=1)}])
    with database.read() as session:
        (found,) = session.connection().execute(select(LEASE))
    assert (found.holder, found.until, found.fence) == ("b", AT + timedelta(hours=1), 7)


def test_what_is_there_stays_as_it_is_when_only_new_rows_are_wanted(database: Database) -> None:
    with database.transaction() as session:
        insert_new(session, COUNTER, numbered(3, 100))
    with database.transaction() as session:
        insert_new(session, COUNTER, numbered(5, 900))
        insert_new(session, COUNTER, [])
    assert list(counters(database).values()) == [100, 101, 102, 903, 904]


@pytest.mark.parametrize("size", [1, WORTH_COPYING])
def test_texts_that_mean_something_to_a_copy_come_back_as_they_went_in(database: Database, size: int) -> None:
    rows: list[dict[str, Any]] = [{"name": f"{n}:{text}", "value": n} for n, text in enumerate(TEXTS)]
    rows += [{"name": f"filler {n}", "value": -n} for n in range(max(0, size - len(rows)))]
    with database.transaction() as session:
        for some in [rows] if size > 1 else [[row] for row in rows]:
            bulk_upsert(session, COUNTER, some)
    assert counters(database) == {row["name"]: row["value"] for row in rows}


def test_bytes_objects_times_and_nothing_come_back_as_they_went_in(database: Database) -> None:
    values = [None, b"", b"\x00\xff\\x41\t\n\\N", bytes(range(256)), "二氧化硫".encode()]
    headers: list[dict[str, str]] = [{}, {"a": "\\N"}, {"键": "值\t\n"}, {"quote": '"'}, {"slash": "\\"}]
    rows = [
        {
            "topic": "risks",
            "key": TEXTS[n],
            "event_id": f"e{n}",
            "value": values[n],
            "headers": headers[n],
            "created_at": AT + timedelta(microseconds=n),
        }
        for n in range(len(values))
    ]
    with database.transaction() as session:
        bulk_insert(session, OUTBOX, rows)
        bulk_insert(session, OUTBOX, [])
    with database.read() as session:
        found = session.connection().execute(select(OUTBOX).order_by(OUTBOX.c.id)).all()
    assert [(row.key, row.value, row.headers, row.created_at) for row in found] == [
        (row["key"], row["value"], row["headers"], row["created_at"]) for row in rows
    ]
    assert all(row.sent_at is None and row.stream_no is None for row in found)
    assert [row.id for row in found] == sorted({row.id for row in found}), "each row has a number of its own"


def test_one_instant_written_with_different_offsets_is_one_instant(database: Database) -> None:
    zones = [UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-11, minutes=-30))]
    rows = [{"name": str(n), "at": AT.astimezone(zones[n % 3])} for n in range(WORTH_COPYING)]
    with database.transaction() as session:
        bulk_upsert(session, MOMENT, rows)
    with database.read() as session:
        found = session.connection().execute(select(MOMENT.c.at)).scalars().all()
    assert len(found) == WORTH_COPYING and set(found) == {AT}
    assert all(one.utcoffset() == timedelta() for one in found)


@pytest.mark.parametrize("size", [3, WORTH_COPYING])
def test_a_naive_time_among_many_rows_leaves_none_of_them(database: Database, size: int) -> None:
    rows = [{"name": str(n), "at": AT} for n in range(size)]
    rows[-1] = {"name": "naive", "at": AT.replace(tzinfo=None)}
    with pytest.raises(Exception, match=r"offset|naive"), database.transaction() as session:
        bulk_upsert(session, MOMENT, rows)
    with database.read() as session:
        assert session.connection().execute(select(MOMENT)).all() == []
    with database.transaction() as session:
        bulk_upsert(session, MOMENT, rows[:-1])
    with database.read() as session:
        assert len(session.connection().execute(select(MOMENT)).all()) == size - 1, "the connection is good for more"


def test_two_bulk_upserts_of_one_transaction_do_not_meet_in_the_staging_table(database: Database) -> None:
    with database.transaction() as session:
        bulk_upsert(session, COUNTER, numbered(60, 1))
        bulk_upsert(session, COUNTER, [{"name": f"d{n}", "value": n} for n in range(60)])
    assert len(counters(database)) == 120
    with database.transaction() as session:
        bulk_upsert(session, COUNTER, numbered(60, 500))
    found = counters(database)
    assert len(found) == 120 and found["c0000"] == 500 and found["d0"] == 0


def test_writers_of_the_same_keys_side_by_side_leave_one_row_each(database: Database) -> None:
    def write(base: int) -> None:
        with database.transaction() as session:
            bulk_upsert(session, COUNTER, numbered(100, base))

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(write, base) for base in (0, 1_000, 2_000, 3_000)]:
            one.result(30)
    found = counters(database)
    assert len(found) == 100
    assert len({value - int(name[1:]) for name, value in found.items()}) == 1, "rows of two writers are mixed"


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_chunks_hold_each_item_once_in_order_and_none_is_empty_or_too_long(count: int) -> None:
    found = list(chunks(range(count)))
    assert [item for some in found for item in some] == list(range(count))
    assert all(0 < len(some) <= CHUNK for some in found)


ADDED = "ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value"
BY_VALUES = f"INSERT INTO counter (name, value) VALUES (?, ?) {ADDED}"
BY_ARRAYS = f"INSERT INTO counter (name, value) SELECT * FROM unnest(%s::text[], %s::bigint[]) {ADDED}"
BY_NAME = Lookup({"name": "text"}, "counter.name, counter.value", "counter", "counter.name = k.name")
AMONG = Lookup({"least": "bigint"}, "counter.name", "counter", "counter.value >= k.least", among="counter.name")

BETWEEN = Lookup(
    {"name": "text", "low": "bigint", "high": "bigint"},
    "counter.name, counter.value",
    "counter",
    "counter.name = k.name AND counter.value >= k.low AND counter.value >= :least_low AND counter.value < k.high"
    " AND counter.value <= :greatest_high",
)


def test_bounds_of_all_keys_change_nothing_of_what_each_finds(database: Database) -> None:
    with database.transaction() as session:
        bulk_upsert(session, COUNTER, [{"name": str(n), "value": n} for n in range(10)])
        keys = [("1", 0, 2), ("2", 3, 9), ("5", 5, 6), ("7", -(1 << 40), 7), ("9", 0, 1 << 40)]
        found = {(row.name, row.value) for row in BETWEEN.rows(session, keys)}
    assert found == {("1", 1), ("5", 5), ("9", 9)}


def test_texts_of_any_kind_are_written_as_arrays_and_found_by_their_keys(database: Database) -> None:
    rows = [(text, n) for n, text in enumerate(TEXTS)]
    with database.transaction() as session:
        write_many(session, BY_VALUES, BY_ARRAYS, rows)
        assert {row.name: row.value for row in BY_NAME.rows(session, [(text,) for text in TEXTS])} == dict(rows)
        assert BY_NAME.rows(session, [("not there",)]) == BY_NAME.rows(session, []) == []
        few = {row.name for row in AMONG.rows(session, [(3,)], [*TEXTS[:5], "not there"])}
        assert few == set(TEXTS[3:5])
        assert AMONG.rows(session, [(0,)], []) == []


@pytest.mark.parametrize("more", [0, WORTH_COPYING], ids=["few", "enough to be copied"])
def test_rows_that_are_nearly_always_new_are_all_written_once_whether_one_was_there_or_not(
    database: Database, more: int
) -> None:
    rows = [(text, n) for n, text in enumerate([*TEXTS, *(f"c{n}" for n in range(more))])]
    for _ in range(2):
        with database.transaction() as session:
            copy_or_write_many(session, "counter", "name, value", rows, sqlite=BY_VALUES, postgres=BY_ARRAYS)
    assert counters(database) == {name: 2 * value for name, value in rows}
