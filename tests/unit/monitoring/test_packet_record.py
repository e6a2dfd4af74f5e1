"""A packet's record: which packets may enter the log, under which period and time, and what is written of a device's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.domain.windows import seconds
from services.monitoring.packet_record import (
    AHEAD,
    DETAIL,
    HEARTBEAT,
    Accepted,
    Packet,
    Rejection,
    aliased,
    aliases_of_medium,
    aliases_of_segment,
    check,
    data_time,
    device_document,
    examine,
    known_fields,
    packet_record,
    read_packet,
)
from shared.domain.pollutant import aliases_2005
from shared.eventlog.codec import decode
from shared.hj212.packet import parse
from shared.register import Point

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai
EIGHT = "2026-11-20T08:00:00+08:00"


@dataclass(frozen=True)
class OnePoint:
    """A register of one point."""

    mn: str = "A1"

    def point(self, mn: str) -> Point | None:
        return Point(mn, "31", "91150102MA0N0AAA1B") if mn == self.mn else None


def document(command: str = "2061", at: str | None = EIGHT, mn: str = "A1", **factors: object) -> dict[str, object]:
    return {"mn": mn, "command": command, "data_time": at, "factors": factors or {"a21026": {"Avg": 30.0}}}


def examined(found: Mapping[str, object]) -> Accepted | Rejection:
    packet = read_packet(found)
    return packet if isinstance(packet, Rejection) else examine(packet, OnePoint(), NOW)


@pytest.mark.parametrize(
    ("command", "at", "period"),
    [
        ("2011", "2026-11-20T08:00:07+08:00", "instant"),
        ("2051", "2026-11-20T08:10:00+08:00", "minute"),
        ("2061", EIGHT, "hour"),
        ("2031", "2026-11-20T00:00:00+08:00", "day"),
    ],
)
def test_the_command_says_of_which_period_the_values_are(command: str, at: str, period: str) -> None:
    found = examined(document(command, at, a21026={"Avg": 30.0, "Rtd": 30.0}))
    assert isinstance(found, Accepted)
    assert (found.period, found.at_s) == (period, seconds(datetime.fromisoformat(at)))
    assert found.readings["a21026"].micro == 30_000_000 and not found.notes


@pytest.mark.parametrize("command", ["1013", "9015", "9021", "9013", "9014", "2021", "2041", "2081", "2062"])
def test_a_command_without_measurements_is_a_sign_of_life(command: str) -> None:
    assert examined(document(command, None)) == HEARTBEAT


@pytest.mark.parametrize(
    ("found", "code", "detail"),
    [
        (document(mn="A2"), QuarantineReason.UNKNOWN_POINT, "no registered point 'A2'"),
        (document("1062"), QuarantineReason.BAD_COMMAND, "command 1062 is no upload"),
        (document("3019"), QuarantineReason.BAD_COMMAND, "command 3019 is no upload"),
        (document("20"), QuarantineReason.BAD_COMMAND, "command '20', four digits expected"),
        (document("２０６１"), QuarantineReason.BAD_COMMAND, "command '２０６１', four digits expected"),
        (document("hour"), QuarantineReason.BAD_COMMAND, "command 'hour', four digits expected"),
        (document() | {"factors": {}}, QuarantineReason.NO_FACTORS, "command 2061 without factors"),
        (document(at=None), QuarantineReason.BAD_TIME, "data_time None is not RFC 3339 with offset"),
        (document(at="20261120080000"), QuarantineReason.BAD_TIME,
         "data_time '20261120080000' is not RFC 3339 with offset"),
        (document(at="2026-11-20T08:00:00"), QuarantineReason.BAD_TIME,
         "data_time '2026-11-20T08:00:00' is not RFC 3339 with offset"),
        (document(at="1999-12-31T08:00:00+08:00"), QuarantineReason.BAD_TIME,
         "data_time '1999-12-31T08:00:00+08:00' is not RFC 3339 with offset"),
        (document(at="2026-11-20T11:00:00+08:00"), QuarantineReason.FUTURE,
         "data_time 2026-11-20T11:00:00+08:00 is more than 10 minutes ahead"),
        (document(a21026={"Avg": "no number"}), QuarantineReason.BAD_NUMBER,
         "no item is usable: a21026-Avg: not-a-number 'no number'"),
        (document(a21026={"Avg": "30mg"}), QuarantineReason.BAD_NUMBER, "no item is usable: a21026-Avg: unit '30mg'"),
    ],
)  # fmt: skip
def test_a_packet_that_is_not_taken_names_reason_value_and_what_was_expected(
    found: dict[str, object], code: QuarantineReason, detail: str
) -> None:
    rejection = check(found, OnePoint(), NOW)
    assert rejection == examined(found) == Rejection(code, detail)


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({"command": "2061"}, "mn"),
        ({"mn": "A1"}, "command"),
        (document() | {"mn": 7}, "str"),
        (document() | {"rf": "yes"}, "bool"),
    ],
)
def test_a_document_of_another_shape_is_refused_by_the_field(found: dict[str, object], wrong: str) -> None:
    rejection = read_packet(found)
    assert isinstance(rejection, Rejection)
    assert rejection.code is QuarantineReason.BAD_JSON and wrong in rejection.detail


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"7", b"\xff\xfe", b"[" * 5000])
def test_bytes_that_are_no_packet_are_refused(raw: bytes) -> None:
    rejection = read_packet(raw)
    assert isinstance(rejection, Rejection) and rejection.code is QuarantineReason.BAD_JSON


def test_one_bad_field_costs_itself_and_the_others_are_taken() -> None:
    found = examined(document(a21026={"Avg": True, "Flag": "N"}, a21002={"Avg": 40.0}))
    assert isinstance(found, Accepted)
    assert {code: one.micro for code, one in found.readings.items()} == {"a21002": 40_000_000}
    assert [str(one) for one in found.notes] == ["a21026-Avg: not-a-number 'true'"]


@pytest.mark.parametrize(
    ("ahead", "taken"),
    [(timedelta(0), True), (AHEAD, True), (AHEAD + timedelta(seconds=1), False), (timedelta(days=365), False)],
)
def test_a_packet_may_be_ten_minutes_ahead(ahead: timedelta, taken: bool) -> None:
    found = examined(document("2011", (NOW + ahead).isoformat(), a21026={"Rtd": 1.0}))
    assert isinstance(found, Accepted) is taken


def test_an_hour_that_begins_at_no_hour_is_refused_with_both_starts_and_the_remedy() -> None:
    rejection = examined(document(at="2026-11-20T08:30:00+08:00"))
    assert isinstance(rejection, Rejection) and rejection.code is QuarantineReason.UNALIGNED
    assert rejection.detail.startswith(
        "DataTime 2026-11-20 08:30:00 begins no hour: "
        "the start of an hour, 2026-11-20 08:00:00 or 2026-11-20 09:00:00 expected. "
    )
    assert "period_stamp" in rejection.detail and len(rejection.detail) <= DETAIL


@pytest.mark.parametrize("at", ["2026-11-20T07:59:59+08:00", "2026-11-20T08:00:01+08:00"])
def test_a_second_beside_the_start_is_mended_and_noted(at: str) -> None:
    found = examined(document(at=at))
    assert isinstance(found, Accepted)
    assert found.at_s == seconds(datetime.fromisoformat(EIGHT))
    assert [(one.fault.value, one.value, one.expected) for one in found.notes] == [
        ("time-mended", at, "20261120080000")
    ]


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2000-01-01T00:00:00+08:00", 2000),
        ("2026-11-20T00:00:00Z", 2026),
        ("9998-12-31T00:00:00Z", 9998),
        ("1999-12-31T23:59:59+08:00", None),
        ("9999-01-01T00:00:00Z", None),
        ("2026-02-29T00:00:00+08:00", None),
        ("2026-11-20", None),
        ("", None),
        (None, None),
    ],
)
def test_which_times_make_sense(text: str | None, year: int | None) -> None:
    at = data_time(text)
    assert (at.year if at else None) == year


def test_the_same_old_code_is_read_by_the_medium_of_the_packet() -> None:
    """001 is pH in water; B01 and B02 are the two flows."""
    air, water = aliases_of_segment(b"ST=31;CN=2061;"), aliases_of_segment(b"ST=32;CN=2061;")
    assert (air["02"], water["001"], water["011"]) == ("a21026", "w01001", "w01018")
    assert all(code.startswith("a") for code in air.values())
    assert all(code.startswith("w") for code in water.values())
    assert aliases_of_segment(b"ST=22;CN=2061;") == aliases_2005()
    assert aliases_of_medium("a") is air


def test_of_an_old_code_and_its_new_one_in_one_packet_the_new_one_stands() -> None:
    old, new = {"Avg": 1.0}, {"Avg": 2.0}
    for factors in ({"02": old, "a21026": new}, {"a21026": new, "02": old}):
        assert aliased(factors) == {"a21026": new}
    assert aliased({"02": old, "PMD": new}) == {"a21026": old, "PMD": new}


def test_unknown_fields_of_a_document_are_not_kept() -> None:
    packet = read_packet(document() | {"deep": {"er": [1]}, "qn": "20261120080000000", "rf": True})
    assert isinstance(packet, Packet)
    assert known_fields(packet) == {**document(), "qn": "20261120080000000", "rf": True}


SEGMENT = b"QN=20261120080000000;ST=31;CN=%s;PW=secret;MN=A1;Flag=7;PNUM=2;PNO=1;CP=&&DataTime=20261120080000;%s&&"


def test_a_device_s_packet_is_written_with_what_was_odd_about_it() -> None:
    segment = SEGMENT % (b"2061", b"a21026-Avg=30,a21026-Flag=N;a21002-Avg=4O;Extra=7")
    found = device_document(parse(segment))
    assert found["factors"] == {"a21026": {"Avg": 30.0, "Flag": "N"}, "a21002": {}}
    assert (found["data_time"], found["pnum"], found["pno"]) == (EIGHT, 2, 1)
    assert found["params"] == {"Extra": "7"}
    assert "secret" not in str(found)
    (noted,) = found["item_notes"] if isinstance(found["item_notes"], list) else ()
    assert (noted["factor"], noted["field"], noted["value"]) == ("a21002", "Avg", "4O")


@pytest.mark.parametrize(
    ("cn", "written"), [(b"9015", "9015"), (b"1013", "1013"), (b"1072", "9015"), (b"3021", "9015")]
)
def test_of_a_packet_without_readings_no_item_is_written(cn: bytes, written: str) -> None:
    """A command may hold a new password or key."""
    found = device_document(parse(SEGMENT % (cn, b"NewPW=topsecret")))
    assert (found["command"], found["factors"], found["data_time"]) == (written, {}, None)
    assert "topsecret" not in str(found)
    assert ("notes" in found) is (cn.decode() != written)


def test_the_record_has_its_time_its_source_and_bytes_without_the_password() -> None:
    record = packet_record(
        {"mn": "A1", "command": "2061"},
        received_at=NOW,
        source="gateway",
        register_offset=7,
        raw=b"##0010PW=secret;MN=A1",
    )
    assert record.key == "A1"
    assert record.headers == {"registry": b"7", "raw": b"##0010PW=******;MN=A1"}
    assert record.value is not None
    assert decode(record.value) == {
        "mn": "A1", "command": "2061", "received_at": "2026-11-20T10:00:00+08:00", "source": "gateway"
    }  # fmt: skip


def test_without_register_or_bytes_a_record_has_no_headers() -> None:
    assert packet_record({"mn": "A1"}, received_at=NOW, source="http").headers == {}
