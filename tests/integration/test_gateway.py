"""A logger on the line: what is answered, when, and what is on the log then."""

from __future__ import annotations

import threading
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.monitoring.gateway import Limits, gateway_worker
from shared.domain.errors import Conflict
from shared.domain.events import PACKETS
from shared.runtime.settings import Settings
from tests.support.gateway_harness import GatewayHarness, a_frame, a_gateway, wait_until

MN = "A110000_0001"


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[GatewayHarness]:
    with a_gateway(tmp_path) as found:
        found.register(MN, "123456")
        yield found


@pytest.fixture
def held(tmp_path: Path) -> Iterator[GatewayHarness]:
    with a_gateway(tmp_path, held=True) as found:
        found.register(MN, "123456")
        yield found


def test_an_hour_packet_is_on_the_log_and_answered_by_its_own_number(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame())
    answer = logger.answer()
    assert (answer.cn, answer.st, answer.qn, answer.mn, answer.flag) == ("9014", "91", "20261120083000001", MN, 4)
    (record,) = harness.records(PACKETS)
    assert record.key == MN
    assert record.headers["registry"] == b"1"
    assert b"PW=******" in record.headers["raw"] and b"123456" not in record.headers["raw"] + (record.value or b"")
    (packet,) = harness.packets()
    assert packet["command"] == "2061"
    assert packet["data_time"] == "2026-11-20T07:00:00+08:00"
    assert packet["received_at"] == "2026-11-20T08:30:00+08:00"
    assert packet["factors"] == {"a21026": {"Avg": 42.1, "Flag": "N"}}
    assert (packet["source"], packet["rf"], packet["qn"]) == ("gateway", False, "20261120083000001")
    assert harness.outcome("accepted") == 1
    assert harness.metric("yujing_ingest_event_time_lag_seconds_sum") == 5400


@pytest.mark.parametrize("cn", ["2011", "2051", "2061", "2031", "2021", "2041", "2081"])
def test_every_upload_is_answered_with_9014(harness: GatewayHarness, cn: str) -> None:
    logger = harness.logger()
    logger.send(a_frame(cn=cn, data_time="20261119000000"))
    assert logger.answer().cn == "9014"
    assert [packet["command"] for packet in harness.packets()] == [cn]


@pytest.mark.parametrize("flag", [None, 0, 4, 8])
def test_a_packet_that_asks_for_no_answer_is_logged_and_gets_none(harness: GatewayHarness, flag: int | None) -> None:
    logger = harness.logger()
    logger.send(a_frame(flag=flag))
    assert logger.rest() == []
    assert len(harness.packets()) == 1


def test_no_answer_goes_out_before_the_log_has_the_packet(held: GatewayHarness) -> None:
    logger = held.logger()
    logger.send(a_frame(qn="20261120083000001") + a_frame(qn="20261120083000002"))
    wait_until(lambda: held.held_log.held, "the packets to be handed to the log")
    logger.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        logger.socket.recv(1)
    logger.socket.settimeout(10)
    held.held_log.let_go()
    assert [answer.qn for answer in logger.answers(2)] == ["20261120083000001", "20261120083000002"]
    assert logger.rest() == []


def test_answers_keep_the_order_of_the_packets_though_the_log_answers_in_another(held: GatewayHarness) -> None:
    logger = held.logger()
    logger.send(a_frame(qn="20261120083000001"))
    wait_until(lambda: len(held.held_log.held) == 1, "the first append")
    logger.send(a_frame(qn="20261120083000002"))
    wait_until(lambda: len(held.held_log.held) == 2, "the second append")
    held.held_log.held.reverse()
    held.held_log.let_go()
    assert [answer.qn for answer in logger.answers(2)] == ["20261120083000001", "20261120083000002"]


def test_a_resend_is_answered_again(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame() + a_frame())
    assert [answer.qn for answer in logger.answers(2)] == ["20261120083000001"] * 2


@pytest.mark.parametrize("cn", ["9011", "9012", "9013", "9014"])
def test_an_answer_is_never_answered(harness: GatewayHarness, cn: str) -> None:
    logger = harness.logger()
    logger.send(a_frame(cn=cn, data_time=None, items=()))
    assert logger.rest() == []
    assert [packet["factors"] for packet in harness.packets()] == [{}]


@pytest.mark.parametrize("cn", ["1013", "9015", "9021"])
def test_a_login_or_heartbeat_is_answered_with_9013_each_time_but_logged_once_a_minute(
    harness: GatewayHarness, cn: str
) -> None:
    logger = harness.logger()
    for number in range(3):
        logger.send(a_frame(cn=cn, qn=f"2026112008300000{number}", data_time=None, items=()))
        answer = logger.answer()
        assert (answer.cn, answer.qn) == ("9013", f"2026112008300000{number}")
    assert [(packet["command"], packet["factors"]) for packet in harness.packets()] == [(cn, {})]
    harness.time.now += timedelta(seconds=60)
    logger.send(a_frame(cn=cn, data_time=None, items=()))
    logger.answer()
    assert len(harness.packets()) == 2


