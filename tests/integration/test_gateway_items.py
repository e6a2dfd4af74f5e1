"""One bad item costs itself: a real frame goes in over TCP, its good items are values, its bad ones notes, on both databases."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import select

from services.monitoring.gateway import gateway_worker
from services.monitoring.store.tables import OUTBOX
from shared.access import Role
from shared.domain.events import PACKETS
from shared.hj212.reply import encode
from shared.ports import NewRecord
from shared.runtime.service import ThreadWorker
from tests.integration.test_monitoring_api import API, NOW, opened, two_enterprises
from tests.support.gateway_harness import wait_until
from tests.support.gateway_line import Line, Running
from tests.unit.monitoring.harness import NOX, O2, SO2

GOOD = "a19001-Avg=7.9,a19001-Flag=N"
LATER = "20261120090500001"
EIGHT = "2026-11-20T08:00:00+08:00"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").new_database_at_head()
    folder = tmp_path_factory.mktemp("items")
    with opened(folder, url) as harness:
        harness.publish(two_enterprises(folder))
        directory = ThreadWorker("directory", harness.context.directory.run)
        directory.start()
        wait_until(harness.context.directory.caught_up, "the register to be known")
        worker = gateway_worker(harness.context)
        worker.start()
        yield Running(harness, worker, folder)
        worker.stop()
        directory.stop()


@pytest.fixture
def line(running: Running) -> Line:
    mn = running.new_point()
    running.register(mn)
    return Line(running, mn)


@pytest.mark.parametrize(
    ("item", "note"),
    [
        ("a21026-Avg=60,1,a21026-Flag=N", (SO2, "Avg", "decimal-comma", "60,1")),
        ("a21026-Avg=,a21026-Flag=N", (SO2, "Avg", "empty", "")),
        ("a21026-Avg=60.1mg/m3", (SO2, "Avg", "unit", "60.1mg/m3")),
        ("a21026-Avg=NaN", (SO2, "Avg", "not-a-number", "NaN")),
        ("a21026-Avg=--", (SO2, "Avg", "not-a-number", "--")),
        ("a21026-Avg=null", (SO2, "Avg", "not-a-number", "null")),
        ("a21026-Avg=\uff16\uff10\uff0e\uff11", (SO2, "Avg", "full-width", "\uff16\uff10\uff0e\uff11")),
        (f"a21026-Avg={'1' * 60}", (SO2, "Avg", "too-long", "1" * 39 + "…")),
        ("a21026-Avg=6e300", (SO2, "Avg", "out-of-range", "6e+300")),
        ("a21026-Flag=N", (SO2, "Avg", "no-value", "Flag")),
        ("a21026", (SO2, "", "no-name", "a21026")),
        ("烟气-Avg=3", ("烟气", "", "bad-code", "烟气")),
        (";;", None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_bad_item_is_noted_and_its_neighbours_are_values(
    line: Line, item: str, note: tuple[str, str, str, str] | None
) -> None:
    before = line.noted(note[2]) if note else 0
    assert line.send(line.frame(f"DataTime=20261120080000;{item};{GOOD}")) == ["9014"]
    assert line.values() == {(O2, EIGHT): "7.9"}
    assert line.quarantine() == []
    found = [one for one in line.notes() if one[2] != "exponent"]
    assert found == ([note] if note else [])
    assert note is None or line.noted(note[2]) == before + 1


@pytest.mark.parametrize(
    ("item", "value", "note"),
    [
        ("a21026-Avg=6.01E1", "60.1", (SO2, "Avg", "exponent", "6.01E1")),
        ("a21026-Avg = 60.1 , a21026-Flag = N", "60.1", None),
        ("a21026-Avg=60.1;a21026-Avg=70", "60.1", (SO2, "Avg", "duplicate", "70")),
        ("a21026-Avg=60.1,a21026-Max=oops", "60.1", (SO2, "Max", "not-a-number", "oops")),
        ("a21026-Avg=60.1,a21026-Flag=正常", "60.1", (SO2, "Flag", "unknown-mark", "正常")),
        ("02-Avg=60.1,02-Max=7,5", "60.1", (SO2, "Max", "decimal-comma", "7,5")),
    ],
    ids=["exponent", "spaces", "twice", "another field", "a mark in words", "an old code"],
)
def test_a_value_that_can_be_read_in_one_sense_is_taken_and_what_is_odd_shows_beside_it(
    line: Line, item: str, value: str, note: tuple[str, str, str, str] | None
) -> None:
    assert line.send(line.frame(f"DataTime=20261120080000;{item};{GOOD}")) == ["9014"]
    assert line.values() == {(SO2, EIGHT): value, (O2, EIGHT): "7.9"}
    (row,) = line.series(SO2)
    shown = [(one["factor"], one["field"], one["fault"], one["value"]) for one in row["notes"] or []]
    assert shown == ([note] if note else [])
    (other,) = line.series(O2)
    assert other["notes"] is None


def test_a_packet_of_which_nothing_can_be_used_waits_whole_and_is_acknowledged(line: Line) -> None:
    frame = line.frame("DataTime=20261120080000;a21026-Avg=60,1;a19001-Avg=--")
    assert line.send(frame) == ["9014"]
    assert line.values() == {} and line.notes() == []
    (kept,) = line.quarantine()
    assert (kept["reason"], kept["mn"]) == ("bad-number", line.mn)
    assert "a21026-Avg: decimal-comma '60,1'" in kept["detail"] and "a19001-Avg" in kept["detail"]
    assert b64decode(kept["raw"]) == frame.replace(b"123456", b"******")


@pytest.mark.parametrize(
    ("rest", "reason"),
    [
        (f"CP=DataTime=20261120080000;{GOOD}".encode(), "malformed"),
        (b"CP=&&\xe4\xff\x80\xab&&", "encrypted"),
        (f"ST=32;CP=&&DataTime=20261120080000;{GOOD}&&".encode(), "malformed"),
    ],
    ids=["a CP that does not open", "bytes that are no text", "two systems"],
)
def test_a_segment_that_cannot_be_understood_is_acknowledged_once_it_is_safe(
    line: Line, rest: bytes, reason: str
) -> None:
    segment = line.head().encode() + rest
    assert line.send(encode(segment)) == ["9014"]
    assert [one["reason"] for one in line.quarantine()] == [reason]
    assert line.send(encode(segment.replace(b"PW=123456", b"PW=000000"))) == []
    assert line.quarantine()[0]["reason"] == "password"


def test_a_value_that_came_before_is_not_wiped_by_a_later_packet_that_has_none(line: Line) -> None:
    line.send(line.frame(f"DataTime=20261120080000;a21026-Avg=42.1,a21026-Flag=N;{GOOD}"))
    later = line.frame(f"DataTime=20261120080000;a21026-Avg=--,a21026-Flag=N;{GOOD}", qn=LATER)
    assert line.send(later) == ["9014"]
    assert line.values() == {(SO2, EIGHT): "42.1", (O2, EIGHT): "7.9"}
    assert line.notes() == [(SO2, "Avg", "not-a-number", "--")]


def test_a_broken_instrument_is_a_value_without_number_under_its_mark(line: Line) -> None:
    line.send(line.frame(f"DataTime=20261120080000;a21026-Avg=--,a21026-Flag=D;{GOOD}"))
    (row,) = line.series(SO2)
    assert (row["value"], row["mark"], [one["fault"] for one in row["notes"]]) == (None, "D", ["not-a-number"])


def test_what_is_put_back_keeps_its_notes(running: Running) -> None:
    line = Line(running, running.new_point("NEW"))
    frame = line.frame(f"DataTime=20261120080000;a21026-Avg=60,1;{GOOD}")
    assert line.send(b"##0020" + frame[6:]) == []
    assert [one["reason"] for one in line.quarantine()] == ["unknown-point"]
    running.register(line.mn)
    with line.harness.service.database.read() as session:
        wanted = select(OUTBOX).where(OUTBOX.c.topic == PACKETS, OUTBOX.c.key == line.mn)
        (row,) = session.connection().execute(wanted).all()
    record = NewRecord(row.key, row.value, {name: value.encode("latin-1") for name, value in row.headers.items()})
    line.harness.context.log.append(PACKETS, [record]).result(5)
    line.harness.pump()
    assert line.values() == {(O2, EIGHT): "7.9"}
    assert line.notes() == [("", "length", "length", "0020"), (SO2, "Avg", "decimal-comma", "60,1")]
    assert [one["state"] for one in line.quarantine()] == ["put-back"]


def test_the_notes_come_page_by_page_and_for_those_who_may_see_the_point(line: Line) -> None:
    minutes = [f"2026112007{minute:02d}00" for minute in range(10)]
    line.send(*(line.frame(f"DataTime={at};a21026-Avg=1,5;{GOOD}", cn="2051") for at in minutes))
    enterprise = line.harness.client(Role.ENTERPRISE, credit_codes=("91150102MA0N0AAA1B",))
    found: list[str] = []
    cursor = None
    while True:
        page = enterprise.get(
            f"{API}/points/{line.mn}/notes", params={"limit": 3, "cursor": cursor} if cursor else {"limit": 3}
        )
        found += [one["at"] for one in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert found == [f"2026-11-20T07:{minute:02d}:00+08:00" for minute in range(10)]
    other = line.harness.client(Role.ENTERPRISE, credit_codes=("91110000MA00AAAA1X",))
    assert other.get(f"{API}/points/{line.mn}/notes").status_code == 404


def test_over_http_good_items_are_taken_and_bad_ones_are_named(line: Line) -> None:
    factors = {
        SO2: {"Avg": "60,1", "Flag": "N"},
        NOX: {"Avg": 88.5, "Max": "99mg", "Flag": "N"},
        O2: {"Avg": True, "Flag": "N"},
        "a34013": {"Avg": [1]},
        "a21005": {"Avg": "60.1"},
        "a21028": 5,
    }
    answer = line.post(line.packet(factors=factors), line.packet(factors={SO2: {"Avg": "x"}}))
    assert (answer["accepted"], answer["noted_in_all"]) == (1, 1)
    (noted,) = answer["noted"]
    assert noted["index"] == 0
    assert {(one["factor"], one["field"], one["fault"], one["value"]) for one in noted["notes"]} == {
        (SO2, "Avg", "decimal-comma", "60,1"),
        (NOX, "Max", "unit", "99mg"),
        (O2, "Avg", "not-a-number", "true"),
        ("a34013", "Avg", "not-a-number", "array"),
        ("a21005", "Avg", "not-a-number", "60.1"),
        ("a21028", "", "not-a-number", "integer"),
    }
    (rejected,) = answer["rejected"]
    assert (rejected["index"], rejected["code"]) == (1, "bad-number")
    assert f"{SO2}-Avg" in rejected["detail"]
    line.harness.pump()
    assert line.values() == {(NOX, EIGHT): "88.5"}
    assert len(line.notes()) == 6


def test_the_notes_of_a_caller_are_not_taken_for_ours(line: Line) -> None:
    forged = [{"fault": "unit", "factor": SO2, "field": "Avg", "value": "forged", "expected": "x"}]
    assert line.post(line.packet(item_notes=forged), line.packet(item_notes=5))["accepted"] == 2
    assert ["item_notes" in record for record in line.packets()] == [False, False]


@pytest.mark.parametrize(
    ("command", "sent", "start"),
    [
        ("2061", "20261120075959", EIGHT),
        ("2061", "20261120080001", EIGHT),
        ("2061", "20261120080000500", EIGHT),
        ("2051", "20261120075959", EIGHT),
        ("2031", "20261118235959", "2026-11-19T00:00:00+08:00"),
        ("2031", "20261119000001", "2026-11-19T00:00:00+08:00"),
    ],
)
def test_a_second_beside_the_start_is_mended_and_noted(line: Line, command: str, sent: str, start: str) -> None:
    assert line.send(line.frame(f"DataTime={sent};{GOOD}", cn=command)) == ["9014"]
    assert line.values() == {(O2, start): "7.9"}
    ((factor, field, fault, _),) = line.notes()
    assert (factor, field, fault) == ("", "DataTime", "time-mended")
    period = {"2061": "hour", "2051": "minute", "2031": "day"}[command]
    (row,) = line.series(O2, period)
    assert [one["fault"] for one in row["notes"]] == ["time-mended"]


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        ("2061", "20261120073000"),
        ("2061", "20261120075958"),
        ("2061", "20261120080002"),
        ("2051", "20261120080030"),
        ("2031", "20261119080000"),
    ],
)
def test_a_time_that_begins_no_period_waits_with_its_remedy_and_replaces_nothing(
    line: Line, command: str, sent: str
) -> None:
    line.send(line.frame("DataTime=20261120070000;a19001-Avg=5.5,a19001-Flag=N"))
    assert line.send(line.frame(f"DataTime={sent};{GOOD}", cn=command, qn=LATER)) == ["9014"]
    assert line.values() == {(O2, "2026-11-20T07:00:00+08:00"): "5.5"}
    (kept,) = line.quarantine()
    assert (kept["reason"], kept["state"]) == ("unaligned", "kept")
    assert f"{sent[8:10]}:{sent[10:12]}:{sent[12:14]}" in kept["detail"] and "remedy" in kept["detail"]
    moment = datetime.strptime(f"{sent}+0800", "%Y%m%d%H%M%S%z")
    over_http = line.refused(line.packet(command=command, data_time=moment.isoformat()))
    assert over_http["code"] == "unaligned"


def test_of_a_point_that_stamps_the_end_the_last_second_of_the_hour_is_its_end(running: Running) -> None:
    line = Line(running, running.new_point("END"))
    running.register(line.mn, period_stamp="end")
    assert line.send(line.frame(f"DataTime=20261120085959;{GOOD}")) == ["9014"]
    (row,) = line.series(O2)
    assert (row["at"], row["value"], [one["fault"] for one in row["notes"]]) == (EIGHT, "7.9", ["time-mended"])
    assert line.send(line.frame(f"DataTime=20261120083000;{GOOD}", qn=LATER)) == ["9014"]
    assert [one["reason"] for one in line.quarantine()] == ["unaligned"]


def test_the_24th_hour_is_no_time_and_says_so(line: Line) -> None:
    assert line.send(line.frame(f"DataTime=20261119240000;{GOOD}")) == ["9014"]
    (kept,) = line.quarantine()
    assert kept["reason"] == "bad-time" and "20261119240000" in kept["detail"]


def a_vendors_frame(mn: str, length: str, dust: str = "12.5") -> bytes:
    """In the way of HJ/T 212-2005: no QN, no Flag, names as codes, and a length field that is wrong."""
    items = f"PMD-Rtd={dust};LAMPBLACK-Rtd=0.8,LAMPBLACK-Flag=N;a19001-Rtd=7.9;FanOn=1;烟气-Rtd=3"
    whole = encode(f"ST=51;CN=2011;PW=123456;MN={mn};CP=&&DataTime=20261120085900;{items}&&".encode())
    return b"##" + length.encode() + whole[6:]


@pytest.mark.parametrize("length", ["0001", "0095", "9999"])
def test_a_frame_of_2005_with_vendor_factors_and_a_wrong_length_is_taken_and_does_not_block_the_next(
    line: Line, length: str
) -> None:
    odd = a_vendors_frame(line.mn, length)
    before = line.metric("yujing_gateway_frames_total", fault="length")
    answers = line.send(odd + odd[:-2], line.frame(f"DataTime=20261120080000;{GOOD}"))
    assert answers == ["9014"]  # the odd ones ask for none
    assert {factor for factor, _ in line.values()} == {"PMD", "LAMPBLACK", O2}
    faults = {(factor, fault) for factor, _, fault, _ in line.notes()}
    assert faults == {("", "length"), ("烟气", "bad-code")}
    vendors = [record for record in line.packets() if record["command"] == "2011"]
    assert [record["params"] for record in vendors] == [{"FanOn": "1"}] * 2
    assert all("烟气" in record["factors"] for record in vendors)
    assert line.quarantine() == []
    assert line.metric("yujing_gateway_frames_total", fault="length") == before + 2


def test_a_wrong_length_around_a_wrong_checksum_is_trusted_in_nothing(line: Line) -> None:
    odd = a_vendors_frame(line.mn, "0095").replace(b"12.5", b"12.6")
    assert line.send(odd, line.frame(f"DataTime=20261120080000;{GOOD}")) == ["9014"]
    assert {factor for factor, _ in line.values()} == {O2}
    assert [one["reason"] for one in line.quarantine()] == ["length"]


def test_notes_on_real_time_packets_are_forgotten_with_their_values_and_those_on_hours_stay(line: Line) -> None:
    for cn in ("2011", "2061"):
        line.send(line.frame(f"DataTime=20261001080000;a21026-Avg=1,5;{GOOD}", cn=cn))
    assert len(line.notes()) == 2
    (prune,) = (job for job in line.harness.service.jobs if job.name == "prune")
    prune.run(NOW)
    assert [one["command"] for one in line.get(f"points/{line.mn}/notes")] == ["2061"]
