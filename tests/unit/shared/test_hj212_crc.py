from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.hj212.crc import Dialect, crc16, foreign_dialect, modbus


def as_the_standard_prints_it(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register = (register >> 8) ^ byte
        for _ in range(8):
            out = register & 1
            register >>= 1
            if out:
                register ^= 0xA001
    return register


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=300))
def test_the_fast_checksum_equals_the_bit_loop_of_the_standard(data: bytes) -> None:
    assert crc16(data) == as_the_standard_prints_it(data)


def test_every_length_up_to_a_long_packet_is_folded_right() -> None:
    for size in (*range(70), 127, 128, 129, 1024, 1025):
        data = bytes((7 * place + size) & 0xFF for place in range(size))
        assert crc16(data) == as_the_standard_prints_it(data), size


def test_the_printed_example_gives_1c80_and_modbus_0759() -> None:
    # HJ 212-2017 Annex A; the prose below the example prints 1C08, a misprint.
    segment = b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"
    assert crc16(segment) == 0x1C80
    assert modbus(segment) == 0x0759
    assert modbus(b"123456789") == 0x4B37  # the check value every Modbus table gives


def test_a_foreign_checksum_is_named_in_either_byte_order() -> None:
    assert foreign_dialect(b"123456789", 0x4B37) is Dialect.MODBUS
    assert foreign_dialect(b"123456789", 0x374B) is Dialect.MODBUS_SWAPPED
    assert foreign_dialect(b"123456789", 0x0000) is None
