"""One bad item costs itself: a real frame goes in over TCP, its good items are values, its bad ones notes, on both databases."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.monitoring.gateway import GatewayWorker, gateway_worker
from services.monitoring.store.tables import OUTBOX
from shared.access import Role
from shared.domain.events import PACKETS
from shared.eventlog.codec import decode
from shared.hj212.reply import encode
from shared.ports import NewRecord, Record
from shared.runtime.service import ThreadWorker
from tests.integration.test_monitoring_api import API, ApiHarness, opened, packet, post, two_enterprises
from tests.support.gateway import Logger, a_frame, wait_until
from tests.unit.monitoring.harness import MN, NOX, O2, SO2, MonitoringHarness

GOOD = "a19001-Avg=7.9,a19001-Flag=N"
HEAD = f"QN=20261120090000001;ST=31;CN=2061;PW=123456;MN={MN};Flag=5;"
NEW = "B220000_0002"
EIGHT = "2026-11-20T08:00:00+08:00"


@dataclass
class Line:
    """Monitoring with its gateway; `send` is a logger's end of it."""

    harness: ApiHarness
    gateway: GatewayWorker

    def send(self, *frames: bytes) -> list[str]:
        """The commands that answered; what came is handled then."""
        logger = Logger(self.gateway.port)
        logger.send(b"".join(frames))
        answers = [answer.cn for answer in logger.rest()]
        logger.close()
        self.harness.pump()
        return answers

    def get(self, path: str, **params: Any) -> list[dict[str, Any]]:
        answer = self.harness.client().get(f"{API}/{path}", params=params)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def values(self) -> dict[tuple[str, str], str | None]:
        found = self.get(f"points/{MN}/latest")
        return {(one["factor"], one["at"]): one["value"] for one in found}

    def notes(self) -> list[tuple[str, str, str, str]]:
        notes = [one["note"] for one in self.get(f"points/{MN}/notes")]
        assert all(note["expected"] for note in notes)
        return [(note["factor"], note["field"], note["fault"], note["value"]) for note in notes]

    def quarantine(self) -> list[dict[str, Any]]:
        return self.get("quarantine")

    def noted(self, fault: str) -> float:
        name = "yujing_packet_items_noted_total"
        return self.harness.context.metrics.registry.get_sample_value(name, {"fault": fault}) or 0.0


@pytest.fixture
def line(tmp_path: Path, database_url: str | None) -> Iterator[Line]:
    with opened(tmp_path, database_url) as harness:
        harness.publish(two_enterprises(tmp_path))
        directory = ThreadWorker("directory", harness.context.directory.run)
        directory.start()
        wait_until(harness.context.directory.caught_up, "the register to be known")
        worker = gateway_worker(harness.context)
        worker.start()
        yield Line(harness, worker)
        worker.stop()
        directory.stop()


def framed(body: str, head: str = HEAD) -> bytes:
    return encode(f"{head}CP=&&{body}&&".encode())


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
    assert line.send(framed(f"DataTime=20261120080000;{item};{GOOD}")) == ["9014"]
    assert line.values() == {(O2, EIGHT): "7.9"}
    assert line.quarantine() == []
    found = [one for one in line.notes() if one[2] != "exponent"]
    assert found == ([note] if note else [])
    assert note is None or line.noted(note[2]) == 1


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
    assert line.send(framed(f"DataTime=20261120080000;{item};{GOOD}")) == ["9014"]
    assert line.values() == {(SO2, EIGHT): value, (O2, EIGHT): "7.9"}
    (row,) = line.get(f"points/{MN}/series", factor=SO2)
    shown = [(one["factor"], one["field"], one["fault"], one["value"]) for one in row["notes"] or []]
    assert shown == ([note] if note else [])
    (other,) = line.get(f"points/{MN}/series", factor=O2)
    assert other["notes"] is None


def test_a_packet_of_which_nothing_can_be_used_waits_whole_and_is_acknowledged(line: Line) -> None:
    frame = framed("DataTime=20261120080000;a21026-Avg=60,1;a19001-Avg=--")
    assert line.send(frame) == ["9014"]
    assert line.values() == {} and line.notes() == []
    (kept,) = line.quarantine()
    assert (kept["reason"], kept["mn"]) == ("bad-number", MN)
    assert "a21026-Avg: decimal-comma '60,1'" in kept["detail"] and "a19001-Avg" in kept["detail"]
    assert b64decode(kept["raw"]) == frame.replace(b"123456", b"******")


