"""What published packets show: each oddity is read, noted or refused as written here; and what the checksum proves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.item_note import ItemFault
from shared.hj212.crc import Dialect, crc16, foreign_dialect, modbus
from shared.hj212.frame import Cut, Fault, Footer, Framer
from shared.hj212.packet import Packet, parse
from shared.hj212.reply import encode

HEAD = "QN=20260801085857223;ST=32;CN=2061;PW=123456;MN=A1;Flag=5;CP=&&DataTime=20260801080000"


def sent(items: str, head: str = HEAD) -> Packet:
    return parse(f"{head};{items}&&".encode())


def faults(packet: Packet) -> list[tuple[ItemFault, str, str]]:
    return [(note.fault, note.factor, note.field) for note in packet.item_notes]


@pytest.mark.parametrize(
    ("items", "factors", "noted"),
    [
        (
            "w00000-Avg=12.5,w00000-Avg=90211",  # flow, and the totaliser under the same key
            {"w00000": {"Avg": 12.5}},
            [(ItemFault.DUPLICATE, "w00000", "Avg")],
        ),
        ("w01018-Rtd=N", {"w01018": {}}, [(ItemFault.NOT_A_NUMBER, "w01018", "Rtd")]),  # a mark where the value belongs
        (
            "w01001-Avg=15.294,w01001-Flag=N",
            {"w01001": {"Avg": 15.294, "Flag": "N"}},
            [],
        ),  # whether it can be is others'
        ("w01018-Avg=999.99,w01018-Flag=N", {"w01018": {"Avg": 999.99, "Flag": "N"}}, []),
        ("w01018-Avg=0.00,w01018-Flag=D", {"w01018": {"Avg": 0.0, "Flag": "D"}}, []),
        ("PMD-Avg=0.2,PMD-Flag=N", {"PMD": {"Avg": 0.2, "Flag": "N"}}, []),  # a vendor's own name
        ("LAMPBLACK-Avg=1.5", {"LAMPBLACK": {"Avg": 1.5}}, []),
        ("ua19004-Avg=3", {"ua19004": {"Avg": 3.0}}, []),
        ("w01018-Avg=20.5,Flag=N", {"w01018": {"Avg": 20.5}}, []),  # `Flag=N` without its code
        ("w01018-Avg=0.123456789012345", {"w01018": {"Avg": 0.123456789012345}}, []),
        ("w01018-Avg=20.5;;w21003-Avg=1.5", {"w01018": {"Avg": 20.5}, "w21003": {"Avg": 1.5}}, []),
        ("w01018-Avg=20.5,,w01018-Flag=N,", {"w01018": {"Avg": 20.5, "Flag": "N"}}, []),
        (" w01018-Avg=20.5 , w01018-Flag= N ", {"w01018": {"Avg": 20.5, "Flag": "N"}}, []),
        ("w01018-Avg=20,5", {"w01018": {}}, [(ItemFault.DECIMAL_COMMA, "w01018", "Avg")]),
        ("w01018-Avg=20.5mg/L", {"w01018": {}}, [(ItemFault.UNIT, "w01018", "Avg")]),
        ("w01018-Avg=", {"w01018": {}}, [(ItemFault.EMPTY, "w01018", "Avg")]),
        ("w01018-Avg=20.5,w01018-Flag=", {"w01018": {"Avg": 20.5}}, [(ItemFault.EMPTY, "w01018", "Flag")]),
        ("w01018-SampleTime=20260801070000,w01018-Avg=3", {"w01018": {"SampleTime": "20260801070000", "Avg": 3.0}}, []),
        ("SB1-RS=1;SB1-RT=2.5", {"SB1": {"RS": 1.0, "RT": 2.5}}, []),  # a treatment facility
    ],
)
def test_an_oddity_of_the_field(
    items: str, factors: dict[str, dict[str, float | str]], noted: list[tuple[ItemFault, str, str]]
) -> None:
    packet = sent(items)
    assert packet.factors == factors
    assert faults(packet) == noted


def test_water_codes_under_the_system_of_stack_air_are_read_as_they_stand() -> None:
    packet = sent("w01018-Avg=20.5", HEAD.replace("ST=32", "ST=31"))
    assert (packet.st, packet.factors) == ("31", {"w01018": {"Avg": 20.5}})


@pytest.mark.parametrize("st_code", ["101", "99", "45", "44", "21", ""])
def test_a_system_that_nobody_defined_is_kept_as_it_came(st_code: str) -> None:
    packet = sent("w01018-Avg=1", HEAD.replace("ST=32", f"ST={st_code}"))
    assert packet.st == st_code and packet.factors
    assert ("no ST" in packet.notes) is (st_code == "")


def test_parts_of_one_packet_may_have_different_qns_and_each_stands_alone() -> None:
    """The standard's own example, tables C.49 and C.50."""
    head = "QN={qn};ST=31;CN=2061;PW=123456;MN=A1;Flag=7;PNUM=2;PNO={no};CP=&&DataTime=20260801080000"
    first = sent("a21026-Avg=1", head.format(qn="20160801085857534", no=1))
    second = sent("a21002-Avg=2", head.format(qn="20160801085857535", no=2))
    assert (first.pnum, first.pno, second.pno) == (2, 1, 2)
    assert first.qn != second.qn and first.data_time == second.data_time
    assert {**first.factors, **second.factors} == {"a21026": {"Avg": 1.0}, "a21002": {"Avg": 2.0}}


