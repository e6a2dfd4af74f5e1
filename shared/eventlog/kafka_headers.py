"""Header names of Kafka records that are no UTF-8: kafka-python 3.0.12 calls the whole batch corrupt, and the partition
stands still for ever. Here the bytes that are no ASCII in such a name become `?`, and the record is read.
"""

from __future__ import annotations

from typing import Protocol

from kafka.record.default_records import DefaultRecordBatch
from kafka.record.util import decode_varint


class Batch(Protocol):
    """What we stand on of the library's batch: its bytes, and where the next record begins."""

    _buffer: bytearray
    _pos: int


_read_strictly = DefaultRecordBatch._read_msg


def _read_msg(batch: Batch) -> object:
    """The next record of `batch`; stands in for the library's own method."""
    try:
        return _read_strictly(batch)
    except UnicodeDecodeError:
        _mend_names(batch._buffer, batch._pos)
        return _read_strictly(batch)


def _mend_names(buffer: bytearray, pos: int) -> None:
    """Replace what is no ASCII in the header names of the record that begins at `pos` (KIP-98 layout)."""
    for _ in range(4):  # length, attributes, timestamp and offset
        _, pos = decode_varint(buffer, pos)
    for _ in range(2):  # key and value
        size, pos = decode_varint(buffer, pos)
        pos += max(size, 0)
    count, pos = decode_varint(buffer, pos)
    for _ in range(count):
        size, pos = decode_varint(buffer, pos)
        buffer[pos : pos + size] = bytes(byte if byte < 0x80 else ord("?") for byte in buffer[pos : pos + size])
        size, pos = decode_varint(buffer, pos + size)
        pos += max(size, 0)


def read_odd_header_names() -> None:
    """Have all consumers of this process read such records."""
    DefaultRecordBatch._read_msg = _read_msg
