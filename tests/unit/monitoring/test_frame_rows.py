"""A record of the log as a row of the archive: what stands in its columns, and that its bytes come back from a file."""

from __future__ import annotations

import random
from base64 import b64encode
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.monitoring.domain.frame import (
    Frame,
    FrameFile,
    FrameSizes,
    PointCount,
    PointRange,
    frame_file_name,
    merged_before_s,
    merged_count,
    point_ranges,
    worth_merging,
)
from services.monitoring.domain.windows import DAY_S
from services.monitoring.handlers.frame_rows import MN_LONGEST, packet_frame, quarantined_frame
from services.monitoring.packet_record import packet_record
from services.monitoring.store import frame_files
from services.monitoring.store.frame_files import FrameSpool
from shared.domain.events import PACKETS, QUARANTINE
from shared.eventlog.codec import encode
from shared.ports import NO_HEADERS, Record
from tests.fuzz.oracle import Oracle
from tests.fuzz.records import Records
from tests.fuzz.site import Site
from tests.unit.monitoring.harness import MN, at

TAKEN = at("2026-11-20 09:00") + timedelta(milliseconds=250)
RAW = b"##0040QN=1;ST=31;CN=2011;PW=123456;MN=A110000_0001;Flag=5;CP=&&a=1&&1C80\r\n"


def of_topic(topic: str, value: bytes | None, headers: dict[str, bytes] | None = None, key: str = MN) -> Record:
    return Record(topic, 3, 17, key, value, headers or NO_HEADERS, TAKEN)


def test_a_packet_is_its_frame_with_the_password_masked() -> None:
    document = {"mn": MN, "command": "2011", "data_time": "2026-11-20T08:59:30+08:00", "factors": {}}
    made = packet_record(document, received_at=at("2026-11-20 08:59"), source="gateway", raw=RAW)
    row = packet_frame(of_topic(PACKETS, made.value, dict(made.headers)))
    assert (row.mn, row.topic, row.partition, row.offset) == (MN, PACKETS, 3, 17)
    assert (row.command, row.source, row.form, row.reason) == ("2011", "gateway", "frame", None)
    assert row.data_time_s == int(at("2026-11-20 08:59").timestamp()) + 30
    assert row.received_at_ms == int(at("2026-11-20 08:59").timestamp()) * 1_000
    assert row.logged_at_ms == int(at("2026-11-20 09:00").timestamp()) * 1_000 + 250
    assert row.raw == RAW.replace(b"123456", b"******")


def test_a_frame_that_another_producer_left_unmasked_is_masked() -> None:
    assert packet_frame(of_topic(PACKETS, b"{}", {"raw": RAW})).raw == RAW.replace(b"123456", b"******")


@pytest.mark.parametrize(
    ("value", "form", "mn"),
    [
        (b'{"mn":"B1","command":"9015","source":"http"}', "document", "B1"),
        (b'{"mn":7,"command":"9015"}', "document", MN),
        (b"[1,2]", "document", MN),
        (b'{"mn":"B1"', "other", MN),
        (b"\xff\xfe", "other", MN),
        (b"", "other", MN),
        (None, "other", MN),
        (b"[" * 100_000, "other", MN),
    ],
    ids=["a document", "wrong types", "no object", "cut", "no text", "empty", "deleted", "deep"],
)
def test_what_came_without_a_frame_stands_as_it_came_under_its_mn_or_key(
    value: bytes | None, form: str, mn: str
) -> None:
    row = packet_frame(of_topic(PACKETS, value))
    assert (row.form, row.mn, row.raw) == (form, mn, value or b"")
    assert row.received_at_ms == row.logged_at_ms


def test_what_was_quarantined_is_its_bytes_and_the_reason() -> None:
    document = {"reason": "password", "mn": MN, "raw": b64encode(RAW).decode(), "sealed_password": "s", "detail": "…"}
    row = quarantined_frame(of_topic(QUARANTINE, encode({**document, "received_at": "2026-11-20T08:00:00+08:00"})))
    assert (row.reason, row.form, row.mn) == ("password", "frame", MN)
    assert row.raw == RAW.replace(b"123456", b"******")
    assert row.received_at_ms == int(at("2026-11-20 08:00").timestamp()) * 1_000


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({"reason": "handler-error", "raw": "", "source": "monitoring:packets:1:2"}, "handler-error"),
        ({"reason": "of another", "raw": "no base64!"}, "malformed"),
        ({"raw": 5}, "malformed"),
    ],
    ids=["a record that a handler failed on", "another producer's", "wrong types"],
)
def test_a_quarantine_record_without_bytes_stands_itself_without_what_was_sealed(
    document: dict[str, object], reason: str
) -> None:
    row = quarantined_frame(of_topic(QUARANTINE, encode({**document, "sealed_password": "sealed-pw"}), key="10.0.0.1"))
    assert (row.reason, row.form, row.mn) == (reason, "document", "10.0.0.1")
    assert b"sealed-pw" not in row.raw
    assert (str(document.get("source") or "") or "{").encode() in row.raw


