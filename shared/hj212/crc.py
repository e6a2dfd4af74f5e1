"""The checksum of HJ 212 (2017 Annex A, 2025 Annex A.1), and the Modbus one that some loggers send instead.

Each step drops the low byte: crc = T[(crc >> 8) ^ byte], and eight steps are the identity on the high byte. So bytes
eight apart may be XORed together first; eight table steps then finish any length. It proves less than a CRC should.
"""

from __future__ import annotations

from enum import StrEnum


class Dialect(StrEnum):
    HJ212 = "hj212"
    MODBUS = "modbus"
    MODBUS_SWAPPED = "modbus_swapped"


def _table() -> tuple[int, ...]:
    rows = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


_TABLE = _table()
_HIGH = bytes(row >> 8 for row in _TABLE)


def crc16(data: bytes | bytearray) -> int:
    """The checksum of a data segment, as the standard's bit loop gives it."""
    if not data:
        return 0xFFFF
    lanes = (len(data) + 7) >> 3
    # The start value 0xFFFF only meets the first byte.
    folded = int.from_bytes(data, "big") ^ (0xFF << ((len(data) - 1) << 3))
    while lanes > 1:
        lanes = (lanes + 1) >> 1
        width = lanes << 6
        low = folded & ((1 << width) - 1)
        folded = (folded >> width) ^ low
    high = _HIGH
    a, b, c, d, e, f, g, last = folded.to_bytes(8, "big")
    return _TABLE[high[high[high[high[high[high[high[a] ^ b] ^ c] ^ d] ^ e] ^ f] ^ g] ^ last]


def modbus(data: bytes | bytearray) -> int:
    """CRC-16/MODBUS: not the standard's, sent by some loggers."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def foreign_dialect(data: bytes | bytearray, given: int) -> Dialect | None:
    """Which other checksum `given` is, when it is not the standard's."""
    plain = modbus(data)
    if given == plain:
        return Dialect.MODBUS
    if given == (plain >> 8) | ((plain & 0xFF) << 8):
        return Dialect.MODBUS_SWAPPED
    return None
