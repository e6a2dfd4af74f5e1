"""Every published sample, read in place: printed in the standard, damaged on purpose, streams, packets of the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.domain.item_note import ItemFault
from shared.hj212.crc import Dialect
from shared.hj212.frame import Cut, Fault, Footer, Framer
from shared.hj212.packet import Malformed, Wrong, parse

SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "hj212" / "samples.jsonl"


def load() -> list[dict[str, Any]]:
    if not SAMPLES.exists():
        return []
    with SAMPLES.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


ROWS = load()
BY_ID = {row["id"]: row for row in ROWS}
needs_samples = pytest.mark.skipif(not ROWS, reason="../shared/data/hj212/samples.jsonl is not on this machine")
pytestmark = needs_samples


def cuts_of(chunks: list[str]) -> list[Cut]:
    framer = Framer()
    cuts = [cut for chunk in chunks for cut in framer.feed(chunk.encode())]
    return cuts + framer.end()


def only_cut(sample: str) -> Cut:
    cuts = cuts_of([BY_ID[sample]["raw"]])
    assert len(cuts) == 1
    return cuts[0]


def judged() -> list[dict[str, Any]]:
    return [row for row in ROWS if row["kind"] not in ("negative", "stream", "official_sm4")]


@pytest.mark.parametrize("row", judged(), ids=lambda row: row["id"])
def test_a_published_packet_parses_with_the_checksum_verdict_that_was_analysed(row: dict[str, Any]) -> None:
    (cut,) = cuts_of([row["raw"]])
    analysis = row["analysis"]
    checksum_right = cut.dialect is Dialect.HJ212
    assert checksum_right == analysis["crc_ok"]
    assert (cut.fault is None) == analysis["crc_ok"]
    assert cut.misfit == (not analysis["len_ok"])
    assert (cut.footer is Footer.CRLF) == analysis["has_crlf"]
    assert cut.declared == analysis["declared_len"]
    packet = parse(cut.segment)
    fields = {"QN": packet.qn, "ST": packet.st, "CN": packet.cn, "PW": packet.pw, "MN": packet.mn}
    assert {name: value for name, value in fields.items() if value is not None} == {
        name: value for name, value in analysis["fields"].items() if name in fields
    }
    pairs = [(key, value.strip()) for item in packet.cp for key, value in item]
    assert pairs == [(key.strip(), value.strip()) for key, value in analysis["cp_items"]]


REFUSED = {
    "S247": Fault.CRC,
    "S269": Fault.LENGTH,
    "S348": Fault.CRC,
    "S351": Fault.HEADER,
    "S355": Fault.HEADER,
    "S357": Fault.CRC,
    "S358": Fault.HEADER,
    "S359": Fault.CRC,
    "S360": Fault.CRC,
    "S361": Fault.CRC_MODBUS,
    "S268": Fault.LENGTH,
    "S243": Fault.CRC_MODBUS,
    "S275": Fault.ENCRYPTED,
    "S276": Fault.ENCRYPTED,
}


@pytest.mark.parametrize(("sample", "fault"), REFUSED.items())
def test_a_damaged_frame_is_refused_for_what_is_wrong_with_it(sample: str, fault: Fault) -> None:
    assert only_cut(sample).refusal() is fault


@pytest.mark.parametrize("sample", ["S350", "S352", "S356"])
def test_a_frame_with_a_wrong_end_is_refused_by_strict_points_only(sample: str) -> None:
    cut = only_cut(sample)
    assert cut.refusal() is None
    assert cut.strict_fault() is Fault.FOOTER
    assert parse(cut.segment).st == "32"


@pytest.mark.parametrize(("sample", "declared", "counted"), [("S349", "1025", "0139"), ("S354", "0001", "0101")])
def test_a_wrong_length_around_a_right_checksum_is_taken_and_noted(sample: str, declared: str, counted: str) -> None:
    cut = only_cut(sample)
    assert cut.refusal() is None
    assert [(one.fault, one.value, one.expected) for one in cut.notes()] == [(ItemFault.LENGTH, declared, counted)]
    assert parse(cut.segment).st == "32"


@pytest.mark.parametrize(("sample", "reason"), [("S362", Wrong.MISSING), ("S363", Wrong.DUPLICATE)])
def test_a_right_frame_around_a_broken_segment_is_malformed(sample: str, reason: Wrong) -> None:
    cut = only_cut(sample)
    assert cut.refusal() is None
    with pytest.raises(Malformed) as wrong:
        parse(cut.segment)
    assert wrong.value.reason is reason


def test_every_sample_that_must_be_refused_has_its_case_here() -> None:
    negatives = {row["id"] for row in ROWS if row["kind"] == "negative"}
    assert negatives <= REFUSED.keys() | {"S349", "S354", "S350", "S352", "S356", "S362", "S363"}


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "stream"], ids=lambda row: row["note"])
def test_a_stream_gives_as_many_good_frames_as_it_holds(row: dict[str, Any]) -> None:
    good = [cut for cut in cuts_of(row["chunks"]) if cut.refusal() is None]
    assert len(good) == row["expect_frames"]
    for cut in good:
        assert parse(cut.segment).mn


@pytest.mark.parametrize("sample", ["S349", "S354", "S268", "S269"])
def test_a_wrong_length_does_not_swallow_the_next_frame(sample: str) -> None:
    good = BY_ID["S353"]["raw"]
    first, second = cuts_of([BY_ID[sample]["raw"] + good])
    assert (first.misfit, first.refusal()) == (True, REFUSED.get(sample))
    assert (second.misfit, second.refusal()) == (False, None)


def test_a_logger_of_the_swapped_modbus_dialect_is_taken_only_where_its_point_says_so() -> None:
    cut = only_cut("S243")
    assert cut.dialect is Dialect.MODBUS_SWAPPED
    assert cut.refusal() is Fault.CRC_MODBUS
    assert cut.refusal(dialect=Dialect.MODBUS) is Fault.CRC_MODBUS
    assert cut.refusal(dialect=Dialect.MODBUS_SWAPPED) is None


def test_an_enciphered_segment_is_named_as_such() -> None:
    with pytest.raises(Malformed) as wrong:
        parse(only_cut("S275").segment)
    assert wrong.value.reason is Wrong.ENCRYPTED