def test_names_without_end_or_with_signs_that_cannot_be_printed_are_cut_and_replaced() -> None:
    row = packet_frame(of_topic(PACKETS, encode({"mn": "A\x00\n" + "x" * 5_000, "source": "s" * 100})))
    assert row.mn == "A\ufffd\ufffd" + "x" * (MN_LONGEST - 3)
    assert row.source == "s" * 40


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.one_of(
    st.none(),
    st.binary(max_size=60),
    st.fixed_dictionaries(
        {},
        optional={
            "mn": TEXT | st.none() | st.integers(),
            "command": TEXT,
            "data_time": TEXT | st.just("2026-11-20T08:00:00+08:00"),
            "received_at": TEXT | st.just("0999-01-01T00:00:00+00:00"),
            "raw": TEXT | st.just(b64encode(RAW).decode()),
            "reason": TEXT,
        },
    ).map(encode),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.sampled_from([PACKETS, QUARANTINE]), VALUES, TEXT, st.none() | st.binary(max_size=60)),
        min_size=1,
        max_size=20,
    )
)
def test_whatever_a_record_holds_its_row_comes_back_from_a_file(
    tmp_path: Path, given_records: list[tuple[str, bytes | None, str, bytes | None]]
) -> None:
    rows = [
        (packet_frame if topic == PACKETS else quarantined_frame)(
            Record(topic, 0, offset, key, value, {} if raw is None else {"raw": raw}, TAKEN)
        )
        for offset, (topic, value, key, raw) in enumerate(given_records)
    ]
    spool = FrameSpool(tmp_path)
    for row in rows:
        spool.add([row])
    written = spool.write()
    spool.remove()
    found = [one for part in frame_files.read_file(written.path) for one in part]
    assert sorted(found, key=str) == sorted(rows, key=str)
    assert frame_files.content_of(written.path) == written.content
    assert [(one.mn, one.received_at_ms) for one in found] == sorted((one.mn, one.received_at_ms) for one in rows)
    assert oct(written.path.stat().st_mode)[-3:] == "600"
    written.path.unlink()
    assert list(tmp_path.iterdir()) == []


def test_the_odd_records_of_the_fuzz_come_back_from_a_file(tmp_path: Path) -> None:
    odd = Records(cast("Site", None), cast("Oracle", None))  # nothing is sent
    made = [*odd.known(), *(odd.make(random.Random(seed)) for seed in range(2_000))]
    rows = [
        (packet_frame if one.target == PACKETS else quarantined_frame)(
            Record(one.target, 0, offset, dict(one.headers)["key"].decode(), one.payload, dict(one.headers), TAKEN)
        )
        for offset, one in enumerate(made)
        if one.target in (PACKETS, QUARANTINE)
    ]
    spool = FrameSpool(tmp_path)
    spool.add(rows)
    written = spool.write()
    spool.remove()
    assert frame_files.content_of(written.path) == written.content
    assert written.content.rows == len(rows) > 800


@pytest.mark.parametrize("width", [500, 64_000])
def test_a_part_is_written_and_merged_in_bounded_memory_however_wide_its_frames_are(tmp_path: Path, width: int) -> None:
    """What is sorted is more than DuckDB may hold: then it sorts in files beside the others, and leaves none behind."""
    noise = random.Random(7)
    row = packet_frame(of_topic(PACKETS, b'{"mn":"A1"}'))
    base = {name: getattr(row, name) for name in row.__struct_fields__}
    written = []
    for part in range(4 if width == 500 else 1):
        spool = FrameSpool(tmp_path)
        for n in range(FrameSizes().part // width):
            mn, raw = f"A{n * 7919 % 977:03d}", noise.randbytes(width)
            spool.add([Frame(**{**base, "mn": mn, "offset": part * 10**6 + n, "raw": raw})])
        written.append(spool.write())
        spool.remove()
        assert frame_files.content_of(written[-1].path) == written[-1].content
    merged = frame_files.merge_files([one.path for one in written], PointRange("", "B"))
    assert merged.content.rows == sum(one.content.rows for one in written)
    order = [(one.mn, one.offset) for part in frame_files.read_file(merged.path) for one in part]
    assert order == sorted(order)
    assert {*tmp_path.iterdir()} == {merged.path, *(one.path for one in written)}


SIZES = FrameSizes(part=10, merged=100)


def a_file(size: int, rows: int = 10, name: str = "x") -> FrameFile:
    return FrameFile(name, 0, "A", "B", 0, 1, rows, size, 1, "", 0, 0)


def test_small_files_are_merged_and_large_ones_stay() -> None:
    files = [a_file(10), a_file(49), a_file(50), a_file(100)]
    assert worth_merging(files, SIZES) == files[:2]
    assert worth_merging(files[1:], SIZES) == []
    assert merged_count([a_file(70), a_file(70)], SIZES) == 2
    wide = [a_file(40_000), a_file(40_000), a_file(20_000)]
    assert (worth_merging(wide, SIZES), merged_count(wide[:1], SIZES)) == ([], 4_000)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 12))
def test_every_point_is_in_one_range_and_ranges_are_of_about_one_size(rows: list[int], files: int) -> None:
    counts = [PointCount(f"M{n:03d}", count) for n, count in enumerate(rows)]
    ranges = list(point_ranges(counts, sum(rows), files))
    assert len(ranges) <= files
    inside = [[one for one in counts if found.first_mn <= one.mn <= found.last_mn] for found in ranges]
    assert [one for part in inside for one in part] == counts
    assert all(sum(one.rows for one in part) <= sum(rows) / files + max(rows) for part in inside)


def test_a_day_is_merged_two_hours_after_its_end() -> None:
    day = int(at("2026-11-19 00:00").timestamp())
    ended = day + DAY_S + 7_200
    assert merged_before_s(ended) > day >= merged_before_s(ended - 1)
    assert frame_file_name(day, "ab" * 32) == "frames-2026-11-19-abababababababab.parquet"
