"""Commands and flags of the three generations: what is an upload, what is answered with what, which text a packet follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.hj212.packet import Malformed, Packet, Upload, Wrong, parse, uploads
from shared.hj212.reply import answer_to, build, reply

MN = "010000A8900016F000169DC0"
QN_2016, QN_2023, QN_2024, QN_2026 = "20160801085857223", "20231231235959999", "20240101000000000", "20260101000000000"

# command → what it uploads, what answers it; HJ 212-2017 table 9 and Appendix C, new commands of HJ 212-2025
COMMANDS: list[tuple[str, Upload | None, str | None]] = [
    ("1000", None, None),  # set timeout and count of resends
    ("1001", None, "9013"),  # serial numbers of the logger's hardware, 2025
    ("1002", None, None),  # set MN, 2025
    ("1011", None, None),  # get the device's time
    ("1012", None, None),  # set the device's time
    ("1013", None, "9013"),  # a device asks for the time
    ("1061", None, None),
    ("1062", None, None),
    ("1072", None, None),  # set password
    ("2011", Upload.REALTIME, "9014"),
    ("2013", Upload.RAW, "9014"),  # spectra, 2025
    ("2021", Upload.STATE, "9014"),
    ("2031", Upload.DAY, "9014"),
    ("2041", Upload.RUNTIME, "9014"),
    ("2051", Upload.MINUTE, "9014"),
    ("2052", Upload.NOISE_EVENT, "9014"),  # 2025
    ("2061", Upload.HOUR, "9014"),
    ("2062", Upload.CHECK, "9014"),  # a check with a standard sample, 2025
    ("2063", Upload.MIXED_SAMPLE, "9014"),
    ("2081", Upload.RESTART, "9014"),
    ("2111", Upload.FURNACE, "9014"),  # five-minute means of a furnace, 2025
    ("2012", None, "9014"),  # no upload that is known; a device that sends it waits for an answer all the same
    ("3011", None, None),
    ("3015", None, "9014"),  # a sample was kept on exceedance
    ("3019", None, "9014"),
    ("3020", None, "9014"),
    ("3021", None, None),
    ("9011", None, None),
    ("9012", None, None),
    ("9013", None, None),
    ("9014", None, None),
    ("9015", None, "9013"),  # heartbeat, 2025
    ("9021", None, "9013"),  # a login, met in the field
]


def packet(cn: str = "2011", *, flag: int | None = 5, qn: str | None = QN_2016) -> Packet:
    return parse(build(qn=qn, st="32", cn=cn, pw="123456", mn=MN, flag=flag))


@pytest.mark.parametrize(("cn", "upload", "answer"), COMMANDS, ids=[row[0] for row in COMMANDS])
def test_a_command_is_what_the_tables_say(cn: str, upload: Upload | None, answer: str | None) -> None:
    assert uploads(cn) is upload is packet(cn).upload
    assert answer_to(cn) == answer
    framed = reply(packet(cn))
    assert (framed is None) == (answer is None)
    if framed is not None:
        assert f"CN={answer};".encode() in framed


@pytest.mark.parametrize("cn", [row[2] for row in COMMANDS if row[2]])
def test_what_answers_is_itself_never_answered(cn: str) -> None:
    """A server that asks for an answer to its answer would be answered for ever."""
    assert answer_to(cn) is None
    assert reply(packet(cn, flag=5)) is None


@given(st.integers(0, 255))
def test_bit_0_of_the_flag_alone_asks_for_an_answer(flag: int) -> None:
    """2017 names bit 0 A and bit 1 D; 2025 calls them D and A, the places are the same."""
    assert packet(flag=flag).wants_answer is (flag % 2 == 1)
    assert (reply(packet(flag=flag)) is not None) is (flag % 2 == 1)


@given(st.integers(0, 255), st.sampled_from(["2011", "2051", "2061", "2031", "1013", "9015"]))
def test_an_answer_asks_for_nothing_in_any_version(flag: int, cn: str) -> None:
    framed = reply(packet(cn, flag=flag))
    if framed is not None:
        answer = parse(framed[6:-6])
        assert not answer.wants_answer
        assert (answer.qn, answer.mn, answer.pw, answer.st) == (QN_2016, MN, "123456", "91")


@pytest.mark.parametrize(
    ("flag", "qn", "generation"),
    [
        (None, QN_2026, 2005),  # many packets have no Flag
        (0, QN_2026, 2005),
        (1, QN_2016, 2005),
        (3, QN_2016, 2005),
        (4, QN_2026, 2017),
        (5, QN_2016, 2017),
        (6, QN_2016, 2017),
        (7, QN_2016, 2017),
        (8, QN_2026, 2025),
        (9, QN_2026, 2025),
        (10, QN_2024, 2025),  # the text's own examples are of 2024
        (11, QN_2026, 2025),
        (9, QN_2023, 2017),  # Flag=9 in a packet years before the 2025 text proves nothing
        (9, QN_2016, 2017),
        (9, None, 2025),
    ],
)
def test_the_generation_needs_flag_and_qn_to_agree(flag: int | None, qn: str | None, generation: int) -> None:
    assert packet(flag=flag, qn=qn).generation == generation


@pytest.mark.parametrize(
    ("flag", "qn", "answered"), [(1, QN_2016, b"Flag=0;"), (5, QN_2016, b"Flag=4;"), (9, QN_2026, b"Flag=8;")]
)
def test_the_answer_keeps_the_version_of_the_packet(flag: int, qn: str, answered: bytes) -> None:
    assert answered in (reply(packet(flag=flag, qn=qn)) or b"")


@pytest.mark.parametrize(
    ("header", "reason", "detail"),
    [
        (b"ST=32;CN=2011;CP=&&&&", Wrong.MISSING, "MN and CN are needed"),
        (b"ST=32;MN=A1;CP=&&&&", Wrong.MISSING, "MN and CN are needed"),
        (b"ST=32;CN=;MN=A1;CP=&&&&", Wrong.MISSING, "MN and CN are needed"),
        (b"ST=32;CN=2011;MN=" + b"A" * 33 + b";CP=&&&&", Wrong.MN, "33 characters, at most 32 expected"),
        (b"ST=32;CN=201;MN=A1;CP=&&&&", Wrong.CN, "'201', four digits expected"),
        (b"ST=32;CN=20A1;MN=A1;CP=&&&&", Wrong.CN, "'20A1', four digits expected"),
        (b"ST=32;CN=20111;MN=A1;CP=&&&&", Wrong.CN, "'20111', four digits expected"),
        ("ST=32;CN=２０１１;MN=A1;CP=&&&&".encode(), Wrong.CN, "'２０１１', four digits expected"),
        (b"ST=32;CN=2011;MN=A1;MN=A2;CP=&&&&", Wrong.DUPLICATE, "header field 'MN' twice, with different values"),
        (b"ST=32;CN=2011;CN=2061;MN=A1;CP=&&&&", Wrong.DUPLICATE, "header field 'CN' twice, with different values"),
        (b"ST=32;CN=2011;MN=A\x001;CP=&&&&", Wrong.TEXT, "control characters in the header"),
        (b"ST=32;CN=2011;MN=A1;CP=w01018-Rtd=1", Wrong.CP, "CP does not open with &&"),
        (b"ST=32;CN=2011;MN=A1;CP=&&{0xE4,0x3E}&&", Wrong.ENCRYPTED, "CP is enciphered"),
        (b"ST=32;CN=2011;MN=A1;CP=&&\xff\xfe\xff&&", Wrong.ENCRYPTED, "neither UTF-8 nor GBK, perhaps enciphered"),
    ],
)
def test_a_segment_that_cannot_be_understood_names_reason_and_place(header: bytes, reason: Wrong, detail: str) -> None:
    with pytest.raises(Malformed) as wrong:
        parse(header)
    assert (wrong.value.reason, wrong.value.detail) == (reason, detail)
    assert str(wrong.value) == f"{reason.value}: {detail}"


def test_the_same_field_twice_with_the_same_value_is_no_contradiction() -> None:
    assert parse(b"ST=32;CN=2011;MN=A1;MN=A1;CP=&&&&").mn == "A1"


@pytest.mark.parametrize("mn", ["JLYP01_AIR01_0001", "1111", "000101", "00000000000000000000000000000000", "a-b.c"])
def test_an_mn_is_opaque_text_and_never_a_number(mn: str) -> None:
    assert parse(build(st="32", cn="2011", mn=mn)).mn == mn


@pytest.mark.parametrize(
    ("text", "noted"),
    [("256", True), ("-1", True), ("5.0", True), ("A", True), ("", True), ("255", False), ("0", False)],
)
def test_a_flag_that_is_none_is_noted_and_the_packet_read_all_the_same(text: str, noted: bool) -> None:
    read = parse(f"ST=32;CN=2011;MN=A1;Flag={text};CP=&&w01018-Rtd=1&&".encode())
    assert any(line.startswith("Flag unreadable") for line in read.notes) is noted
    assert (read.flag is None) is noted
    assert read.factors == {"w01018": {"Rtd": 1.0}}


@pytest.mark.parametrize(("rf", "resent"), [("1", True), ("0", False), ("", False), ("2", False)])
def test_a_resent_packet_of_2025_says_so(rf: str, resent: bool) -> None:
    assert parse(f"ST=32;CN=2061;MN=A1;RF={rf};CP=&&&&".encode()).rf is resent
