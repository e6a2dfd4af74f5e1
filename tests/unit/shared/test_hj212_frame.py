from __future__ import annotations

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.hj212.frame import Cut, Fault, Footer, Framer
from shared.hj212.packet import Malformed, parse
from shared.hj212.reply import build, encode

GOOD = encode(
    build(qn="20240601080000000", st="32", cn="2011", pw="123456", mn="MN01", flag=5, cp=[[("w01018-Rtd", "41.2")]])
)
OTHER = encode(build(st="31", cn="2061", pw="123456", mn="MN02", cp=[[("a21026-Avg", "12.5"), ("a21026-Flag", "N")]]))


def read(*chunks: bytes) -> list[Cut]:
    framer = Framer()
    return [cut for chunk in chunks for cut in framer.feed(chunk)] + framer.end()


def good(cuts: list[Cut]) -> list[bytes]:
    return [cut.segment for cut in cuts if cut.refusal() is None]


def without_end(cuts: list[Cut]) -> list[tuple[object, ...]]:
    return [(cut.raw, cut.segment, cut.declared, cut.footer, cut.fault, cut.dialect) for cut in cuts]


FRAGMENTS = [
    *(GOOD, OTHER, GOOD[:-2], GOOD[:40], GOOD[:-1], GOOD.replace(b"41.2", b"41.3")),
    *(b"#", b"##", b"##0101", b"##9999A=", b"##0000CP=&&", b"&&1C80", b"&&1C80\r\n", b"\r\n"),
    *(b"##0003QN=1&&ABCD\r\n", b"##0012ST=32;BROKEN9E81\r\n"),
]
pieces = st.lists(
    st.one_of(
        st.sampled_from(FRAGMENTS),
        st.binary(max_size=40),
        st.text("#0123456789&AQN=;\r\n", max_size=40).map(str.encode),
    ),
    max_size=8,
).map(b"".join)


@settings(deadline=None)  # the machine may be busy
@given(stream=pieces, places=st.lists(st.integers(0, 600), max_size=12))
def test_any_chunking_of_a_stream_gives_the_same_cuts(stream: bytes, places: list[int]) -> None:
    edges = sorted({0, len(stream), *(place for place in places if place < len(stream))})
    chunked = read(*(stream[a:b] for a, b in pairwise(edges)))
    assert without_end(chunked) == without_end(read(stream))
    assert without_end(read(*(bytes([byte]) for byte in stream))) == without_end(chunked)


@settings(deadline=None)  # the machine may be busy
@given(stream=pieces)
def test_no_garbage_loses_the_good_frame_behind_it(stream: bytes) -> None:
    assert good(read(stream, OTHER))[-1:] == [OTHER[6:-6]]


@settings(deadline=None)  # the machine may be busy
@given(stream=pieces)
def test_no_garbage_raises_anything_but_malformed(stream: bytes) -> None:
    for cut in read(stream):
        try:
            parse(cut.segment)
        except Malformed as wrong:
            assert wrong.detail


@settings(deadline=None)  # the machine may be busy
@given(before=st.integers(0, 3), after=st.integers(0, 3))
def test_every_frame_of_a_sticky_stream_comes_out_once(before: int, after: int) -> None:
    cuts = read(GOOD * before + OTHER + GOOD * after)
    assert [cut.raw for cut in cuts] == [GOOD] * before + [OTHER] + [GOOD] * after
    assert {cut.footer for cut in cuts} == {Footer.CRLF}


@pytest.mark.parametrize(
    ("ending", "footer"),
    [(b"\r\n", Footer.CRLF), (b"", Footer.NONE), (b"\n", Footer.OTHER), (b"\r\r", Footer.OTHER), (b"\r", Footer.OTHER)],
    ids=["crlf", "nothing", "lf only", "cr cr", "cr only"],
)
def test_a_frame_is_good_however_it_ends_and_says_how(ending: bytes, footer: Footer) -> None:
    first, second = read(GOOD[:-2] + ending + OTHER)
    assert (first.raw, first.footer, first.refusal()) == (GOOD[:-2] + ending, footer, None)
    assert (first.strict_fault() is None) == (footer is Footer.CRLF)
    assert second.raw == OTHER