def test_a_packet_of_2005_without_qn_and_flag_is_read() -> None:
    packet = parse(b"ST=32;CN=2011;PW=123456;MN=88888880000001;CP=&&DataTime=20260801080000;011-Rtd=60.1,011-Flag=N&&")
    assert (packet.qn, packet.flag, packet.generation, packet.wants_answer) == (None, None, 2005, False)
    assert packet.factors == {"011": {"Rtd": 60.1, "Flag": "N"}}


def cuts(stream: bytes) -> list[Cut]:
    framer = Framer()
    return framer.feed(stream) + framer.end()


@pytest.mark.parametrize("size", [0, 1, 1024, 1025, 1623, 4096, 9000])
def test_a_segment_longer_than_the_standard_allows_is_read_all_the_same(size: int) -> None:
    """Lengths of 1,025 and 1,623 stand in published packets; the standard ends at 1,024."""
    segment = b"ST=32;CN=2011;MN=A1;CP=&&" + b"x" * size + b"&&"
    (cut,) = cuts(encode(segment))
    assert (cut.segment, cut.fault, cut.footer) == (segment, None, Footer.CRLF)


SEGMENT = b"QN=20160801085857223;ST=32;CN=2011;MN=A1;Flag=5;CP=&&w01018-Rtd=60.1&&"


def framed(segment: bytes, crc: int, *, upper: bool = True) -> bytes:
    text = f"{crc:04X}" if upper else f"{crc:04x}"
    return b"##%04d%b%b\r\n" % (len(segment), segment, text.encode())


@pytest.mark.parametrize(
    ("crc", "dialect"),
    [
        (modbus(SEGMENT), Dialect.MODBUS),
        ((modbus(SEGMENT) >> 8) | ((modbus(SEGMENT) & 0xFF) << 8), Dialect.MODBUS_SWAPPED),
    ],
)
def test_another_checksum_is_named_and_taken_only_from_a_point_that_is_known_for_it(crc: int, dialect: Dialect) -> None:
    """Never accept a dialect in silence."""
    (cut,) = cuts(framed(SEGMENT, crc))
    assert (cut.fault, cut.dialect) == (Fault.CRC_MODBUS, dialect)
    assert cut.refusal() is Fault.CRC_MODBUS
    assert cut.refusal(dialect=dialect) is None
    (other,) = {Dialect.MODBUS, Dialect.MODBUS_SWAPPED} - {dialect}
    assert cut.refusal(dialect=other) is Fault.CRC_MODBUS


def test_a_wrong_checksum_is_no_dialect() -> None:
    (cut,) = cuts(framed(SEGMENT, crc16(SEGMENT) ^ 0x0101))
    assert (cut.fault, cut.dialect) == (Fault.CRC, None)
    assert cut.refusal(dialect=Dialect.MODBUS) is Fault.CRC


