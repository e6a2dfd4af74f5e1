"""Whoever guesses passwords at the gateway is slowed down, counted and reported; who knows the password goes on."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from services.monitoring.gateway import Limits
from tests.support.gateway_harness import GatewayHarness, Logger, a_frame, a_gateway, wait_until

MN, NEIGHBOUR = "A110000_0001", "A110000_0002"
RIGHT, WRONG = a_frame(MN), a_frame(MN, pw="000000")
ELSEWHERE = "127.0.0.2"
BESIDE = "127.0.0.3"


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[GatewayHarness]:
    with a_gateway(tmp_path) as found:
        found.register(MN, "123456")
        found.register(NEIGHBOUR, "123456")
        yield found


def accepted(logger: Logger, frame: bytes = RIGHT) -> bool:
    """Whether it is acknowledged; a good heartbeat of a free point behind it says that it was judged."""
    logger.send(frame + a_frame("FREE", pw=None, qn="20261120083099999"))
    answer = logger.answer()
    if answer.mn == "FREE":
        return False
    logger.answer()
    return True


@pytest.fixture
def free(harness: GatewayHarness) -> GatewayHarness:
    """The gateway with a point whose password is not checked: its answers tell that what came before was judged."""
    harness.register("FREE", None)
    return harness


def test_after_ten_wrong_passwords_the_connection_is_closed_and_the_right_one_is_not_taken(
    harness: GatewayHarness,
) -> None:
    logger = harness.logger()
    with contextlib.suppress(ConnectionError):
        for number in range(1_000):
            logger.send(b"".join(a_frame(MN, pw=f"{number * 100 + step:06d}") for step in range(100)))
        logger.send(RIGHT)
    assert logger.until_closed() == []
    assert harness.closed("guessing") == 1
    assert harness.refused("password") == 10
    assert harness.packets() == []


def test_a_waiting_address_may_connect_but_its_pair_is_not_compared_until_a_minute_has_passed(
    free: GatewayHarness,
) -> None:
    free.logger().send(WRONG * 10)
    wait_until(lambda: free.closed("guessing") == 1, "the closing")
    again = free.logger()
    assert not accepted(again)
    free.time.monotonic_s += 59.0
    assert not accepted(again)
    free.time.monotonic_s += 1.0
    assert accepted(again)
    assert free.refused("not-compared") == 2


def test_the_wait_doubles_with_each_further_wrong_password(free: GatewayHarness) -> None:
    free.logger().send(WRONG * 10)
    wait_until(lambda: free.closed("guessing") == 1, "the closing")
    free.time.monotonic_s += 60.0
    free.logger().send(WRONG)
    wait_until(lambda: free.closed("guessing") == 2, "the next closing")
    free.time.monotonic_s += 115.0
    assert not accepted(free.logger())
    free.time.monotonic_s += 5.0
    assert accepted(free.logger())


def test_guesses_from_another_address_do_not_hold_up_the_points_own_logger(free: GatewayHarness) -> None:
    own = free.logger(BESIDE)
    assert accepted(own)
    free.logger(ELSEWHERE).send(WRONG * 10)
    wait_until(lambda: free.closed("guessing") == 1, "the closing")
    assert accepted(own)
    assert accepted(free.logger(BESIDE)), "over a new connection too"


def test_neighbours_behind_the_address_of_one_who_guesses_are_accepted_with_their_first_frame(
    free: GatewayHarness,
) -> None:
    free.logger().send(WRONG * 10)
    wait_until(lambda: free.closed("guessing") == 1, "the closing")
    neighbour = free.logger()
    assert accepted(neighbour, a_frame(NEIGHBOUR))
    assert not accepted(neighbour), "the pair that was wrong waits on any connection"


def test_a_logger_on_the_line_is_not_held_up_by_guesses_at_its_point_from_behind_its_own_address(
    free: GatewayHarness,
) -> None:
    own = free.logger()
    assert accepted(own)
    free.logger().send(WRONG * 10)
    wait_until(lambda: free.closed("guessing") == 1, "the closing")
    assert accepted(own)
    assert not accepted(free.logger())


def test_a_collector_with_one_misconfigured_device_keeps_its_connection(free: GatewayHarness) -> None:
    collector = free.logger()
    assert accepted(collector, a_frame(NEIGHBOUR))
    collector.send(WRONG * 30)
    assert accepted(collector, a_frame(NEIGHBOUR))
    assert (free.refused("password"), free.refused("not-compared"), free.closed("guessing")) == (10, 20, 0)


def test_a_point_guessed_from_many_addresses_still_takes_known_ones_and_a_new_one_in_its_turn(
    free: GatewayHarness,
) -> None:
    known = "127.0.1.200"
    assert accepted(free.logger(known))
    for number in range(1, 12):
        logger = free.logger(f"127.0.1.{number}")
        logger.send(WRONG)
        assert logger.rest() == []
    assert (free.refused("password"), free.refused("not-compared")) == (10, 1)
    assert accepted(free.logger(known))
    assert not accepted(free.logger("127.0.1.201"))
    free.time.monotonic_s += 300.0
    assert accepted(free.logger("127.0.1.201"))
    assert free.brakes("point") == 1


def test_a_password_that_was_wrong_in_the_register_counts_at_once_when_it_is_corrected(free: GatewayHarness) -> None:
    theirs = a_frame(MN, pw="654321")
    free.logger().send(theirs * 10)
    wait_until(lambda: free.closed("guessing") == 1, "the closing")
    logger = free.logger()
    assert not accepted(logger, theirs)
    free.register(MN, "654321")
    assert accepted(logger, theirs)
    assert not accepted(logger, RIGHT)


def test_a_changed_password_ends_what_the_old_one_had_proven_on_a_connection(free: GatewayHarness) -> None:
    logger = free.logger()
    assert accepted(logger)
    free.register(MN, "654321")
    logger.send(RIGHT * 20)
    assert logger.until_closed() == []
    assert (free.refused("password"), free.closed("guessing")) == (10, 1)


def test_a_frame_without_a_password_is_no_guess(free: GatewayHarness) -> None:
    logger = free.logger()
    logger.send(a_frame(MN, pw=None) * 50)
    assert accepted(logger)
    assert free.refused("password") == 50


def test_every_refusal_is_counted_by_its_reason_although_few_are_kept(tmp_path: Path) -> None:
    with a_gateway(tmp_path, limits=Limits(claimed_an_hour=3, unknown_an_hour=2)) as harness:
        harness.register(MN, "123456")
        logger = harness.logger()
        logger.send(RIGHT + WRONG * 9 + a_frame("UNKNOWN") * 40 + RIGHT.replace(b"42.1", b"42.2") * 5 + RIGHT)
        assert len(logger.answers(2)) == 2
        found = {reason: harness.refused(reason) for reason in ("password", "unknown-point", "checksum")}
        assert found == {"password": 9, "unknown-point": 40, "checksum": 5}
        wait_until(lambda: harness.outcome("quarantined") == 5, "few of them to be kept")
        assert harness.outcome("capped") == 49


def test_all_of_a_hundred_thousand_wrong_passwords_are_counted(harness: GatewayHarness) -> None:
    """On a connection that proved another point, so that it stays open."""
    logger = harness.logger()
    logger.send(a_frame(NEIGHBOUR))
    logger.answer()
    burst = b"".join(a_frame(MN, pw=f"{number:06d}") for number in range(1_000))
    for _ in range(100):
        logger.send(burst)
    logger.send(a_frame(NEIGHBOUR))
    assert logger.rest()[-1].mn == NEIGHBOUR
    assert (harness.refused("password"), harness.refused("not-compared")) == (10, 99_990)


def reports(harness: GatewayHarness, among: int) -> list[dict[str, Any]]:
    """The reports to operators, once so many refused frames are kept."""
    wait_until(lambda: harness.outcome("quarantined") >= among, f"{among} frames to be kept")
    return [row["guessing"] for row in harness.quarantine() if "guessing" in row]


def test_what_operators_must_know_is_reported_once_and_again_every_ten_minutes(free: GatewayHarness) -> None:
    logger = free.logger()
    assert accepted(logger, a_frame(NEIGHBOUR))
    logger.send(WRONG * 9)
    assert not accepted(logger, WRONG)
    logger.send(WRONG * 50)
    assert accepted(logger, a_frame(NEIGHBOUR))
    assert reports(free, 60) == [{"scope": "address", "subject": "127.0.0.1"}]
    (row,) = (row for row in free.quarantine() if "guessing" in row)
    assert (row["mn"], row["address"], row["reason"]) == (MN, "127.0.0.1", "password")
    free.time.monotonic_s += 599.0
    assert not accepted(logger, WRONG)
    assert len(reports(free, 61)) == 1
    free.time.monotonic_s += 1.0
    assert not accepted(logger, WRONG)
    assert len(reports(free, 62)) == 2


def test_however_many_addresses_guess_only_so_many_are_reported_in_an_hour(tmp_path: Path) -> None:
    with a_gateway(tmp_path, limits=Limits(reports_an_hour=3)) as harness:
        for number in range(8):
            harness.register(f"P{number}", "123456")
            logger = harness.logger(f"127.0.2.{number + 1}")
            logger.send(a_frame(f"P{number}", pw="000000") * 10)
            assert logger.until_closed() == []
        assert len(reports(harness, 80)) == 3
        assert harness.brakes("address") == 8


def test_a_warning_names_point_and_address_once_a_minute_at_most(free: GatewayHarness) -> None:
    with structlog.testing.capture_logs() as lines:
        logger = free.logger()
        logger.send(WRONG * 200)
        assert logger.until_closed() == []
        assert not accepted(free.logger(), WRONG)
        warnings = [line for line in lines if line["event"].startswith("wrong passwords")]
    assert [(line["log_level"], line["mn"], line["address"]) for line in warnings] == [("warning", MN, "127.0.0.1")]
    assert "000000" not in json.dumps(warnings)
