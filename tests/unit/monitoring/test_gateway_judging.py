"""What a cut of the stream is, from the frame and the register alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.gateway.judging import Data, Notice, Refused, judge
from services.monitoring.gateway.records import quarantine_record
from services.monitoring.packet_record import aliases_of_medium
from shared.domain.events import REGISTERED, REGISTRY, Event
from shared.eventlog.codec import encode_event
from shared.hj212.crc import modbus
from shared.hj212.frame import Cut, Framer
from shared.hj212.reply import build, encode
from shared.ports import Record
from shared.runtime.directory import PASSWORD, Directory
from shared.runtime.secrets import Sealer

NOW = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
SEALER = Sealer(b"k" * 32)
ITEMS = [[("DataTime", "20261120080000")], [("a21026-Avg", "42.1"), ("a21026-Flag", "N")]]


def a_register(**points: dict[str, object]) -> Directory:
    directory = Directory(None, SEALER, lambda: NOW)  # type: ignore[arg-type]  # fed by hand, follows nothing
    for number, (mn, document) in enumerate(points.items()):
        body = {"mn": mn, "system": "31", "credit_code": "91150102MA0N0AAA1B"} | document
        data = {"kind": "point", "id": mn, "document": body, "sealed_password": SEALER.seal("123456", PASSWORD)}
        value = encode_event(Event(REGISTERED, "/permits", f"point:{mn}", 1, NOW, data))
        directory.take(Record(REGISTRY, 0, number, f"point:{mn}", value, {}, NOW))
    return directory


def the_cut(stream: bytes) -> Cut:
    framer = Framer()
    (cut,) = framer.feed(stream) + framer.end()
    return cut


def a_segment(mn: str = "A1", cn: str = "2061", pw: str | None = "123456") -> bytes:
    return build(mn=mn, cn=cn, st="31", pw=pw, flag=5, qn="20261120083000001", cp=ITEMS)


def test_an_upload_of_a_registered_point_is_data() -> None:
    verdict = judge(the_cut(encode(a_segment())), a_register(A1={}), NOW)
    assert isinstance(verdict, Data)
    assert verdict.document["factors"] == {"a21026": {"Avg": 42.1, "Flag": "N"}}


def test_a_heartbeat_is_a_notice_and_so_is_an_answer() -> None:
    register = a_register(A1={})
    assert all(isinstance(judge(the_cut(encode(a_segment(cn=cn))), register, NOW), Notice) for cn in ("9015", "9014"))


def test_a_packet_that_is_understood_but_of_no_use_may_be_acknowledged_and_a_broken_one_never() -> None:
    register = a_register(A1={})
    empty = judge(the_cut(encode(build(mn="A1", cn="2061", st="31", pw="123456", flag=5))), register, NOW)
    assert isinstance(empty, Refused)
    assert (empty.reason, empty.packet is not None) == (QuarantineReason.NO_FACTORS, True)
    broken = judge(the_cut(encode(a_segment()).replace(b"42.1", b"42.2")), register, NOW)
    assert isinstance(broken, Refused)
    assert (broken.reason, broken.registered, broken.packet) == (QuarantineReason.CHECKSUM, True, None)


def test_a_foreign_checksum_is_taken_only_from_the_point_that_is_known_to_send_it() -> None:
    segment = a_segment()
    cut = the_cut(b"##%04d%b%04X\r\n" % (len(segment), segment, modbus(segment)))
    assert isinstance(judge(cut, a_register(A1={"dialect": "modbus"}), NOW), Data)
    refused = judge(cut, a_register(A1={}), NOW)
    assert isinstance(refused, Refused)
    assert refused.reason is QuarantineReason.CHECKSUM
    assert "modbus" in refused.detail


@pytest.mark.parametrize("pw", ["654321", "", None])
def test_without_the_right_password_a_point_has_proven_nothing(pw: str | None) -> None:
    verdict = judge(the_cut(encode(a_segment(pw=pw))), a_register(A1={}), NOW)
    assert isinstance(verdict, Refused)
    assert (verdict.reason, verdict.password, verdict.packet) == (QuarantineReason.PASSWORD, pw, None)


def test_one_old_code_may_mean_one_thing_in_air_and_another_in_water() -> None:
    air, water = aliases_of_medium("a"), aliases_of_medium("w")
    assert all(code.startswith("a") for code in air.values())
    assert all(code.startswith("w") for code in water.values())
    assert (air["02"], water["011"], water["B01"]) == ("a21026", "w01018", "w00000")


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.just(encode(a_segment())),
        st.just(encode(a_segment())[:-7]),
        st.sampled_from(
            [b"##0030", b"MN=A1;", b"PW=123456;", b"CP=&&", b"&&", b"\r\n", b"QN=;", "中文;".encode("gbk")]
        ),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(PIECES)
def test_whatever_comes_down_the_line_gets_a_verdict_and_shows_no_password(pieces: list[bytes]) -> None:
    register = a_register(A1={})
    framer = Framer()
    for cut in [cut for piece in pieces for cut in framer.feed(piece)] + framer.end():
        verdict = judge(cut, register, NOW)
        if isinstance(verdict, Refused):
            record = quarantine_record(verdict, cut.raw, address="192.0.2.1", received_at=NOW, sealer=SEALER)
            assert b"123456" not in (record.value or b"")
            assert record.key in (verdict.mn, "192.0.2.1")
