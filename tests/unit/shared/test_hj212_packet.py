from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.item_note import ItemFault
from shared.hj212.packet import Malformed, Upload, Wrong, parse, uploads
from shared.hj212.reply import build


def cp(body: str, head: str = "ST=32;CN=2011;PW=123456;MN=M1;Flag=5;") -> bytes:
    return f"{head}CP=&&{body}&&".encode()


def test_factors_come_as_numbers_and_marks_as_text() -> None:
    packet = parse(cp("DataTime=20240123123200;w01018-SampleTime=20240123110306,w01018-Rtd=46.5,w01018-Flag=N"))
    assert packet.factors == {"w01018": {"SampleTime": "20240123110306", "Rtd": 46.5, "Flag": "N"}}
    assert packet.params == {"DataTime": "20240123123200"}
    assert packet.upload is Upload.REALTIME
    assert packet.notes == ()


@pytest.mark.parametrize(
    ("text", "at", "noted"),
    [
        ("20240229000000", datetime(2024, 2, 28, 16, tzinfo=UTC), False),
        ("20241231235959", datetime(2024, 12, 31, 15, 59, 59, tzinfo=UTC), False),
        ("20160824003817025", datetime(2016, 8, 23, 16, 38, 17, 25000, tzinfo=UTC), False),
        ("2016082400381702", datetime(2016, 8, 23, 16, 38, 17, tzinfo=UTC), True),
        ("20230229000000", None, True),
        ("2024012312", None, True),
        ("00010101000000", None, True),
        ("now", None, True),
    ],
)
def test_data_time_is_shanghai_local_and_reported_when_odd(text: str, at: datetime | None, noted: bool) -> None:
    packet = parse(cp(f"DataTime={text}"))
    assert packet.data_time == at
    assert bool(packet.notes) == noted
    assert packet.params["DataTime"] == text


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("N", ItemFault.NOT_A_NUMBER),
        ("nan", ItemFault.NOT_A_NUMBER),
        ("NaN", ItemFault.NOT_A_NUMBER),
        ("inf", ItemFault.NOT_A_NUMBER),
        ("-Infinity", ItemFault.NOT_A_NUMBER),
        ("--", ItemFault.NOT_A_NUMBER),
        ("null", ItemFault.NOT_A_NUMBER),
        ("<0.5", ItemFault.NOT_A_NUMBER),
        ("1.2.3", ItemFault.NOT_A_NUMBER),
        ("1_000", ItemFault.NOT_A_NUMBER),
        ("60.1 45.2", ItemFault.NOT_A_NUMBER),
        ("1e999", ItemFault.OUT_OF_RANGE),
        ("", ItemFault.EMPTY),
        ("  ", ItemFault.EMPTY),
        ("60,1", ItemFault.DECIMAL_COMMA),
        ("1,060.1", ItemFault.DECIMAL_COMMA),
        ("60.1mg/m3", ItemFault.UNIT),
        ("60.1 ℃", ItemFault.UNIT),
        ("12%", ItemFault.UNIT),
        ("１２", ItemFault.FULL_WIDTH),
        ("６０．１", ItemFault.FULL_WIDTH),
        ("0." + "1" * 31, ItemFault.TOO_LONG),
    ],
)
def test_a_value_that_is_no_number_costs_itself_and_is_noted_for_what_it_is(value: str, fault: ItemFault) -> None:
    packet = parse(cp(f"w01001-Rtd={value},w01001-Flag=N;w01018-Rtd=5"))
    assert packet.factors == {"w01001": {"Flag": "N"}, "w01018": {"Rtd": 5.0}}
    (noted,) = packet.item_notes
    assert (noted.fault, noted.factor, noted.field, noted.value) == (fault, "w01001", "Rtd", value)
    assert noted.expected
    assert packet.cp[0][0] == ("w01001-Rtd", value)