def test_a_checksum_in_lower_case_is_the_same_checksum() -> None:
    assert good(read(GOOD[:-6] + GOOD[-6:].lower())) == [GOOD[6:-6]]


def test_a_length_that_counts_characters_is_accepted() -> None:
    segment = build(st="32", cn="3020", mn="MN01", cp=[[("i11001-Info", "//清洗管路//")]])
    frame = encode(segment)
    by_characters = b"##%04d" % len(segment.decode()) + frame[6:]
    assert good(read(by_characters + OTHER)) == [segment, OTHER[6:-6]]


def test_a_silence_gives_the_complete_frame_and_keeps_the_unfinished_one_waiting() -> None:
    framer = Framer()
    assert framer.feed(GOOD[:-2]) == []
    (cut,) = framer.settle()
    assert (cut.segment, cut.footer, cut.ended_by) == (GOOD[6:-6], Footer.NONE, "silence")
    assert framer.feed(OTHER[:30]) == []
    assert framer.settle() == []
    assert framer.pending == 30
    assert good(framer.feed(OTHER[30:])) == [OTHER[6:-6]]
    assert framer.pending == 0


@pytest.mark.parametrize("size", range(1, len(GOOD) - 2))
def test_a_silence_in_the_middle_of_a_frame_costs_nothing(size: int) -> None:
    framer = Framer()
    cuts = framer.feed(GOOD[:size]) + framer.settle() + framer.feed(GOOD[size:]) + framer.end()
    assert [cut.raw for cut in cuts] == [GOOD]


def test_the_end_of_a_connection_gives_the_rest_as_junk() -> None:
    framer = Framer()
    framer.feed(GOOD[:50])
    (cut,) = framer.end("closed")
    assert (cut.raw, cut.fault, cut.ended_by) == (GOOD[:50], Fault.TRUNCATED, "closed")
    assert framer.pending == 0


def test_a_broken_off_frame_is_kept_apart_from_the_next() -> None:
    first, second = read(GOOD[:50] + OTHER)
    assert (first.raw, first.fault) == (GOOD[:50], Fault.TRUNCATED)
    assert second.raw == OTHER


def test_one_run_of_noise_is_one_cut_of_bounded_size() -> None:
    framer = Framer()
    for _ in range(200):
        assert framer.feed(b"GET / HTTP/1.1\r\n" * 20) == []
    assert framer.pending <= 6
    assert framer.noise_bytes >= 200 * 20 * 16 - 6
    noise, frame = framer.feed(GOOD)
    assert (noise.fault, len(noise.raw)) == (Fault.NOISE, 1024)
    assert frame.raw == GOOD


def test_blank_lines_between_frames_are_no_noise() -> None:
    assert [cut.raw for cut in read(GOOD + b"\r\n\r\n" + OTHER)] == [GOOD, OTHER]


def test_a_frame_that_never_ends_is_cut_at_the_limit() -> None:
    framer = Framer(max_frame=20_000)
    cuts = framer.feed(b"##9999" + b"A" * 30_000) + framer.feed(GOOD)
    assert [cut.fault for cut in cuts] == [Fault.OVERSIZE, Fault.NOISE, None]
    assert len(cuts[0].raw) == 20_000


@pytest.mark.parametrize(
    "noise",
    [b"#", b"##0005", b"##9999", b"##9999 ", b"##9999A=", b"&&1C80", b"\n", b"##0001A&&", b"A", b"##1234\n"],
    ids=repr,
)
def test_hostile_noise_costs_linear_time(noise: bytes) -> None:
    stream = noise * (65536 // len(noise))
    framer = Framer()
    begun = process_time()
    for place in range(0, len(stream), 16):
        framer.feed(stream[place : place + 16])
    read(stream)
    assert process_time() - begun < 1.0  # quadratic work would take minutes
    assert good(framer.feed(b"\r\n" + GOOD) + framer.end())[-1:] == [GOOD[6:-6]]