def test_a_heartbeat_whose_record_is_not_durable_does_not_stand_for_the_next(held: GatewayHarness) -> None:
    logger = held.logger()
    held.held_log.away = True
    beat = a_frame(cn="9015", data_time=None, items=())
    logger.send(beat)
    wait_until(lambda: held.outcome("log-away") == 1, "the failed append")
    held.held_log.away = False
    logger.send(beat)
    wait_until(lambda: held.held_log.held, "the second append")
    held.held_log.let_go()
    assert logger.answer().cn == "9013"
    assert logger.rest() == []


def test_a_command_that_carries_a_new_password_leaves_none_on_the_log(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame(cn="1072", data_time=None, items=((("NewPW", "654321"),),)))
    assert logger.rest() == []
    (record,) = harness.records(PACKETS)
    assert b"654321" not in (record.value or b"") + b"".join(record.headers.values())
    (packet,) = harness.packets()
    assert (packet["command"], packet["factors"]) == ("9015", {})


@pytest.mark.parametrize("password", ["000000", "12345", "1234567", "", None])
def test_a_wrong_or_missing_password_goes_to_quarantine_unanswered(
    harness: GatewayHarness, password: str | None
) -> None:
    logger = harness.logger()
    logger.send(a_frame(pw=password))
    assert logger.rest() == []
    assert harness.packets() == []
    (kept,) = harness.quarantine()
    assert (kept["reason"], kept["mn"], kept["address"]) == ("password", MN, "127.0.0.1")
    assert b"PW=******" in b64decode(kept["raw"]) or password is None
    opened = kept["sealed_password"] and harness.sealer.open(kept["sealed_password"], "quarantine-password")
    assert opened == (password or None)


def test_a_point_without_a_password_takes_any(harness: GatewayHarness) -> None:
    harness.register("FREE", None)
    logger = harness.logger()
    logger.send(a_frame("FREE", pw=None) + a_frame("FREE", pw="whatever"))
    assert len(logger.answers(2)) == 2


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (a_frame(data_time=None), "bad-time"),
        (a_frame(data_time="20261340070000"), "bad-time"),
        (a_frame(data_time="yesterday"), "bad-time"),
        (a_frame(items=()), "no-factors"),
    ],
    ids=["no time", "the 40th of the 13th month", "no digits", "no factors"],
)
def test_an_unusable_packet_of_a_registered_point_is_answered_once_it_is_safe_in_quarantine(
    held: GatewayHarness, frame: bytes, reason: str
) -> None:
    logger = held.logger()
    logger.send(frame)
    wait_until(lambda: held.held_log.held, "the quarantine record")
    logger.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        logger.socket.recv(1)
    logger.socket.settimeout(10)
    held.held_log.let_go()
    assert logger.answer().cn == "9014"
    assert [kept["reason"] for kept in held.quarantine()] == [reason]


def test_a_packet_from_the_future_is_logged_and_answered_for_the_handler_to_judge(harness: GatewayHarness) -> None:
    logger = harness.logger()
    logger.send(a_frame(data_time="20301120070000"))
    assert logger.answer().cn == "9014"
    assert len(harness.packets()) == 1


def test_the_old_codes_mean_what_the_system_of_the_packet_says(harness: GatewayHarness) -> None:
    logger = harness.logger()
    for st in ("31", "32"):
        logger.send(a_frame(st=st, items=((("02-Avg", "1"),), (("011-Avg", "2"),), (("B01-Avg", "3"),))))
        logger.answer()
    air, water = (set(packet["factors"]) for packet in harness.packets())
    assert air == {"a21026", "011", "B01"}
    assert water == {"02", "w01018", "w00000"}


def test_two_devices_share_one_connection_and_each_is_answered_under_its_name(harness: GatewayHarness) -> None:
    harness.register("B2", "222222")
    logger = harness.logger()
    logger.send(a_frame() + a_frame("B2", pw="222222") + a_frame("B2", pw="123456"))
    assert [answer.mn for answer in logger.answers(2)] == [MN, "B2"]
    assert logger.rest() == []
    assert [kept["reason"] for kept in harness.quarantine()] == ["password"]


def test_frames_come_stuck_together_and_torn_apart(harness: GatewayHarness) -> None:
    logger = harness.logger()
    stream = b"".join(a_frame(qn=f"202611200830000{number:02d}") for number in range(20))
    for start in range(0, len(stream), 37):
        logger.send(stream[start : start + 37])
    assert [answer.qn for answer in logger.answers(20)] == [f"202611200830000{number:02d}" for number in range(20)]


