"""Many loggers behind one address: those that showed a right password do not count against it, the others do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.monitoring.gateway import Limits
from shared.runtime.settings import Settings, load_settings
from tests.support.gateway_harness import GatewayHarness, Logger, a_frame, a_gateway, wait_until

MN = "A110000_0001"


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[GatewayHarness]:
    with a_gateway(tmp_path) as found:
        found.register(MN, "123456")
        yield found


def connections(harness: GatewayHarness) -> float:
    return harness.metric("yujing_gateway_connections")


def refused_at_once(harness: GatewayHarness, source: str = "127.0.0.1") -> bool:
    return harness.logger(source).until_closed() == []


def test_three_hundred_loggers_behind_one_address_are_all_answered_and_the_unidentified_21st_is_refused(
    harness: GatewayHarness,
) -> None:
    names = [f"PARK{number:03d}" for number in range(300)]
    for name in names:
        harness.register(name, "123456")
    loggers = []
    for name in names:
        logger = harness.logger()
        logger.send(a_frame(name))
        assert logger.answer().mn == name
        loggers.append(logger)
    silent = [harness.logger() for _ in range(20)]
    wait_until(lambda: connections(harness) == 320, "320 connections")
    assert refused_at_once(harness)
    assert harness.closed("too-many-unidentified") == 1
    for name, logger in zip(names, loggers, strict=True):  # all of them still stand
        logger.send(a_frame(name))
        assert logger.answer().mn == name
    silent[0].send(a_frame(names[0]))  # the 21st finds room once one of the twenty has shown its password
    silent[0].answer()
    late = harness.logger()
    late.send(a_frame(names[1]))
    assert late.answer().mn == names[1]


@pytest.mark.parametrize(
    "frame",
    [
        a_frame(pw="000000"),
        a_frame("UNKNOWN"),
        a_frame().replace(b"42.1", b"42.2"),
        b"GET",
    ],
    ids=["a wrong password", "an unknown point", "a wrong checksum", "noise"],
)
def test_what_proves_nothing_leaves_the_connection_counted(harness: GatewayHarness, frame: bytes) -> None:
    for n in range(20):
        logger = harness.logger()
        if n < 9:  # with the tenth wrong password the gateway hangs up
            logger.send(frame)
    wait_until(lambda: connections(harness) == 20, "twenty connections")
    assert refused_at_once(harness)


@pytest.mark.parametrize(
    "frame",
    [a_frame(cn="9015", data_time=None, items=()), a_frame(items=())],
    ids=["a heartbeat", "an unusable packet"],
)
def test_any_frame_under_the_right_password_identifies(tmp_path: Path, frame: bytes) -> None:
    with a_gateway(tmp_path, limits=Limits(unidentified_of_address=1)) as harness:
        harness.register(MN, "123456")
        first = harness.logger()
        first.send(frame)
        first.answer()
        second = harness.logger()
        second.send(frame)
        second.answer()


def test_the_password_of_one_point_identifies_so_many_connections_and_no_more(tmp_path: Path) -> None:
    with a_gateway(tmp_path, limits=Limits(unidentified_of_address=2, connections_of_point=3)) as harness:
        harness.register(MN, "123456")

        def answered() -> Logger:
            logger = harness.logger()
            logger.send(a_frame())
            assert logger.answer().mn == MN
            return logger

        of_point = [answered() for _ in range(3)]
        counted = [answered() for _ in range(2)]  # answered like the others, and counted against the address
        assert refused_at_once(harness)
        of_point[0].close()
        counted[0].send(a_frame())
        counted[0].answer()
        wait_until(lambda: connections(harness) == 4, "one to leave")
        counted[0].send(a_frame())  # takes the place that became free
        counted[0].answer()
        answered()


def test_the_gateway_is_full_for_everyone_at_its_limit(tmp_path: Path) -> None:
    with a_gateway(tmp_path, limits=Limits(connections=2)) as harness:
        harness.register(MN, "123456")
        for _ in range(2):
            logger = harness.logger()
            logger.send(a_frame())
            logger.answer()
        assert refused_at_once(harness, "127.0.0.2")
        assert harness.closed("too-many") == 1


def test_refusals_are_logged_once_a_minute_with_the_address_and_all_are_counted(tmp_path: Path) -> None:
    with a_gateway(tmp_path, limits=Limits(unidentified_of_address=1)) as harness:
        harness.logger()
        wait_until(lambda: connections(harness) == 1, "the first")
        with capture_logs() as lines:
            for _ in range(5):
                assert refused_at_once(harness)
            harness.time.monotonic_s += 61
            assert refused_at_once(harness)
        logged = [line for line in lines if line["event"] == "a connection was refused"]
        assert [(line["address"], line["reason"], line["refused_since_last_line"]) for line in logged] == [
            ("127.0.0.1", "too-many-unidentified", 0),
            ("127.0.0.1", "too-many-unidentified", 4),
        ]
        assert harness.closed("too-many-unidentified") == 6


def test_the_log_lines_about_all_addresses_together_are_bounded(tmp_path: Path) -> None:
    with a_gateway(tmp_path, limits=Limits(unidentified_of_address=1, refusals_logged_an_hour=3)) as harness:
        for last in range(1, 9):
            harness.logger(f"127.0.0.{last}")
        wait_until(lambda: connections(harness) == 8, "one of each address")
        with capture_logs() as lines:
            for last in range(1, 9):
                assert refused_at_once(harness, f"127.0.0.{last}")
        assert len([line for line in lines if line["event"] == "a connection was refused"]) == 3
        assert harness.closed("too-many-unidentified") == 8


def test_the_limits_come_from_the_settings() -> None:
    settings: Settings = load_settings(
        gateway_connections=400, gateway_unidentified_per_address=50, gateway_connections_per_point=2
    )
    limits = Limits.of(settings)
    assert (limits.connections, limits.unidentified_of_address, limits.connections_of_point) == (400, 50, 2)
