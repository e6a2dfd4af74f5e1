"""A note on one item of a packet: what was wrong with it, what stood there and what was expected.

One bad item costs itself, never its packet. Notes travel in the packet's record and are stored beside its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

NAME_LONGEST = 32  # characters kept of a factor's code and of a field's name
VALUE_LONGEST = 40  # characters kept of what stood there
EXPECTED_LONGEST = 120
_PASSWORD = re.compile(r"(PW\s*=)[^;,&]*", re.IGNORECASE)
MOST_NOTES = 64  # of one packet; what is beyond is counted in a last note


class ItemFault(StrEnum):
    """What is wrong with an item; also a metric's label."""

    EMPTY = "empty"
    NOT_A_NUMBER = "not-a-number"
    DECIMAL_COMMA = "decimal-comma"
    UNIT = "unit"
    FULL_WIDTH = "full-width"
    EXPONENT = "exponent"  # taken all the same
    TOO_LONG = "too-long"
    OUT_OF_RANGE = "out-of-range"
    DUPLICATE = "duplicate"
    NO_NAME = "no-name"
    NO_VALUE = "no-value"
    UNKNOWN_MARK = "unknown-mark"
    BAD_CODE = "bad-code"
    UNCLOSED = "unclosed"  # the last item of a CP without its closing &&
    LENGTH = "length"  # of the frame, its checksum right
    TIME_MENDED = "time-mended"
    MORE = "more"


EXPECTED = {
    ItemFault.EMPTY: "数值，如 60.1 / a decimal number such as 60.1",
    ItemFault.NOT_A_NUMBER: "数值，如 60.1 / a decimal number such as 60.1",
    ItemFault.DECIMAL_COMMA: "小数点，如 60.1 / a decimal point, such as 60.1",
    ItemFault.UNIT: "不带单位的数值 / the number without its unit",
    ItemFault.FULL_WIDTH: "半角数字 / ASCII digits",
    ItemFault.EXPONENT: "不用指数；已按所写数值采用 / no exponent; the number was taken as written",
    ItemFault.TOO_LONG: "最多 32 个字符 / at most 32 characters",
    ItemFault.OUT_OF_RANGE: "绝对值小于 1e12 / less than 1e12 in size",
    ItemFault.DUPLICATE: "每个字段一次；采用第一个 / each field once; the first was taken",
    ItemFault.NO_NAME: "名称=值 / name=value",
    ItemFault.NO_VALUE: "该因子的数值 / a value of this factor",
    ItemFault.UNKNOWN_MARK: "标准数据标记 / a data mark of HJ 212 (N, F, M, S, D, C, T, B, H)",
    ItemFault.BAD_CODE: "因子编码：字母、数字、下划线 / a factor's code of letters, digits and _",
    ItemFault.UNCLOSED: "&& 结尾；最后一项未采用 / a closing &&; the last item was not taken",
    ItemFault.MORE: "更少的异常项 / fewer bad items",
}


@dataclass(frozen=True, slots=True)
class ItemNote:
    """`factor` is empty when the note is on the packet, `field` when it is on the whole factor. All texts are bounded
    and printable, see `note`."""

    fault: ItemFault
    factor: str
    field: str
    value: str
    expected: str

    def __str__(self) -> str:
        name = "-".join(part for part in (self.factor, self.field) if part) or "packet"
        return f"{name}: {self.fault.value} {self.value!r}"


def note(fault: ItemFault, factor: str, field: str, value: str, expected: str | None = None) -> ItemNote:
    """A note with its texts bounded and made printable; `expected` None: what the fault's kind expects."""
    return ItemNote(
        fault,
        bounded(factor, NAME_LONGEST),
        bounded(field, NAME_LONGEST),
        bounded(_PASSWORD.sub(r"\1******", value), VALUE_LONGEST),
        bounded(EXPECTED.get(fault, "") if expected is None else expected, EXPECTED_LONGEST),
    )


def bounded(text: str, longest: int) -> str:
    """The text's first characters; what no screen shows stands there as U+FFFD."""
    short = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return short if short.isprintable() else "".join(char if char.isprintable() else "\ufffd" for char in short)


def limited(notes: Iterable[ItemNote]) -> tuple[ItemNote, ...]:
    """At most `MOST_NOTES`; a last one counts what is left out."""
    listed = tuple(notes)
    if len(listed) <= MOST_NOTES:
        return listed
    kept = listed[: MOST_NOTES - 1]
    return (*kept, note(ItemFault.MORE, "", "", f"{len(listed) - len(kept)} more"))
