"""Which column of a list is which: names of headers as offices write them, in one row or in two.

A header is compared without spaces, line breaks, marks and case, first with the words of its brackets (有效期（起）), then
without them (许可证编号（必填）).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

from services.permits.importing.cleaning import INVISIBLE

HEADERS: Mapping[str, str] = {  # our name → texts of headers, apart by spaces; those of "" are known and not read
    "number": (
        "permitid permitno permitnumber 许可证编号 排污许可证编号 证书编号 许可证号 排污许可证号 许可编号 排污许可编号 证件编号 "
        "登记编号 排污登记编号 证书号 发证编号"
    ),
    "name": (
        "facilityname companyname enterprisename 单位名称 企业名称 排污单位名称 排污单位 企业 单位 持证单位 持证单位名称 "
        "公司名称 企业单位名称 单位企业名称 排污企业名称 排污企业 企业全称 单位全称 名称 申请单位名称 排污者名称 "
        "持证者名称 持证人名称"
    ),
    "credit_code": (
        "creditcode socialcreditcode unifiedsocialcreditcode uscc 统一社会信用代码 社会信用代码 信用代码 统一信用代码 "
        "统一社会信用编码 统一社会信用代码号 企业统一社会信用代码 单位统一社会信用代码 社会统一信用代码 企业信用代码"
    ),
    "industry": (
        "industryname industry 行业类别 行业名称 行业 所属行业 行业类型 行业类别名称 主要行业类别 国民经济行业类别 国民经济行业 "
        "所属行业类别"
    ),
    "industry_code": "gbtcode industrycode 行业代码 行业类别代码 国民经济行业代码 行业编码",
    "province": (
        "provincecode province 省/直辖市 省份 省 省直辖市 省区市 所在省 所在省份 所属省份 省级 省名称 省自治区直辖市"
    ),
    "city": "city 地市 城市 市 地级市 设区市 所在市 所属地市 所在地市 市级 市州 地州市",
    "county": "county 区县 县区 区/县 县/区 县 区 县市区 所在区县 所属区县 区县名称",
    "issued_on": "issuedon issuedate 发证日期 发证时间 核发日期 核发时间 颁发日期 首次发证日期 首次发证时间 发证日",
    "category": "category 管理类别 管理类型 许可管理类别 排污许可管理类别 管理等级 排污管理类别",
    "latitude": "latitude lat 纬度 中心纬度 生产经营场所中心纬度",
    "longitude": "longitude lon lng 经度 中心经度 生产经营场所中心经度",
    "valid_from": "permitvalidfrom validfrom startdate",
    "valid_to": "permitvalidto validto validuntil enddate expirydate expireson",
    "validity": "validity validityperiod",
    "": (
        "序号 操作 查看 备注 编号 地址 生产经营场所地址 注册地址 单位地址 企业地址 联系人 联系电话 法定代表人 发证机关 "
        "countryiso3 lastverifiedat no"
    ),
}
NAMED: Mapping[str, str] = {text: name for name, texts in HEADERS.items() for text in texts.split()}
_OF = r"(?:排污许可证?|许可证?|证书)?"
_TERM = r"有效(?:期限|期间|期|日期|时间)"
_DAY = r"(?:日期|时间|日)?"
PATTERNS: Sequence[tuple[str, re.Pattern[str]]] = (
    ("number", re.compile(r"(?:排污)?许可证?(?:书|证书)?(?:信息)?(?:编号|号码|号)")),
    ("validity", re.compile(rf"{_OF}(?:{_TERM}|(?:{_TERM})?(?:起止|起讫|起至){_DAY})|有效期限?自至")),
    ("valid_from", re.compile(rf"{_OF}(?:{_TERM}|有效)?(?:的)?(?:起始|开始|生效|起|始|自|从){_DAY}")),
    ("valid_to", re.compile(rf"{_OF}(?:{_TERM}|有效)?(?:的)?(?:截止|终止|结束|届满|到期|失效|止){_DAY}")),
    ("valid_to", re.compile(rf"{_OF}(?:{_TERM}|有效)(?:至|到){_DAY}")),
)
BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|【[^【】]*】|〔[^〔〕]*〕|<[^<>]*>")
MARKS = re.compile(r"""[\s()\[\]【】〔〕<>*:_\-"'“”‘’、。]""")
HEADER_CHARACTERS = 60  # a longer cell is no name of a column
REST = "validity_rest"  # a column without a header behind the period: its second day, where the header is merged
OFFICIAL_ORDER = ("province", "city", "number", "name", "industry", "validity", "issued_on", "category")


