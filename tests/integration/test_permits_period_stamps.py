"""Coverage names the points that probably stamp the end of their periods, until the register or the logger is corrected."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.domain.errors import Invalid
from shared.domain.events import RISK_CLEARED, RISK_OPENED, RISKS, Event
from shared.eventlog.codec import encode_event
from shared.ports import Record
from tests.support.product import Source
from tests.support.register_harness import START, RegisterHarness, put, register_harness

SOURCE = Source()
POINT = f"/permits/v1/points/{SOURCE.mn}"


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        put(opened.client(), f"/permits/v1/enterprises/{SOURCE.code}", SOURCE.enterprise())
        put(opened.client(), f"/permits/v1/permits/{SOURCE.permit}", SOURCE.document())
        yield opened


def risk(state: str, after_s: int, **changes: object) -> Record:
    data = {"kind": "data.period_stamp", "mn": SOURCE.mn, "state": state, **changes}
    kind = RISK_OPENED if state == "open" else RISK_CLEARED
    event = Event(kind, "/monitoring", "rsk_1", 1 + after_s, START + timedelta(seconds=after_s), data)
    return Record(RISKS, 0, after_s, SOURCE.code, encode_event(event), {}, datetime.now(UTC))


def deliver(opened: RegisterHarness, *records: Record) -> None:
    (handler,) = [one.handlers[RISKS] for one in opened.service.consumptions if RISKS in one.handlers]
    with opened.service.database.transaction() as session:
        handler(session, records)


def named(opened: RegisterHarness) -> list[str]:
    (item,) = opened.client().get("/permits/v1/coverage").json()["items"]
    assert ("period_stamp" in item["lacks"]) == bool(item["stamps_end"])
    return list(item["stamps_end"])


def test_a_point_that_probably_stamps_the_end_is_named_until_it_is_registered_so(register: RegisterHarness) -> None:
    assert named(register) == []
    deliver(register, risk("open", 1))
    assert named(register) == [SOURCE.mn]
    alone = {"system": "31", "credit_code": SOURCE.code, "period_stamp": "end"}
    put(register.client(), POINT, alone, 200)
    assert named(register) == []


def test_a_corrected_logger_ends_it_and_an_older_state_does_not_come_back(register: RegisterHarness) -> None:
    deliver(register, risk("open", 1))
    deliver(register, risk("withdrawn", 5))
    deliver(register, risk("open", 1))
    assert named(register) == []
    deliver(register, risk("open", 9), risk("cleared", 7))
    assert named(register) == [SOURCE.mn]


def test_a_state_without_its_point_is_refused_and_another_kind_is_not_read(register: RegisterHarness) -> None:
    deliver(register, risk("open", 1, kind="data.fault", facts={"of": "data.period_stamp"}))
    assert named(register) == []
    with pytest.raises(Invalid):
        deliver(register, risk("open", 1, mn=None))
