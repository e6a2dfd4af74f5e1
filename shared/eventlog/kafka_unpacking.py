"""How fetched batches become records: in the place of kafka-python 3.0.12's own unpacking, which takes some ten calls a record
and most of a consumer's time. What is unpacked here is the record batch of KIP-98 (magic 2); an older one is the library's.

A header's name that is no UTF-8 is corrupt to the library, and the partition stands still for ever: here the bytes of such a
name that are no ASCII become `?`, and the record is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from kafka import KafkaConsumer
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError
from kafka.record.util import decode_varint

from shared.ports import NO_HEADERS

MOST_NAMES = 1_000  # header names remembered
_names: dict[bytes, str] = {}


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as Kafka has it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    appended_at: datetime


class _Batch(Protocol):
    """What we stand on of the library's batch."""

    _buffer: bytearray
    _pos: int
    magic: int
    base_offset: int
    next_offset: int
    leader_epoch: int
    size_in_bytes: int
    records_count: int
    is_control_batch: bool
    timestamp_type: int
    first_timestamp: int
    max_timestamp: int

    def validate_crc(self) -> bool: ...

    def _maybe_uncompress(self) -> None: ...

    def __iter__(self) -> Iterator[_OldRecord]: ...


class _OldRecord(Protocol):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


class _Batches(Protocol):
    def next_batch(self) -> _Batch | None: ...


class _Place(Protocol):
    partition: int


class _PartitionRecords(Protocol):
    """What we stand on of the library's fetched part of a partition."""

    check_crcs: bool
    leader_epoch: int
    next_fetch_offset: int
    bytes_read: int

    def drain(self) -> None: ...


def unpack_quickly(consumer: KafkaConsumer) -> None:
    """Have this consumer unpack its records so; those that others make in this process are the library's."""
    consumer._fetcher.PartitionRecords = _PartitionRecordsOfOurs


def unpacked_records(
    part: _PartitionRecords, place: _Place, batches: _Batches, *_deserializers: object
) -> Iterator[RawRecord]:
    """The records of these batches; stands in for the library's own method."""
    while (batch := batches.next_batch()) is not None:
        if part.check_crcs and not batch.validate_crc():
            raise CorruptRecordError(f"the batch at offset {batch.base_offset} has another checksum than it says")
        if batch.magic != 2:
            for old in batch:
                part.next_fetch_offset = old.offset + 1
                yield RawRecord(place.partition, old.offset, old.key, old.value, NO_HEADERS, _time(old.timestamp))
            continue
        part.leader_epoch = batch.leader_epoch
        part.bytes_read += batch.size_in_bytes
        if not batch.is_control_batch:
            for record in _records(batch, place.partition):
                part.next_fetch_offset = record.offset + 1
                yield record
        part.next_fetch_offset = batch.next_offset  # the last records of a compacted batch may be gone
    part.drain()


def _records(batch: _Batch, partition: int) -> list[RawRecord]:
    """All records of a batch. Long, and with its numbers read in place: a call for each would cost more than all the rest."""
    batch._maybe_uncompress()
    try:
        return _parsed(bytes(batch._buffer), batch._pos, batch, partition)
    except (ValueError, IndexError) as wrong:
        raise CorruptRecordError(f"the batch at offset {batch.base_offset} cannot be read: {wrong!r}") from wrong


def _parsed(data: bytes, pos: int, batch: _Batch, partition: int) -> list[RawRecord]:
    first, base = batch.first_timestamp, batch.base_offset
    appended = (
        _time(batch.max_timestamp) if batch.timestamp_type else None
    )  # the broker's own time is one for the batch
    found = []
    for _ in range(batch.records_count):
        size, pos = _varint(data, pos)
        end = pos + size
        delta, pos = _varint(data, pos + 1)  # past the attributes
        at = appended if appended is not None else _time(first + delta)
        delta, pos = _varint(data, pos)
        key = value = None
        if (size := data[pos]) < 0x80 and not size & 1:
            pos, size = pos + 1, size >> 1
        else:
            size, pos = _varint(data, pos)
        if size >= 0:
            key, pos = data[pos : pos + size], pos + size
        size, pos = _varint(data, pos)
        if size >= 0:
            value, pos = data[pos : pos + size], pos + size
        headers, pos = _headers(data, pos) if data[pos] else (NO_HEADERS, pos + 1)
        if pos != end:
            raise ValueError(f"a record ends {pos - end} bytes beside its end")
        found.append(RawRecord(partition, base + delta, key, value, headers, at))
    if pos != len(data):
        raise ValueError(f"{len(data) - pos} bytes after the last record")
    return found


def _headers(data: bytes, pos: int) -> tuple[dict[str, bytes], int]:
    """The headers that begin at `pos`, without those that have no value, and where they end."""
    found: dict[str, bytes] = {}
    count, pos = _varint(data, pos)
    if count < 0:
        raise ValueError(f"{count} headers")
    for _ in range(count):
        if (size := data[pos]) < 0x80 and not size & 1:
            pos, size = pos + 1, size >> 1
        else:
            size, pos = _varint(data, pos)
        if size < 0:
            raise ValueError(f"a header name of {size} bytes")
        name, pos = data[pos : pos + size], pos + size
        if (size := data[pos]) < 0x80 and not size & 1:
            pos, size = pos + 1, size >> 1
        else:
            size, pos = _varint(data, pos)
        if size >= 0:
            found[_names.get(name) or _name(name)] = data[pos : pos + size]
            pos += size
    return found, pos


def _varint(data: bytes, pos: int) -> tuple[int, int]:
    """The number at `pos` and where it ends; of one or two bytes, as nearly all are, at once."""
    low = data[pos]
    if low < 0x80:
        return (low >> 1) ^ -(low & 1), pos + 1
    high = data[pos + 1]
    if high < 0x80:
        low = (low & 0x7F) | (high << 7)
        return (low >> 1) ^ -(low & 1), pos + 2
    number, pos = decode_varint(data, pos)
    return number, pos


def _name(name: bytes) -> str:
    """The text of a header's name; what is no ASCII becomes `?` where it is no UTF-8."""
    try:
        text = name.decode()
    except UnicodeDecodeError:
        text = bytes(byte if byte < 0x80 else ord("?") for byte in name).decode()
    if len(_names) < MOST_NAMES:
        _names[name] = text
    return text


def _time(timestamp_ms: int) -> datetime:
    """A time for which there is no date, as a producer may write it, counts as 1970: it stops nothing."""
    try:
        return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


class _PartitionRecordsOfOurs(Fetcher.PartitionRecords):  # type: ignore[misc]  # kafka-python ships no types
    _unpack_records = unpacked_records
