"""One list of permits written in the many ways of offices: a strategy of files that all hold the same facts."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from hypothesis import strategies as st

from services.permits.importing.days import DAY_ZERO, DAY_ZERO_1904
from tests.support.product import credit_code
from tests.support.workbooks import SheetXml, inline_rows, workbook

WIDE = str.maketrans({chr(n): chr(n + 0xFEE0) for n in range(0x30, 0x3A)})
HEADERS = {
    "number": ("许可证编号", "排污许可证编号", "证书编号", "Permit_ID", "许可证号"),
    "name": ("单位名称", "企业名称", "排污单位名称", "持证单位", "FacilityName"),
    "credit_code": ("统一社会信用代码", "社会信用代码", "信用代码"),
    "category": ("管理类别", "管理类型"),
    "province": ("省份", "省/直辖市", "省（自治区、直辖市）"),
    "city": ("地市", "城市", "市（州）"),
    "validity": ("有效期限", "有效期", "许可证有效期", "起止日期"),
    "valid_from": ("有效期起", "有效期（起）", "有效期开始日期", "起始日期", "PermitValidFrom"),
    "valid_to": ("有效期止", "有效期至", "有效期截止日期", "到期日期", "PermitValidTo"),
    "note": ("备注", "联系人", "主要产品"),
}
SUFFIXES = ("", "（必填）", " ", "\n", "：", "*", "\u00a0", "\u200b", "【文本】")
DAYS = (
    "{0:%Y-%m-%d}",
    "{0:%Y/%m/%d}",
    "{0:%Y.%m.%d}",
    "{0:%Y%m%d}",
    "{0.year}年{0.month}月{0.day}日",
    "{0:%Y-%m-%d} 00:00:00",
)
PERIODS = ("{}至{}", "{} 至 {}", "{}—{}", "{}~{}", "{}到{}", "自{}起至{}止", "{} - {}", "{}-{}")
TITLES = ("XX市排污许可证名录", "填报单位：XX市生态环境局", "（截至2026年11月）", "附件1")
TOTALS = ("合计", "总计", "合　计：")
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le")
SEPARATORS = (",", "\t", ";")


@dataclass(frozen=True, slots=True)
class Fact:
    """What a row holds, however it is written."""

    number: str
    name: str
    first: date
    last: date
    category: str
    province: str
    city: str


CATEGORIES = {"重点管理": "key", "简化管理": "simplified", "登记管理": "registration"}
CITIES = {("山东省", "潍坊市"): "370700", ("内蒙古自治区", "呼和浩特市"): "150100", ("江苏省", "苏州市"): "320500"}


@st.composite
def facts(draw: st.DrawFn) -> list[Fact]:
    """One to six permits, each with its own number."""
    numbers = draw(st.lists(st.integers(0, 9_999_999), min_size=1, max_size=6, unique=True))
    return [draw(_fact(number)) for number in numbers]


@st.composite
def _fact(draw: st.DrawFn, number: int) -> Fact:
    first = draw(st.dates(date(2017, 1, 1), date(2030, 1, 1)))
    last = draw(st.dates(date(2030, 1, 2), date(2040, 1, 1)))
    province, city = draw(st.sampled_from(sorted(CITIES)))
    name = draw(st.sampled_from(["一厂", "寿光（中冶）水务有限公司", "合计化工厂", "A-1 Works"]))
    return Fact(
        f"{credit_code(number)}001P", name, first, last, draw(st.sampled_from(sorted(CATEGORIES))), province, city
    )


@st.composite
def files(draw: st.DrawFn, permits: Sequence[Fact]) -> bytes:
    """A file of these permits."""
    two_days, is_1904 = draw(st.booleans()), draw(st.booleans())
    as_workbook = draw(st.booleans())
    merged = two_days and draw(st.booleans())
    period = ["valid_from", "valid_to"] if two_days else ["validity"]
    others = draw(st.permutations(["number", "name", "category", "province", "city", "note", "credit_code", "period"]))
    columns = [name for other in others for name in (period if other == "period" else [other])]
    header = [draw(st.sampled_from(HEADERS[name])) + draw(st.sampled_from(SUFFIXES)) for name in columns]
    below: list[str] = []
    if merged:
        place = columns.index("valid_from")
        header[place : place + 2] = [draw(st.sampled_from(HEADERS["validity"][:3])), ""]
        below = [""] * len(columns)
        below[place : place + 2] = draw(
            st.sampled_from([("起", "止"), ("开始日期", "结束日期"), ("起始时间", "截止时间")])
        )
    zero = DAY_ZERO_1904 if as_workbook and is_1904 else DAY_ZERO
    rows = [[title] for title in draw(st.lists(st.sampled_from(TITLES), max_size=3))]
    rows += [header, *([below] if merged else [])]
    for permit in permits:
        rows += [[]] if draw(st.booleans()) else []
        rows.append([draw(_cell(name, permit, zero)) for name in columns])
    rows += draw(
        st.sampled_from([[], [[]], [[total, "6家"] for total in TOTALS[:1]], [["", TOTALS[2]]], [["注：以平台为准"]]])
    )
    rows = [row + [""] * (len(columns) - len(row)) for row in rows]
    if as_workbook:
        return _workbook(draw(st.booleans()), rows, is_1904=is_1904)
    return _text(rows, draw(st.sampled_from(SEPARATORS)), draw(st.sampled_from(ENCODINGS)))


@st.composite
def _cell(draw: st.DrawFn, column: str, permit: Fact, zero: date) -> str:
    if column in ("valid_from", "valid_to"):
        return draw(_noisy(draw(_day(permit.first if column == "valid_from" else permit.last, zero))))
    if column == "validity":
        days = "{0:%Y-%m-%d}" if draw(st.booleans()) else draw(st.sampled_from(DAYS[:5]))
        return draw(_noisy(draw(st.sampled_from(PERIODS)).format(days.format(permit.first), days.format(permit.last))))
    if column == "number":
        return draw(_noisy(permit.number))
    if column == "credit_code":
        return draw(_noisy(draw(st.sampled_from([permit.number[:18], ""]))))
    if column == "note":
        return draw(st.sampled_from(["", "新办", "9.5E+3", "合计", "2020-01-01"]))
    return str(getattr(permit, column)) + draw(st.sampled_from(["", " ", "\u200b", "\u00a0"]))


@st.composite
def _day(draw: st.DrawFn, day: date, zero: date) -> str:
    serial = str((day - zero).days)
    return draw(st.sampled_from([*(spelling.format(day) for spelling in DAYS), serial, f"{serial}.0", f"{serial}.5"]))


@st.composite
def _noisy(draw: st.DrawFn, text: str) -> str:
    """The text with what nobody sees, or does not mind, around it and in its digits."""
    if draw(st.integers(0, 3)) == 0:
        text = text.translate(WIDE)
    before, behind = (
        draw(st.sampled_from(["", " ", "\u00a0", "\ufeff"])),
        draw(st.sampled_from(["", " ", "\u200b", "。"])),
    )
    return before + text + (behind if text else "")


def _text(rows: Sequence[Sequence[str]], separator: str, encoding: str) -> bytes:
    made = io.StringIO(newline="")
    csv.writer(made, delimiter=separator).writerows(rows)
    return made.getvalue().encode(encoding)


def _workbook(behind_another: bool, rows: Sequence[Sequence[str]], *, is_1904: bool) -> bytes:
    written = inline_rows(*(tuple(cell.replace("&", "&amp;") for cell in row) for row in rows))
    if behind_another:
        return workbook(inline_rows(("填表说明",)), more=[SheetXml("名录", written)], is_1904=is_1904)
    return workbook(written, is_1904=is_1904)
