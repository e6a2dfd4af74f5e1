"""What a logger sends can be read by the protocol's own reader, and says what the signal says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from services.simulator.logger import Due, Logger
from services.simulator.region import SamplePoint, sample_region
from services.simulator.signals import Signal, origin_after
from services.simulator.trouble import TroubleKind
from shared.domain.clock import HOUR, SHANGHAI
from shared.domain.pollutant import aliases_2005
from shared.hj212.frame import Framer
from shared.hj212.packet import Packet, Upload, parse
from shared.hj212.reply import reply

BEGIN = datetime(2026, 11, 20, 5, 17, 3, tzinfo=UTC)
ORIGIN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
REGION = sample_region(on=date(2026, 11, 20))


def a_logger(point: SamplePoint) -> Logger:
    return Logger(point, Signal(7, point, origin_after(BEGIN)))


def troubled(kind: TroubleKind) -> SamplePoint:
    return next(p for p in REGION.points if any(t.kind is kind and t.promised for t in p.troubles))


def read(*frames: bytes) -> list[Packet]:
    cuts = Framer().feed(b"".join(frames))
    assert [cut.strict_fault() for cut in cuts] == [None] * len(frames)
    return [parse(cut.segment, aliases_2005()) for cut in cuts]


def sent(point: SamplePoint, upload: Upload, start: datetime) -> list[Packet]:
    return read(*(frame.raw for frame in a_logger(point).frames(upload, start, start + HOUR)))


def factors(packets: list[Packet]) -> dict[str, dict[str, str | float]]:
    return {code: fields for packet in packets for code, fields in packet.factors.items()}


@pytest.mark.parametrize("generation", [2005, 2017, 2025])
@pytest.mark.parametrize("upload", [Upload.REALTIME, Upload.MINUTE, Upload.HOUR, Upload.DAY])
def test_every_frame_reads_back_with_its_point_time_and_factors(generation: int, upload: Upload) -> None:
    point = next(p for p in REGION.points if p.generation == generation)
    packets = sent(point, upload, ORIGIN)
    for packet in packets:
        assert (packet.mn, packet.pw, packet.st, packet.upload) == (point.mn, point.password, point.system, upload)
        assert packet.generation == generation
        assert packet.data_time == ORIGIN
        assert packet.wants_answer
        assert reply(packet) is not None
    assert {limit.factor for limit in point.limits} <= set(factors(packets))


@pytest.mark.parametrize("point", REGION.points, ids=lambda point: point.mn)
def test_no_packet_is_longer_than_its_logger_may_send(point: SamplePoint) -> None:
    for packet, frame in zip(
        sent(point, Upload.HOUR, ORIGIN), a_logger(point).frames(Upload.HOUR, ORIGIN, ORIGIN), strict=True
    ):
        assert len(frame.raw) <= 1024 + 12
        body = frame.raw.partition(b"CP=&&")[2].rpartition(b"&&")[0]
        assert len(body) <= point.longest_cp, packet.cn


def test_a_split_packet_loses_nothing_and_gives_each_part_its_own_qn() -> None:
    point = next(p for p in REGION.points if p.longest_cp < 500 and p.system == "31")
    parts = sent(point, Upload.HOUR, ORIGIN)
    assert len(parts) > 1
    assert [part.pno for part in parts] == list(range(1, len(parts) + 1))
    assert {part.pnum for part in parts} == {len(parts)}
    assert len({part.qn for part in parts}) == len(parts)
    assert {part.data_time for part in parts} == {ORIGIN}
    assert {"a34013", "a21026", "a21002", "a00000", "a01014"} <= set(factors(parts))


def test_the_converted_mean_is_the_measured_one_at_reference_oxygen() -> None:
    point = troubled(TroubleKind.GRAVE)  # heat supply, NOx limit 300 at 9 % oxygen, hour 0 at 2.3 times the limit
    found = factors(sent(point, Upload.HOUR, ORIGIN))
    measured, oxygen = float(found["a21002"]["Avg"]), float(found["a19001"]["Avg"])
    assert found["a21002"]["ZsAvg"] == 690.0
    assert measured * (21 - 9) / (21 - oxygen) == pytest.approx(690, abs=0.02)
    assert found["a21002"]["Flag"] == "N"


def test_an_old_logger_writes_the_codes_of_2005() -> None:
    point = next(p for p in REGION.points if p.generation == 2005 and p.system == "31")
    (packet, *_) = (
        parse(cut.segment) for cut in Framer().feed(a_logger(point).frames(Upload.HOUR, ORIGIN, ORIGIN)[0].raw)
    )
    assert {"01", "02", "03"} <= set(packet.factors)


def test_a_faulty_instrument_is_marked_and_frozen() -> None:
    point = troubled(TroubleKind.FAULT)
    hours = [factors(sent(point, Upload.HOUR, ORIGIN + n * HOUR))["a21026"] for n in (0, 1, 2, 3)]
    assert [hour["Flag"] for hour in hours] == ["N", "D", "D", "N"]
    assert hours[1]["Avg"] == hours[2]["Avg"]


def test_without_oxygen_nothing_is_converted() -> None:
    found = factors(sent(troubled(TroubleKind.OXYGEN), Upload.HOUR, ORIGIN))
    assert "a19001" not in found
    assert "ZsAvg" not in found["a21002"]


def test_clean_outlets_stay_under_seventy_percent_of_their_limits() -> None:
    for point in (p for p in REGION.points if not p.troubles):
        signal = Signal(7, point, ORIGIN)
        for limit in point.limits:
            for hour in range(48):
                reading = signal.hour(limit, ORIGIN + hour * HOUR)
                decides = reading.measured if reading.converted is None else reading.converted
                assert decides < 0.7 * float(limit.limit)


def test_the_day_mean_of_the_sewage_plant_is_a_fifth_over() -> None:
    point = troubled(TroubleKind.DAY)
    midnight = datetime(2026, 11, 20, tzinfo=SHANGHAI)
    (packet,) = sent(point, Upload.DAY, midnight.astimezone(UTC))
    assert packet.factors["w01018"]["Avg"] == 60.0  # 50 mg/L × 1.2


def test_nothing_falls_due_before_its_period_is_over() -> None:
    timetable = a_logger(REGION.points[0]).timetable(BEGIN)
    length = {Upload.REALTIME: timedelta(), Upload.MINUTE: timedelta(minutes=10), Upload.HOUR: HOUR,
              Upload.DAY: timedelta(days=1)}  # fmt: skip
    dues: list[Due] = []
    while len(dues) < 400:
        dues.append(timetable.peek())
        timetable.pass_on(behind=timedelta(days=2))
    assert all(due.at >= due.start + length[due.upload] for due in dues)
    assert all(first.at <= second.at for first, second in pairwise(dues))
    hours = [due.start for due in dues if due.upload is Upload.HOUR]
    assert all(second - first == HOUR for first, second in pairwise(hours))


@pytest.mark.parametrize(
    ("behind", "step"),
    [(timedelta(days=2), HOUR), (timedelta(minutes=20), timedelta(minutes=20)), (timedelta(), timedelta(minutes=1))],
    ids=["while field time runs", "shortly before it meets the wall's", "at the wall's pace"],
)
def test_real_time_data_comes_every_minute_once_field_time_has_met_the_walls(
    behind: timedelta, step: timedelta
) -> None:
    timetable = a_logger(REGION.points[0]).timetable(BEGIN)
    starts: list[datetime] = []
    while len(starts) < 3:
        due = timetable.peek()
        if due.upload is Upload.REALTIME:
            starts.append(due.start)
        timetable.pass_on(behind=behind)
    assert {second - first for first, second in pairwise(starts)} == {step}


def test_no_two_frames_of_a_logger_share_a_qn() -> None:
    logger = a_logger(REGION.points[0])
    frames = [
        *logger.hello(BEGIN),
        *logger.frames(Upload.HOUR, ORIGIN, BEGIN),
        *logger.frames(Upload.DAY, ORIGIN, BEGIN),
    ]
    assert len({frame.qn for frame in frames}) == len(frames)


@pytest.mark.parametrize(
    ("start", "origin"),
    [
        (datetime(2026, 11, 20, 5, 17, tzinfo=UTC), datetime(2026, 11, 20, 6, tzinfo=UTC)),
        (datetime(2026, 11, 20, 5, 0, tzinfo=UTC), datetime(2026, 11, 20, 5, tzinfo=UTC)),
        (datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), datetime(2026, 12, 31, 16, tzinfo=UTC)),
    ],
    ids=["inside an hour", "on the hour", "a second before the year's end in Shanghai"],
)
def test_troubles_count_from_the_first_whole_hour(start: datetime, origin: datetime) -> None:
    assert origin_after(start) == origin