@pytest.mark.parametrize(
    ("body", "noted"),
    [
        ("w01018-Rtd=5;;w01001-Rtd=7;", []),
        ("w01018-Rtd=5,,;w01001-Rtd=7", []),
        (" w01018-Rtd = 5 ; w01001-Rtd\t=\t7 ", []),
        ("w01018-Rtd=5;w01018-Rtd=5.0;w01001-Rtd=7", []),
        ("w01018-Rtd=0.5E+1;w01001-Rtd=7", [(ItemFault.EXPONENT, "w01018", "Rtd", "0.5E+1")]),
        ("w01018-Rtd=5;w01001-Rtd=7;w21003", [(ItemFault.NO_NAME, "w21003", "", "w21003")]),
        ("w01018-Rtd=5;w01001-Rtd=7;w21003-Rtd", [(ItemFault.NO_NAME, "w21003", "Rtd", "w21003-Rtd")]),
        ("w01018-Rtd=5;\x00\r\n;w01001-Rtd=7", [(ItemFault.NO_NAME, "", "item 2", "\ufffd")]),
        ("w01018-Rtd=5;w01001-Rtd=7,w01001-Flag=", [(ItemFault.EMPTY, "w01001", "Flag", "")]),
    ],
    ids=[
        "doubled semicolons",
        "doubled commas",
        "spaces around =",
        "the same twice",
        "an exponent",
        "a factor only",
        "a name only",
        "control characters",
        "an empty mark",
    ],
)
def test_the_items_around_an_odd_one_are_read_as_if_it_were_not_there(
    body: str, noted: list[tuple[ItemFault, str, str, str]]
) -> None:
    packet = parse(cp(body))
    assert packet.factors == {"w01018": {"Rtd": 5.0}, "w01001": {"Rtd": 7.0}}
    assert [(one.fault, one.factor, one.field, one.value) for one in packet.item_notes] == noted


def test_bytes_that_are_no_text_spoil_the_item_they_stand_in() -> None:
    packet = parse(cp("DataTime=20240123123200;w01001-Rtd=?;w01018-Rtd=5").replace(b"?", b"\xe4\xff\x80"))
    assert packet.factors == {"w01001": {}, "w01018": {"Rtd": 5.0}}
    assert [one.fault for one in packet.item_notes] == [ItemFault.NOT_A_NUMBER]
    assert packet.notes == ("text is neither UTF-8 nor GBK",)


def test_of_an_items_list_without_its_end_the_last_one_is_not_trusted() -> None:
    packet = parse(b"ST=32;CN=2011;MN=1;CP=&&DataTime=20240123123200;w01001-Rtd=7;w01018-Rtd=5")
    assert packet.factors == {"w01001": {"Rtd": 7.0}}
    assert [(one.fault, one.value) for one in packet.item_notes] == [(ItemFault.UNCLOSED, "w01018-Rtd=5")]


def test_the_first_of_two_equal_keys_is_kept_and_the_second_received() -> None:
    packet = parse(cp("w00000-Avg=3.4;w00000-Avg=90211;DataTime=20240101000000;DataTime=20240102000000"))
    assert packet.factors == {"w00000": {"Avg": 3.4}}
    assert [(one.fault, one.factor, one.field, one.value) for one in packet.item_notes] == [
        (ItemFault.DUPLICATE, "w00000", "Avg", "90211"),
        (ItemFault.DUPLICATE, "", "DataTime", "20240102000000"),
    ]
    assert packet.data_time is None  # which of the two it is, is not guessed


def test_old_codes_stay_as_sent_unless_an_alias_is_given() -> None:
    segment = cp("B01-Rtd=36.9;011-Rtd=231.0,011-Flag=N;w01018-Rtd=7")
    assert set(parse(segment).factors) == {"B01", "011", "w01018"}
    packet = parse(segment, {"011": "w01018"})
    assert packet.factors == {"B01": {"Rtd": 36.9}, "w01018": {"Rtd": 231.0, "Flag": "N"}}
    assert packet.notes == ("011 read as w01018",)
    assert [(one.fault, one.factor, one.value) for one in packet.item_notes] == [(ItemFault.DUPLICATE, "w01018", "7")]


def test_facility_states_notes_and_vendor_marks_do_not_break_a_packet() -> None:
    packet = parse(
        cp("SB1-RS=1;i11001-Info=//清洗, 管路//;i12003-Info =0; LA-Rtd=50.1;w01018-Rtd=7,w01018-EFlag=A01;Flag=N")
    )
    assert packet.factors["SB1"] == {"RS": 1.0}
    assert packet.factors["i11001"] == {"Info": "//清洗, 管路//"}
    assert packet.factors["i12003"] == {"Info": "0"}
    assert packet.factors["LA"] == {"Rtd": 50.1}
    assert packet.factors["w01018"] == {"Rtd": 7.0, "EFlag": "A01"}
    assert packet.params == {"Flag": "N"}


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (b"ST=32;BROKEN", Wrong.MISSING),
        (b"ST=32;ST=91", Wrong.DUPLICATE),
        (b"ST=32;CN=2011;CP=&&&&", Wrong.MISSING),
        (b"ST=32;MN=1;CP=&&&&", Wrong.MISSING),
        (b"", Wrong.MISSING),
        (b"ST=32;CN=20a1;MN=1;CP=&&&&", Wrong.CN),
        (b"ST=32;CN=2011;MN=" + b"1" * 33 + b";CP=&&&&", Wrong.MN),
        (b"ST=32;CN=2011;MN=1;CP=DataTime=2024", Wrong.CP),
        (b"ST=32;CN=2011;MN=1\r\nX;CP=&&&&", Wrong.TEXT),
        (b"ST=32;CN=2011;MN=1;CP=&&{0xE4,0x3E}&&", Wrong.ENCRYPTED),
        (b"ST=32;CN=2011;MN=1;CP=&&\xe4\xff\x80\xab&&", Wrong.ENCRYPTED),
    ],
)
def test_what_cannot_be_understood_is_malformed_with_its_reason(segment: bytes, reason: Wrong) -> None:
    with pytest.raises(Malformed) as wrong:
        parse(segment)
    assert wrong.value.reason is reason
    sender = wrong.value.packet
    assert (sender is not None) == (b"MN=1" in segment and len(segment) < 50 and b"\r" not in segment)
    assert sender is None or (sender.mn, sender.factors) == ("1", {})


