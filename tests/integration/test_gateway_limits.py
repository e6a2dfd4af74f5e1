"""What must cost the gateway nothing: junk, half-open and idle lines, too many of them, unknown devices without end."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.monitoring.gateway import Limits
from tests.support.gateway_harness import GatewayHarness, a_frame, a_gateway, wait_until

MN = "A110000_0001"
SWIFT = Limits(settle_s=1.0, half_open_s=30.0, idle_s=600.0, unknown_an_hour=5, unknown_in_all=8, claimed_an_hour=6)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[GatewayHarness]:
    with a_gateway(tmp_path, limits=SWIFT) as found:
        found.register(MN, "123456")
        yield found


def test_a_frame_without_its_line_end_is_taken_after_a_second_of_silence(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame().removesuffix(b"\r\n"))
    wait_until(lambda: harness.worker.gateway._watched, "the unfinished frame")
    harness.time.monotonic_s += 1.1
    assert logger.answer().cn == "9014"


def test_a_frame_without_its_line_end_is_taken_when_the_logger_hangs_up(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame().removesuffix(b"\r\n"))
    assert [answer.cn for answer in logger.rest()] == ["9014"]


def test_a_strict_point_gets_no_answer_without_the_line_end(harness: GatewayHarness) -> None:
    harness.register("STRICT", "123456", strict=True)
    logger = harness.logger()
    logger.send(a_frame("STRICT").removesuffix(b"\r\n"))
    assert logger.rest() == []
    assert [(kept["reason"], kept["mn"]) for kept in harness.quarantine()] == [("footer", "STRICT")]


def test_a_frame_that_stays_half_open_ends_the_connection_after_half_a_minute(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame()[:60])
    wait_until(lambda: harness.worker.gateway._watched, "the unfinished frame")
    harness.time.monotonic_s += 29
    logger.send(a_frame()[60:70])  # a dribble does not lengthen the time
    harness.time.monotonic_s += 2
    assert logger.until_closed() == []
    assert harness.closed("half-open") == 1
    (kept,) = harness.quarantine()
    assert kept["reason"] == "cut-short"
    assert b64decode(kept["raw"]).startswith(b"##")


def test_a_quiet_connection_is_closed_after_ten_minutes_and_not_before(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame())
    logger.answer()
    harness.time.monotonic_s += 599
    logger.send(a_frame())
    logger.answer()
    assert harness.closed("idle") == 0
    harness.time.monotonic_s += 601
    assert logger.until_closed() == []
    assert harness.closed("idle") == 1


def test_the_twenty_first_silent_connection_of_an_address_is_closed_at_once_and_others_are_not(
    harness: GatewayHarness,
) -> None:
    kept = [harness.logger() for _ in range(20)]
    wait_until(lambda: harness.metric("yujing_gateway_connections") == 20, "twenty connections")
    assert harness.logger().until_closed() == []
    assert harness.closed("too-many-unidentified") == 1
    elsewhere = harness.logger("127.0.0.2")
    elsewhere.send(a_frame())
    assert elsewhere.answer().cn == "9014"
    kept[0].close()
    wait_until(lambda: harness.metric("yujing_gateway_connections") == 20, "one to leave")
    again = harness.logger()
    again.send(a_frame())
    assert again.answer().cn == "9014"


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /packets HTTP/1.0\r\n\r\n",
        b"\x16\x03\x01" + b"x" * 5000,
        b"noise " * 900,
    ],
    ids=["a browser", "a post", "a TLS hello that goes on", "five kilobytes of noise"],
)
def test_what_is_no_logger_is_hung_up_on(harness: GatewayHarness, junk: bytes) -> None:
    logger = harness.logger()
    logger.send(junk)
    assert logger.until_closed() == []
    assert harness.closed("junk") == 1
    assert [kept["reason"] for kept in harness.quarantine()] == ["noise"]


def test_noise_between_frames_does_not_end_a_loggers_connection(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame() + b"AT+CSQ 31\r\nOK\r\n" * 400 + a_frame())
    assert len(logger.answers(2)) == 2
    assert harness.frames("noise") == 1


def test_damage_is_kept_with_its_reason_and_the_line_lives(harness: GatewayHarness) -> None:
    good = a_frame()
    bad = good.replace(b"42.1", b"42.2")
    logger = harness.logger()
    logger.send(bad + good)
    assert len(logger.answers(1)) == 1
    assert logger.rest() == []
    assert harness.frames("crc") == 1
    (kept,) = harness.quarantine()
    assert (kept["reason"], kept["mn"]) == ("checksum", MN)
    assert b64decode(kept["raw"]) == bad.replace(b"123456", b"******")
    assert harness.sealer.open(kept["sealed_password"], "quarantine-password") == "123456"


def test_an_unknown_device_is_never_answered_and_only_so_many_of_its_packets_are_kept(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(b"".join(a_frame(f"UNKNOWN{number}") for number in range(20)) + a_frame())
    assert [answer.mn for answer in logger.answers(1)] == [MN]
    assert logger.rest() == []
    kept = harness.quarantine()
    assert [(row["reason"], row["mn"]) for row in kept] == [("unknown-point", f"UNKNOWN{n}") for n in range(5)]
    assert harness.outcome("capped") == 15
    assert harness.packets()[0]["mn"] == MN


def test_unknown_devices_from_everywhere_share_one_cap_that_fills_again_with_time(harness: GatewayHarness) -> None:
    def visit(source: str) -> None:
        logger = harness.logger(source)
        logger.send(a_frame("UNKNOWN") * 4)
        assert logger.rest() == []

    for last in range(2, 6):
        visit(f"127.0.0.{last}")
    assert len(harness.quarantine()) == 8
    harness.time.monotonic_s += 3600
    visit("127.0.0.9")
    assert len(harness.quarantine()) == 12


def test_who_only_names_a_registered_point_cannot_fill_the_quarantine(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame(pw="guess1") * 10)
    assert logger.rest() == []
    assert len(harness.quarantine()) == 6
    assert harness.outcome("capped") == 4


def test_a_point_registered_while_its_logger_is_on_the_line_is_taken_from_then_on(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame("NEW"))
    wait_until(lambda: harness.outcome("quarantined") == 1, "the refusal")
    harness.register("NEW", "123456")
    logger.send(a_frame("NEW"))
    assert logger.answer().mn == "NEW"