def test_the_parts_of_a_split_packet_are_logged_and_answered_one_by_one(harness: GatewayHarness) -> None:
    logger = harness.logger()
    for part in (2, 1):
        logger.send(a_frame(flag=7, pnum=2, pno=part))
    assert len(logger.answers(2)) == 2
    assert [(packet["pnum"], packet["pno"]) for packet in harness.packets()] == [(2, 2), (2, 1)]


def test_while_the_log_is_away_nothing_is_answered_and_afterwards_all_is_as_before(held: GatewayHarness) -> None:
    logger = held.logger()
    held.held_log.away = True
    logger.send(a_frame(qn="20261120083000001"))
    wait_until(lambda: held.outcome("log-away") == 1, "the failed append")
    held.held_log.away = False
    logger.send(a_frame(qn="20261120083000002"))
    wait_until(lambda: held.held_log.held, "the next append")
    held.held_log.let_go()
    assert logger.answer().qn == "20261120083000002"
    assert logger.rest() == []


def test_a_full_disk_stops_the_answers_not_the_line(tmp_path: Path) -> None:
    with a_gateway(tmp_path) as harness:
        harness.register(MN, "123456")
        logger = harness.logger()
        harness.real_log._free = lambda _path: 0.01
        logger.send(a_frame(qn="20261120083000001"))
        wait_until(lambda: harness.outcome("log-away") == 1, "the refused append")
        harness.real_log._free = lambda _path: 0.5
        logger.send(a_frame(qn="20261120083000002"))
        assert logger.answer().qn == "20261120083000002"


def test_before_the_register_is_known_nothing_is_judged_and_nothing_is_lost(tmp_path: Path) -> None:
    with a_gateway(tmp_path, known=False) as harness:
        logger = harness.logger()
        logger.send(a_frame())
        wait_until(lambda: harness.metric("yujing_gateway_connections") == 1, "the connection")
        harness.know()
        harness.register(MN, "123456")
        assert harness.alive == [] or harness.directory.caught_up()
        other = harness.logger()
        other.send(a_frame())
        assert other.answer().cn == "9014"


def test_a_connection_with_too_much_unanswered_is_not_read_until_answers_go_out(tmp_path: Path) -> None:
    with a_gateway(tmp_path, limits=Limits(unanswered=3), held=True) as harness:
        harness.register(MN, "123456")
        logger = harness.logger()
        logger.send(a_frame() * 3)
        wait_until(lambda: sum(len(records) for _, records, _ in harness.held_log.held) == 3, "three packets")
        logger.send(a_frame() * 2)
        harness.held_log.let_go()
        assert len(logger.answers(3)) == 3
        wait_until(lambda: sum(len(records) for _, records, _ in harness.held_log.held) == 2, "the rest")
        harness.held_log.let_go()
        assert len(logger.answers(2)) == 2


def test_while_the_log_is_busy_packets_wait_and_go_to_it_together(held: GatewayHarness) -> None:
    logger = held.logger()
    for count in range(1, 6):
        logger.send(a_frame(qn=f"2026112008300000{count}"))
        wait_until(lambda count=count: held.frames("none") == count, "the frame")
    appends = held.held_log.held
    assert [len(records) for _, records, _ in appends] == [1, 1]
    held.held_log.let_go()
    wait_until(lambda: held.held_log.held, "the rest")
    assert [len(records) for _, records, _ in held.held_log.held] == [3]
    held.held_log.let_go()
    assert [answer.qn for answer in logger.answers(5)] == [f"2026112008300000{count}" for count in range(1, 6)]


def test_stopping_answers_what_is_under_way_and_closes_every_line(held: GatewayHarness) -> None:
    busy, quiet = held.logger(), held.logger()
    busy.send(a_frame())
    wait_until(lambda: held.held_log.held, "the append")
    wait_until(lambda: held.metric("yujing_gateway_connections") == 2, "both connections")
    stopping = threading.Thread(target=held.worker.stop)
    stopping.start()
    assert quiet.until_closed() == []
    held.held_log.let_go()
    assert [answer.cn for answer in busy.until_closed()] == ["9014"]
    stopping.join()


def test_the_gateway_says_that_it_lives_from_the_first_moment_it_can_take_packets(tmp_path: Path) -> None:
    with a_gateway(tmp_path, limits=Limits(alive_every_s=0.05)) as harness:
        wait_until(lambda: len(harness.alive) >= 2, "two signs of life")
        assert harness.alive[0] == harness.time.now


def test_a_taken_port_is_reported_at_start(harness: GatewayHarness) -> None:
    taken = Settings(data_dir=harness.context.settings.data_dir, gateway_port=harness.worker.port)
    context = type(harness.context)(taken, *(getattr(harness.context, name) for name in FIELDS))
    with pytest.raises(Conflict, match=str(harness.worker.port)):
        gateway_worker(context).start()


FIELDS = ("clock", "log", "sealer", "directory", "metrics")