@pytest.mark.parametrize("upper", [True, False])
def test_hexadecimal_digits_may_be_of_either_case(upper: bool) -> None:
    (cut,) = cuts(framed(SEGMENT, crc16(SEGMENT), upper=upper))
    assert cut.fault is None


@given(st.binary(min_size=1, max_size=64))
def test_the_checksum_has_only_256_values(data: bytes) -> None:
    """Its low byte is one of eight, so a right checksum proves less than sixteen bits would."""
    assert crc16(data) & 0xFF in {0x00, 0x01, 0x40, 0x41, 0x80, 0x81, 0xC0, 0xC1}


@given(st.integers(0, len(SEGMENT) - 1), st.integers(0, 255))
def test_one_wrong_character_is_always_found(place: int, other: int) -> None:
    spoiled = SEGMENT[:place] + bytes([other]) + SEGMENT[place + 1 :]
    assert (crc16(spoiled) == crc16(SEGMENT)) is (spoiled == SEGMENT)


@given(st.integers(0, len(SEGMENT) - 2))
def test_two_neighbours_that_changed_places_are_always_found(place: int) -> None:
    swapped = SEGMENT[:place] + SEGMENT[place + 1 : place + 2] + SEGMENT[place : place + 1] + SEGMENT[place + 2 :]
    assert (crc16(swapped) == crc16(SEGMENT)) is (swapped == SEGMENT)


@given(st.integers(0, 60), st.integers(1, 255))
def test_the_same_change_eight_places_apart_passes_the_checksum(place: int, change: int) -> None:
    """What is right by its checksum may still be wrong by its values: they are judged on their own."""
    spoiled = bytearray(SEGMENT[:70])
    spoiled[place] ^= change
    spoiled[place + 8] ^= change
    assert spoiled != SEGMENT[:70] and crc16(spoiled) == crc16(SEGMENT[:70])


@given(st.binary(min_size=1, max_size=80))
def test_a_dialect_is_named_for_what_it_is_and_the_standard_s_is_none(data: bytes) -> None:
    plain = modbus(data)
    assert foreign_dialect(data, plain) is Dialect.MODBUS
    swapped = (plain >> 8) | ((plain & 0xFF) << 8)
    assert foreign_dialect(data, swapped) in (Dialect.MODBUS, Dialect.MODBUS_SWAPPED)


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"##0030ST=32;CN=2011;MN=A1\r\n", Fault.TRUNCATED),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Fault.NOISE),
        (b"\x16\x03\x01\x02\x00\x01", Fault.NOISE),  # somebody speaks TLS
        (b"ST=32;CN=2011;MN=A1;CP=&&w01018-Rtd=1&&1234\r\n", Fault.HEADER),  # a frame without its beginning
        (b"##0099" + SEGMENT + b"0000\r\n", Fault.LENGTH),
    ],
)
def test_what_is_no_frame_is_kept_with_its_fault(raw: bytes, fault: Fault) -> None:
    found = cuts(raw)
    assert [cut.fault for cut in found] == [fault]


def test_a_wrong_length_beside_a_right_checksum_is_taken_and_noted() -> None:
    (cut,) = cuts(b"##0099%b%04X\r\n" % (SEGMENT, crc16(SEGMENT)))
    assert (cut.fault, cut.misfit) == (None, True)
    (note,) = cut.notes()
    assert (note.fault, note.value, note.expected) == (ItemFault.LENGTH, "0099", f"{len(SEGMENT):04d}")


@pytest.mark.parametrize(
    ("ending", "refused"),
    [(b"\r\n", None), (b"", Fault.FOOTER), (b"\r", Fault.FOOTER), (b"\n", Fault.FOOTER)],
)
def test_a_strict_point_needs_the_line_end_of_the_standard(ending: bytes, refused: Fault | None) -> None:
    (cut,) = cuts(encode(SEGMENT)[:-2] + ending)
    assert cut.refusal(strict=True) is refused is cut.strict_fault()
    assert cut.refusal() is None
