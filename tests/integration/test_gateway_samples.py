"""Every published sample over real TCP, each on a fresh point with its own password (S350, S352, S356 strict)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.monitoring.gateway import Limits
from shared.hj212.frame import Framer
from shared.hj212.packet import Malformed, Packet, parse
from shared.hj212.reply import reply
from tests.support.gateway_harness import GatewayHarness, a_gateway

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "hj212" / "samples.jsonl"
LENGTH_ONLY = {"S349", "S354"}  # their checksum is right
STRICT = {"S350", "S352", "S356"}
ANSWERS = {"9011", "9012", "9013", "9014"}
REASONS = {
    "CRC error": "checksum",
    "CRC mismatch": "checksum",
    "non-hex CRC -> reject": "checksum",
    "plain CRC-16/MODBUS value must be rejected (or counted as crc_modbus_dialect)": "checksum",
    "declared length mismatch -> reject": "length",
    "footer is LF only; strict: error, lenient: accept": "footer",
    "footer error": "footer",
    "missing CRLF -> strict reject": "footer",
    "header error": "malformed",
    "bad header -> reject": "malformed",
    "non-decimal length -> reject": "malformed",
    "segment item with no = -> format error": "malformed",
    "duplicate header key -> error": "malformed",
}


def load() -> list[dict[str, Any]]:
    return [json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines()] if SAMPLES.exists() else []


ROWS = load()
pytestmark = pytest.mark.skipif(not ROWS, reason="../shared/data/hj212/samples.jsonl is not on this machine")


@pytest.fixture(scope="module")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayHarness]:
    generous = Limits(unknown_an_hour=1_000, notice_every_s=0)
    with a_gateway(tmp_path_factory.mktemp("samples"), limits=generous) as found:
        yield found


def packets_in(chunks: list[str]) -> list[Packet]:
    framer = Framer()
    cuts = [cut for chunk in chunks for cut in framer.feed(chunk.encode())] + framer.end()
    found = []
    for cut in cuts:
        try:
            found.append(parse(cut.segment))
        except Malformed:
            continue
    return found


class Outcome:
    """What a sample brought: answers, and what came to the log because of it."""

    def __init__(self, harness: GatewayHarness, chunks: list[str], *, strict: bool = False) -> None:
        known: dict[str, str | None] = {}
        for packet in packets_in(chunks):
            known.setdefault(packet.mn, packet.pw)
            if known[packet.mn] != packet.pw:  # one point, one password: S364's frames carry two
                known[packet.mn] = None
        for mn, password in known.items():
            harness.register(mn, password, strict=strict)
        packets, kept = len(harness.packets()), len(harness.quarantine())
        good = harness.frames("none")
        logger = harness.logger()
        for chunk in chunks:
            logger.send(chunk.encode())
        self.answers = logger.rest()
        self.new_packets = len(harness.packets()) - packets
        self.reasons = [row["reason"] for row in harness.quarantine()[kept:]]
        self.good = harness.frames("none") - good


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row["kind"] == "negative" and row["id"] not in LENGTH_ONLY],
    ids=lambda row: row["id"],
)
def test_a_sample_that_must_be_refused_is_kept_with_its_reason_and_never_answered(
    harness: GatewayHarness, row: dict[str, Any]
) -> None:
    outcome = Outcome(harness, [row["raw"]], strict=row["id"] in STRICT)
    assert outcome.answers == []
    assert outcome.new_packets == 0
    assert outcome.reasons == [REASONS[row["expect"]]]


@pytest.mark.parametrize("sample", sorted(LENGTH_ONLY))
def test_a_sample_whose_length_alone_is_wrong_is_taken(harness: GatewayHarness, sample: str) -> None:
    (row,) = (row for row in ROWS if row["id"] == sample)
    outcome = Outcome(harness, [row["raw"]])
    assert (outcome.new_packets, outcome.reasons) == (1, [])


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row["kind"] in ("standard_print", "standard_segment", "published")],
    ids=lambda row: row["id"],
)
def test_a_published_packet_is_taken_or_refused_by_its_checksum_and_answered_if_it_asks(
    harness: GatewayHarness, row: dict[str, Any]
) -> None:
    outcome = Outcome(harness, [row["raw"]])
    analysis = row["analysis"]
    if not analysis["crc_ok"]:
        assert (outcome.answers, outcome.new_packets, len(outcome.reasons)) == ([], 0, 1)
        return
    (packet,) = packets_in([row["raw"]])
    expected = reply(packet)
    assert [(answer.cn, answer.qn, answer.mn) for answer in outcome.answers] == (
        [(parse(expected[6:-6]).cn, packet.qn, packet.mn)] if expected else []
    )
    if packet.cn in ANSWERS:
        assert outcome.answers == []
    assert outcome.new_packets + len(outcome.reasons) == 1
    assert set(outcome.reasons) <= {"bad-time", "no-factors"}  # commands of the platform, sent here as if by a device


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "stream"], ids=lambda row: row["note"])
def test_a_stream_gives_as_many_good_frames_as_it_holds(harness: GatewayHarness, row: dict[str, Any]) -> None:
    outcome = Outcome(harness, row["chunks"])
    assert outcome.good == row["expect_frames"]
    assert outcome.new_packets + outcome.reasons.count("bad-time") == row["expect_frames"]


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "official_sm4"], ids=lambda row: row["id"])
def test_an_enciphered_packet_is_kept_for_the_day_it_can_be_read(harness: GatewayHarness, row: dict[str, Any]) -> None:
    outcome = Outcome(harness, [row["raw"]])
    assert (outcome.answers, outcome.new_packets, outcome.reasons) == ([], 0, ["encrypted"])


def test_every_sample_has_its_case_here() -> None:
    kinds = {"negative", "standard_print", "standard_segment", "published", "stream", "official_sm4"}
    assert {row["kind"] for row in ROWS} == kinds
