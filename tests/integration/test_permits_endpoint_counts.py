"""Whether anybody receives an enterprise's warnings: coverage follows the counts on `alerts`, in any order and number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import permutations
from pathlib import Path

import pytest

from shared.domain.errors import Invalid
from shared.domain.events import ALERT_ISSUED, ALERTS, ENDPOINT_COUNT_CHANGED, Event
from shared.domain.json import JsonObject
from shared.eventlog.codec import encode_event
from shared.ports import Record
from tests.support.product import Source
from tests.support.register_harness import START, RegisterHarness, put, register_harness

SOURCE, OTHER = Source(), Source(number=2)


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RegisterHarness]:
    """The same on SQLite only."""
    with register_harness(tmp_path) as opened:
        yield opened


def record(value: bytes | None, code: str = SOURCE.code) -> Record:
    return Record(ALERTS, 0, 0, code, value, {}, datetime.now(UTC))


def counted(endpoints: int, revision: int, code: str = SOURCE.code, **more: int) -> Record:
    facts: JsonObject = {"credit_code": code, "endpoints": endpoints, **more}
    return record(encode_event(Event(ENDPOINT_COUNT_CHANGED, "/alerts", f"reach:{code}", revision, START, facts)), code)


def deliver(opened: RegisterHarness, *records: Record) -> None:
    """`alerts` brings a batch to the group that listens to it."""
    (handler,) = [one.handlers[ALERTS] for one in opened.service.consumptions if ALERTS in one.handlers]
    with opened.service.database.transaction() as session:
        handler(session, records)


def test_coverage_says_whose_endpoints_all_fail(register: RegisterHarness) -> None:
    put(register.client(), f"/permits/v1/enterprises/{SOURCE.code}", SOURCE.enterprise())
    found = []
    for revision, failing in enumerate((0, 1, 2, 0), start=1):
        deliver(register, counted(2, revision, failing=failing))
        (item,) = register.client().get("/permits/v1/coverage").json()["items"]
        found.append([lack for lack in item["lacks"] if "endpoint" in lack])
    assert found == [[], [], ["working_endpoint"], []]


def without_endpoint(opened: RegisterHarness) -> set[str]:
    items: Sequence[dict[str, object]] = opened.client().get("/permits/v1/coverage").json()["items"]
    return {str(one["credit_code"]) for one in items if "'endpoint'" in str(one["lacks"])}


def test_coverage_says_of_whom_nobody_receives_the_warnings(register: RegisterHarness) -> None:
    deliver(register, counted(1, 1))  # before the register knows the enterprise
    for source in (SOURCE, OTHER):
        put(register.client(), f"/permits/v1/enterprises/{source.code}", source.enterprise())
    assert without_endpoint(register) == {OTHER.code}
    deliver(register, counted(2, 1, OTHER.code), counted(0, 2))
    assert without_endpoint(register) == {SOURCE.code}
    deliver(register, counted(1, 3))
    assert without_endpoint(register) == set()


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "one by one"])
def test_the_newest_revision_wins_in_every_order_and_a_replay_changes_nothing(
    desk: RegisterHarness, together: bool
) -> None:
    sources = [Source(number=3 + n) for n in range(6)]
    for source, order in zip(sources, permutations([(1, 1), (2, 2), (0, 3)]), strict=True):
        put(desk.client(), f"/permits/v1/enterprises/{source.code}", source.enterprise())
        published = [counted(endpoints, revision, source.code) for endpoints, revision in order]
        for batch in [published] if together else [[one] for one in published]:
            deliver(desk, *batch, *batch)
        deliver(desk, *published[:2])
    assert without_endpoint(desk) == {source.code for source in sources}


def test_whatever_else_is_on_the_topic_is_passed_over(desk: RegisterHarness) -> None:
    put(desk.client(), f"/permits/v1/enterprises/{SOURCE.code}", SOURCE.enterprise())
    quoting = Event(ALERT_ISSUED, "/alerts", "alr_1", 1, START, {"text": ENDPOINT_COUNT_CHANGED, "endpoints": 3})
    deliver(desk, record(None), record(b"not an event"), record(encode_event(quoting)), counted(1, 1))
    assert without_endpoint(desk) == set()


def test_an_event_that_names_nobody_is_refused_so_that_it_is_set_aside(desk: RegisterHarness) -> None:
    with pytest.raises(Invalid, match="how many endpoints"):
        deliver(
            desk, record(encode_event(Event(ENDPOINT_COUNT_CHANGED, "/alerts", "reach:x", 1, START, {"endpoints": 1})))
        )