@lru_cache(maxsize=4096)
def column_named(text: str) -> str | None:
    """Our name of the column with this header; "" for one that is known and not read, None for any other text."""
    if len(text) > HEADER_CHARACTERS:
        return None
    shown = unicodedata.normalize("NFKC", text.translate(INVISIBLE)).lower()
    for candidate in (shown, *_without_one(shown), BRACKETED.sub("", shown)):
        found = _named(MARKS.sub("", candidate))
        if found is not None:
            return found
    return None


def _without_one(text: str) -> Iterator[str]:
    """The header without one of its brackets each time: of 有效期（起）（必填） the first belongs to the name."""
    return (text[: found.start()] + text[found.end() :] for found in BRACKETED.finditer(text))


def _named(text: str) -> str | None:
    found = NAMED.get(text)
    if found is not None or not text:
        return found
    return next((name for name, pattern in PATTERNS if pattern.fullmatch(text)), None)


@dataclass(frozen=True, slots=True)
class Columns:
    """Our names of a list's columns in their order, None where it has none that is read."""

    names: tuple[str | None, ...]
    width: int  # cells of the header, ignored ones included

    def holds_number(self, texts: Sequence[str]) -> bool:
        """Whether a digit stands where the permit number does: no header has one there."""
        return any(
            name == "number" and any(map(str.isdigit, text)) for name, text in zip(self.names, texts, strict=False)
        )

    @property
    def known(self) -> int:
        """How many of the columns are read."""
        return len({name for name in self.names if name})

    def missing(self) -> tuple[str, ...]:
        """What a list cannot be read without."""
        names = set(self.names)
        lacking = [] if "number" in names else ["许可证编号 / permit number"]
        if "validity" not in names and names.isdisjoint(("valid_from", "valid_to")):
            lacking.append("有效期限 / validity")
        elif "validity" not in names:
            lacking += [] if "valid_from" in names else ["有效期起 / first day of validity"]
            lacking += [] if "valid_to" in names else ["有效期止 / last day of validity"]
        return tuple(lacking)

    @property
    def complete(self) -> bool:
        return not self.missing()

    def cells(self, texts: Sequence[str]) -> dict[str, str]:
        """The cells of a row by column. Of two columns of one name the first that is filled counts."""
        found: dict[str, str] = {}
        for name, text in zip(self.names, texts, strict=False):
            if not name:
                continue
            if name == REST:
                found[name] = found.get(name, "") + text.strip()
            elif not found.get(name, "").strip():
                found[name] = text
        return found


def header_of(cells: Sequence[str]) -> Columns:
    """The columns that a row names."""
    return _columns([column_named(cell) for cell in cells], cells)


def header_of_two(above: Sequence[str], below: Sequence[str]) -> Columns:
    """The columns that two rows name together: a merged cell above (有效期限) stands over several below (起, 止)."""
    names: list[str | None] = []
    group = ""
    for upper, lower in zip_longest(above, below, fillvalue=""):
        group = upper if upper.strip() else group
        if lower.strip():
            together = column_named(group + lower)
            names.append(column_named(lower) if together is None else together)
        else:
            names.append(column_named(upper) if upper.strip() else None)
    return _columns(names, [upper + lower for upper, lower in zip_longest(above, below, fillvalue="")])


def _columns(names: Sequence[str | None], headers: Sequence[str]) -> Columns:
    marked = list(names)
    for place in range(1, len(marked)):
        if not headers[place].strip() and marked[place - 1] in ("validity", REST):
            marked[place] = REST
    width = max((place for place, header in enumerate(headers, start=1) if header.strip()), default=0)
    width = max([width, *(place for place, name in enumerate(marked, start=1) if name)])
    return Columns(tuple(marked), width)