@pytest.mark.parametrize(
    ("head", "generation"),
    [
        ("ST=32;CN=2011;MN=1;", 2005),
        ("QN=20180315134456001;ST=31;CN=2011;MN=1;", 2005),
        ("ST=31;CN=2011;MN=1;Flag=0;", 2005),
        ("QN=20240123123205877;ST=32;CN=2011;MN=1;Flag=5;", 2017),
        ("QN=20201030000000437;ST=21;CN=2061;MN=1;Flag=9;", 2017),
        ("QN=20260801000000000;ST=32;CN=2011;MN=1;Flag=9;", 2025),
        ("QN=20240520210700000;ST=31;CN=2051;MN=1;Flag=9;", 2025),
    ],
    ids=[
        "nothing",
        "QN but no flag",
        "flag 0",
        "flag 5",
        "flag 9 in 2020",
        "flag 9 in 2026",
        "the 2025 text's example",
    ],
)
def test_the_generation_is_judged_from_flag_and_qn(head: str, generation: int) -> None:
    assert parse(cp("", head)).generation == generation


def test_odd_header_fields_are_reported_and_do_not_decide() -> None:
    packet = parse(cp("", "QN=1;ST=32;CN=2011;PW=1;MN=1; Flag=x;PNUM=2;PNO=;RF=1;Foo=7;"))
    assert (packet.flag, packet.pnum, packet.pno, packet.rf) == (None, 2, None, True)
    assert not packet.wants_answer
    assert packet.notes == ("header field 'Foo' unknown", "Flag unreadable: 'x'", "PNO unreadable: ''")


def test_gbk_text_is_read_and_reported() -> None:
    packet = parse("ST=32;CN=3020;MN=1;CP=&&i11001-Info=//清洗//&&".encode("gbk"))
    assert packet.factors["i11001"] == {"Info": "//清洗//"}
    assert packet.notes == ("text is GBK",)


def test_commands_and_answers_are_no_uploads() -> None:
    assert [uploads(cn) for cn in ("1013", "9014", "2012", "9015")] == [None] * 4
    assert uploads("2061") is Upload.HOUR
    assert uploads("2081") is Upload.RESTART


words = st.text("ABCabc0123456789_", min_size=1, max_size=12)
pairs = st.tuples(st.one_of(words, st.builds("{}-{}".format, words, st.sampled_from(["Rtd", "Avg", "Flag"]))), words)
fields = st.fixed_dictionaries(
    {
        "mn": words,
        "cn": st.integers(1000, 9999).map(str),
        "st": st.integers(10, 99).map(str),
        "qn": st.none() | st.just("20240601080000123"),
        "pw": st.none() | words,
        "flag": st.none() | st.integers(0, 255),
        "pnum": st.none() | st.integers(0, 9999),
        "pno": st.none() | st.integers(0, 9999),
        "rf": st.booleans(),
        "cp": st.lists(st.lists(pairs, min_size=1, max_size=4).map(tuple), max_size=6).map(tuple),
    }
)


@settings(deadline=None)  # the machine may be busy
@given(fields)
def test_a_built_packet_parses_to_what_it_was_built_from(sent: dict[str, object]) -> None:
    packet = parse(build(**sent))  # type: ignore[arg-type]
    assert {name: getattr(packet, name) for name in sent} == sent


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_malformed(noise: bytes) -> None:
    for segment in (noise, b"ST=32;CN=2011;MN=1;CP=&&" + noise + b"&&"):
        try:
            parse(segment)
        except Malformed as wrong:
            assert wrong.detail
