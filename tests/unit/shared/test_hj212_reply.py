from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.hj212.frame import Framer
from shared.hj212.packet import parse
from shared.hj212.reply import build, encode, reply, to_masked

QN = "20160801085857223"


def answer(cn: str, *, flag: int | None = 5, qn: str | None = QN, version: int | None = None) -> bytes | None:
    return reply(parse(build(qn=qn, st="32", cn=cn, pw="123456", mn="M1", flag=flag)), version=version)


def test_an_upload_is_answered_as_appendix_c_prints_it() -> None:
    # HJ 212-2017 Appendix C, data answer; length and checksum as framed for the same segment elsewhere.
    packet = parse(build(qn=QN, st="32", cn="2011", pw="123456", mn="010000A8900016F000169DC0", flag=5))
    segment = b"QN=20160801085857223;ST=91;CN=9014;PW=123456;MN=010000A8900016F000169DC0;Flag=4;CP=&&&&"
    assert reply(packet, version=2017) == b"##0087" + segment + b"3240\r\n"


@pytest.mark.parametrize("cn", ["2011", "2051", "2061", "2031", "2041", "2021", "2081", "2111", "2062", "3015", "3020"])
def test_data_is_answered_with_9014(cn: str) -> None:
    assert b";CN=9014;" in (answer(cn) or b"")


@pytest.mark.parametrize("cn", ["1001", "1013", "9015", "9021"])
def test_a_notice_is_answered_with_9013(cn: str) -> None:
    assert b";CN=9013;" in (answer(cn) or b"")


@pytest.mark.parametrize("cn", ["9011", "9012", "9013", "9014"])
def test_an_answer_is_never_answered(cn: str) -> None:
    assert answer(cn, flag=5) is None


@pytest.mark.parametrize("flag", [None, 0, 4, 6, 8])
def test_who_asks_for_no_answer_gets_none(flag: int | None) -> None:
    assert answer("2011", flag=flag) is None


@pytest.mark.parametrize(
    ("flag", "version", "answered"),
    [(1, None, b"Flag=0;"), (5, None, b"Flag=4;"), (7, None, b"Flag=4;"), (9, 2025, b"Flag=8;"), (9, None, b"Flag=4;")],
    ids=["2005", "2017", "2017 in parts", "2025", "flag 9 years before 2025"],
)
def test_the_answer_speaks_the_version_and_asks_for_nothing(flag: int, version: int | None, answered: bytes) -> None:
    assert answered in (answer("2011", flag=flag, version=version) or b"")


def test_without_a_qn_the_answer_has_none() -> None:
    received = answer("2011", flag=1, qn=None) or b""
    assert received[6:].startswith(b"ST=91;CN=9014;PW=123456;MN=M1;")


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=500))
def test_an_encoded_segment_comes_out_of_the_framer_again(noise: bytes) -> None:
    segment = b"ST=32;" + noise.replace(b"#", b"").replace(b"&&", b"")
    (cut,) = Framer().feed(encode(segment))
    assert (cut.segment, cut.refusal(strict=True)) == (segment, None)


def test_a_segment_longer_than_four_digits_can_say_is_refused() -> None:
    with pytest.raises(ValueError, match="10000 bytes"):
        encode(b"A" * 10000)


@pytest.mark.parametrize(
    "raw",
    [
        encode(build(st="32", cn="2011", mn="M1", pw="se&,cret")),
        encode(build(st="32", cn="1072", mn="M1", pw="se&,cret", cp=[[("NewPW", "se&,cret")]])),
        b"##0030PW=se&,cret;ST=32",
        b"##0030ST=32; pw =se&,cret",
        b"noise PW=se&,cret\r\nmore",
    ],
)
def test_no_password_is_left_in_a_masked_frame(raw: bytes) -> None:
    masked = to_masked(raw)
    assert b"cret" not in masked
    assert b"******" in masked


def test_the_mask_leaves_the_rest_of_the_frame_as_it_came() -> None:
    raw = encode(build(qn=QN, st="32", cn="2011", mn="M1", pw="123456", flag=5, cp=[[("w01018-Rtd", "4")]]))
    assert to_masked(raw) == raw.replace(b"PW=123456", b"PW=******")


@settings(deadline=None, max_examples=300)  # the machine may be busy
@given(
    st.lists(
        st.sampled_from([b"PW", b"pw", b"Pw", b"=", b";", b" ", b"&&", b"&", b"\r", b"\n", b"MN=M1", b"s3"]),
        max_size=14,
    )
)
def test_the_mask_is_that_of_every_password_however_the_frame_is_written(parts: list[bytes]) -> None:
    raw = b"".join(parts)
    every = re.compile(rb"(PW\s*=)[^;\r\n]*?(?=[;\r\n]|&&|\Z)", re.IGNORECASE)
    assert to_masked(raw) == every.sub(rb"\1******", raw)