@pytest.mark.parametrize(
    "segment",
    [
        f"{HEAD}CP=DataTime=20261120080000;{GOOD}".encode(),
        f"{HEAD}CP=&&".encode() + b"\xe4\xff\x80\xab&&",
        f"{HEAD}ST=32;CP=&&DataTime=20261120080000;{GOOD}&&".encode(),
    ],
    ids=["a CP that does not open", "bytes that are no text", "two systems"],
)
def test_a_segment_that_cannot_be_understood_is_acknowledged_once_it_is_safe(line: Line, segment: bytes) -> None:
    assert line.send(encode(segment)) == ["9014"]
    (kept,) = line.quarantine()
    assert (kept["reason"] in ("malformed", "encrypted"), kept["mn"]) == (True, MN)
    wrong_password = encode(segment.replace(b"PW=123456", b"PW=000000"))
    assert line.send(wrong_password) == []
    assert line.quarantine()[0]["reason"] == "password"


def test_a_value_that_came_before_is_not_wiped_by_a_later_packet_that_has_none(line: Line) -> None:
    line.send(framed(f"DataTime=20261120080000;a21026-Avg=42.1,a21026-Flag=N;{GOOD}"))
    later = HEAD.replace("000001", "500001")
    assert line.send(framed(f"DataTime=20261120080000;a21026-Avg=--,a21026-Flag=N;{GOOD}", later)) == ["9014"]
    assert line.values() == {(SO2, EIGHT): "42.1", (O2, EIGHT): "7.9"}
    assert line.notes() == [(SO2, "Avg", "not-a-number", "--")]


def test_a_broken_instrument_is_a_value_without_number_under_its_mark(line: Line) -> None:
    line.send(framed(f"DataTime=20261120080000;a21026-Avg=--,a21026-Flag=D;{GOOD}"))
    (row,) = line.get(f"points/{MN}/series", factor=SO2)
    assert (row["value"], row["mark"], [one["fault"] for one in row["notes"]]) == (None, "D", ["not-a-number"])


def test_what_is_put_back_keeps_its_notes(line: Line, tmp_path: Path) -> None:
    frame = framed(f"DataTime=20261120080000;a21026-Avg=60,1;{GOOD}", HEAD.replace(MN, NEW))
    line.send(b"##0020" + frame[6:])
    (kept,) = line.quarantine()
    assert kept["reason"] == "unknown-point"
    line.harness.publish(a_new_point(tmp_path))
    with line.harness.service.database.read() as session:
        (row,) = session.connection().execute(select(OUTBOX).where(OUTBOX.c.topic == PACKETS)).all()
    record = NewRecord(row.key, row.value, {name: value.encode("latin-1") for name, value in row.headers.items()})
    line.harness.context.log.append(PACKETS, [record]).result(5)
    line.harness.pump()
    (value,) = line.get(f"points/{NEW}/latest")
    assert (value["factor"], value["value"]) == (O2, "7.9")
    notes = [one["note"] for one in line.get(f"points/{NEW}/notes")]
    assert [(note["factor"], note["fault"], note["value"]) for note in notes] == [
        ("", "length", "0020"),
        (SO2, "decimal-comma", "60,1"),
    ]
    (back,) = line.quarantine()
    assert back["state"] == "put-back"


def a_new_point(folder: Path) -> list[Record]:
    register = MonitoringHarness(folder / "other")
    registered: list[Record] = []
    register.take_registry = lambda *records: registered.extend(records)  # type: ignore[method-assign]
    register.a_point(NEW, password="123456")
    register.database.close()
    return registered


