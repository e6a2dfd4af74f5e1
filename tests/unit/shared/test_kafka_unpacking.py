"""Batches of records are unpacked as the library itself unpacks them, and what is no batch is corrupt, not read."""

from __future__ import annotations

from contextlib import suppress
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from shared.eventlog.kafka_unpacking import RawRecord, unpacked_records

some_bytes = st.none() | st.binary(max_size=300)
headers = st.lists(st.tuples(st.text(max_size=70), some_bytes), max_size=3)
records = st.lists(st.tuples(st.integers(0, 1 << 42), some_bytes, some_bytes, headers), min_size=1, max_size=8)


def a_batch(listed: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=1 << 20,
    )  # fmt: skip
    for offset, (timestamp, key, value, named) in enumerate(listed):
        builder.append(offset, timestamp, key, value, named)
    return bytes(builder.build())


def unpacked(data: bytes, *, check_crcs: bool = True) -> list[RawRecord]:
    drained: list[bool] = []
    part = SimpleNamespace(
        check_crcs=check_crcs, leader_epoch=0, next_fetch_offset=0, bytes_read=0, drain=lambda: drained.append(True)
    )
    found = list(unpacked_records(part, SimpleNamespace(partition=7), MemoryRecords(data)))
    assert drained == [True]
    assert part.next_fetch_offset == found[-1].offset + 1 or not check_crcs
    return found


@given(records)
def test_records_are_read_as_the_library_reads_them(
    listed: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]],
) -> None:
    data = a_batch(listed)
    theirs = list(MemoryRecords(data).next_batch())
    ours = unpacked(data)
    assert [(one.offset, one.key, one.value) for one in ours] == [(one.offset, one.key, one.value) for one in theirs]
    assert [round(one.appended_at.timestamp() * 1000) for one in ours] == [one.timestamp for one in theirs]
    named = [{name: value for name, value in one.headers if value is not None} for one in theirs]
    assert [dict(one.headers) for one in ours] == named
    assert {one.partition for one in ours} == {7}


@given(records, st.data())
def test_a_batch_with_a_changed_byte_is_corrupt(
    listed: list[tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]], data: st.DataObject
) -> None:
    batch = bytearray(a_batch(listed))
    place = data.draw(st.integers(61, len(batch) - 1))
    batch[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptRecordError):
        unpacked(bytes(batch))
    with suppress(CorruptRecordError):  # whatever the bytes say, nothing else is raised
        unpacked(bytes(batch), check_crcs=False)
