"""The fleet against a small gateway of the test's own: everything is answered, nothing is early, a lost answer is made good."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from services.simulator.fleet import Fleet
from services.simulator.region import SampleRegion, sample_region
from shared.domain.clock import DAY, HOUR, Clock, field_clock, rfc3339, shanghai_day
from shared.hj212.frame import Framer
from shared.hj212.packet import Packet, Upload, parse
from shared.hj212.reply import reply

_LENGTH = {Upload.MINUTE: timedelta(minutes=10), Upload.HOUR: HOUR, Upload.DAY: DAY}


@dataclass
class SmallGateway:
    """Answers what `answers` says; keeps what came and when."""

    clock: Clock
    answers: Callable[[Packet], bool] = lambda packet: True
    took: list[tuple[Packet, datetime]] = field(default_factory=list)
    close_after: int | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer()
        while data := await reader.read(65536):
            for cut in framer.feed(data):
                packet = parse(cut.segment)
                self.took.append((packet, self.clock.field_now()))
                if self.close_after == len(self.took):
                    writer.close()
                    return
                if self.answers(packet):
                    writer.write(reply(packet) or b"")
        writer.close()


def fast_clock(speed: int = 7200) -> Clock:
    now = datetime.now(UTC)
    return field_clock(f"{rfc3339(now - 3 * DAY)}@{speed}@{rfc3339(now)}")


def small_region(clock: Clock) -> SampleRegion:
    whole = sample_region(on=shanghai_day(clock.field_now()))
    return replace(whole, enterprises=whole.enterprises[:6])


async def run(gateway: SmallGateway, until: Callable[[Fleet], bool], **settings: float) -> Fleet:
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    fleet = Fleet(small_region(gateway.clock), gateway.clock, (address[0], address[1]), **settings)  # type: ignore[arg-type]
    running = asyncio.create_task(fleet.run())
    async with asyncio.timeout(20):
        while not until(fleet):
            await asyncio.sleep(0.02)
        fleet.stop()
        await running
    server.close()
    await server.wait_closed()
    return fleet


def test_every_packet_is_answered_and_none_comes_before_its_period_is_over() -> None:
    gateway = SmallGateway(fast_clock())
    fleet = asyncio.run(run(gateway, lambda fleet: fleet.stats.by_command["2061"] > 20))
    assert fleet.stats.sent == fleet.stats.acknowledged == len(gateway.took)
    assert fleet.stats.resent == 0
    for packet, at in gateway.took:
        assert packet.data_time is None or packet.data_time <= at
        if packet.upload in _LENGTH and packet.data_time is not None:
            assert packet.data_time + _LENGTH[packet.upload] <= at


def test_each_logger_comes_up_with_a_greeting_and_its_start_time() -> None:
    gateway = SmallGateway(fast_clock())
    asyncio.run(run(gateway, lambda fleet: fleet.stats.by_command["2051"] > 0 and fleet.stats.by_command["2081"] >= 10))
    first: dict[str, list[str]] = {}
    for packet, _ in gateway.took:
        first.setdefault(packet.mn, []).append(packet.cn)
    assert {commands[0] for commands in first.values()} == {"1013", "9021", "9015"}
    assert {commands[1] for commands in first.values()} == {"2081"}


def test_an_unanswered_packet_is_sent_again_with_the_same_qn() -> None:
    times: Counter[tuple[str, str | None]] = Counter()

    def hours_at_the_third_time(packet: Packet) -> bool:
        if packet.cn == "2061":
            times[packet.mn, packet.qn] += 1
        return packet.cn != "2061" or times[packet.mn, packet.qn] >= 3

    gateway = SmallGateway(fast_clock(), hours_at_the_third_time)
    fleet = asyncio.run(run(gateway, lambda _: 3 in times.values(), answer_s=0.1))
    assert max(times.values()) == 3
    assert fleet.stats.resent >= 2


def test_a_broken_connection_is_made_again_and_its_packets_resent() -> None:
    gateway = SmallGateway(fast_clock(), close_after=30)

    def all_answered_after_a_break(fleet: Fleet) -> bool:
        return fleet.stats.acknowledged > 80 and fleet.stats.resent > 0 and not fleet.stats.unanswered

    fleet = asyncio.run(run(gateway, all_answered_after_a_break, answer_s=0.3))
    assert fleet.stats.resent >= 1
    assert fleet.stats.unanswered == 0