def test_the_notes_come_page_by_page_and_for_those_who_may_see_the_point(line: Line) -> None:
    minutes = [f"2026112007{minute:02d}00" for minute in range(10)]
    head = HEAD.replace("CN=2061", "CN=2051")
    line.send(*(framed(f"DataTime={at};a21026-Avg=1,5;{GOOD}", head) for at in minutes))
    enterprise = line.harness.client(Role.ENTERPRISE, credit_codes=("91150102MA0N0AAA1B",))
    found: list[str] = []
    cursor = None
    while True:
        page = enterprise.get(
            f"{API}/points/{MN}/notes", params={"limit": 3, "cursor": cursor} if cursor else {"limit": 3}
        )
        found += [one["at"] for one in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert found == [f"2026-11-20T07:{minute:02d}:00+08:00" for minute in range(10)]
    other = line.harness.client(Role.ENTERPRISE, credit_codes=("91110000MA00AAAA1X",))
    assert other.get(f"{API}/points/{MN}/notes").status_code == 404


def test_over_http_good_items_are_taken_and_bad_ones_are_named(line: Line) -> None:
    factors = {
        SO2: {"Avg": "60,1", "Flag": "N"},
        NOX: {"Avg": 88.5, "Max": "99mg", "Flag": "N"},
        O2: {"Avg": True, "Flag": "N"},
        "a34013": {"Avg": [1]},
        "a21005": {"Avg": "60.1"},
        "a21028": 5,
    }
    answer = post(line.harness.device(), [packet(factors=factors), packet(factors={SO2: {"Avg": "x"}})])
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
    assert post(line.harness.device(), [packet(item_notes=forged), packet(item_notes=5)])["accepted"] == 2
    assert all("item_notes" not in decode(record.value or b"") for record in line.harness.records(PACKETS))


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
    head = HEAD.replace("CN=2061", f"CN={command}")
    assert line.send(framed(f"DataTime={sent};{GOOD}", head)) == ["9014"]
    assert line.values() == {(O2, start): "7.9"}
    ((factor, field, fault, _),) = line.notes()
    assert (factor, field, fault) == ("", "DataTime", "time-mended")
    period = {"2061": "hour", "2051": "minute", "2031": "day"}[command]
    (row,) = line.get(f"points/{MN}/series", factor=O2, period=period)
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
    head = HEAD.replace("CN=2061", f"CN={command}")
    line.send(framed("DataTime=20261120070000;a19001-Avg=5.5,a19001-Flag=N"))
    assert line.send(framed(f"DataTime={sent};{GOOD}", head.replace("000001", "500001"))) == ["9014"]
    assert line.values() == {(O2, "2026-11-20T07:00:00+08:00"): "5.5"}
    (kept,) = line.quarantine()
    assert (kept["reason"], kept["state"]) == ("unaligned", "kept")
    assert f"{sent[8:10]}:{sent[10:12]}:{sent[12:14]}" in kept["detail"] and "remedy" in kept["detail"]
    moment = datetime.strptime(f"{sent}+0800", "%Y%m%d%H%M%S%z")
    over_http = post(line.harness.device(), [packet(command=command, data_time=moment.isoformat())])
    assert [one["code"] for one in over_http["rejected"]] == ["unaligned"]


def test_the_24th_hour_is_no_time_and_says_so(line: Line) -> None:
    assert line.send(framed(f"DataTime=20261119240000;{GOOD}")) == ["9014"]
    (kept,) = line.quarantine()
    assert kept["reason"] == "bad-time" and "20261119240000" in kept["detail"]


VENDOR = (
    f"ST=51;CN=2011;PW=123456;MN={MN};CP=&&DataTime=20261120085900;PMD-Rtd=12.5;LAMPBLACK-Rtd=0.8,LAMPBLACK-Flag=N;"
    "a19001-Rtd=7.9;FanOn=1;烟气-Rtd=3&&"
)


@pytest.mark.parametrize("length", ["0001", "0095", "9999"])
def test_a_frame_of_2005_with_vendor_factors_and_a_wrong_length_is_taken_and_does_not_block_the_next(
    line: Line, length: str
) -> None:
    odd = encode(VENDOR.encode())
    odd = b"##" + length.encode() + odd[6:]
    assert line.send(odd + odd[:-2], framed(f"DataTime=20261120080000;{GOOD}")) == ["9014"]  # the odd ones ask for none
    assert {factor for factor, _ in line.values()} == {"PMD", "LAMPBLACK", O2}
    faults = {(factor, fault) for factor, _, fault, _ in line.notes()}
    assert faults == {("", "length"), ("烟气", "bad-code")}
    records = [decode(record.value or b"") for record in line.harness.records(PACKETS)]
    vendors = [record for record in records if record["command"] == "2011"]
    assert [record["params"] for record in vendors] == [{"FanOn": "1"}] * 2
    assert all("烟气" in record["factors"] for record in vendors)
    assert line.quarantine() == []
    assert (
        line.harness.context.metrics.registry.get_sample_value("yujing_gateway_frames_total", {"fault": "length"}) == 2
    )


def test_a_wrong_length_around_a_wrong_checksum_is_trusted_in_nothing(line: Line) -> None:
    odd = encode(VENDOR.encode()).replace(b"12.5", b"12.6")
    assert line.send(b"##0095" + odd[6:], a_frame(items=((("a19001-Avg", "7.9"),),))) == ["9014"]
    assert {factor for factor, _ in line.values()} == {O2}
    assert [one["reason"] for one in line.quarantine()] == ["length"]
