"""The sample region: 40 invented enterprises of five industries all over Inner Mongolia, and a district of 14 of one class
in one county, by seed.

Names begin with 示例 (sample); credit codes carry right check characters over an organisation code that is not given out.
Gives the documents that callers PUT; sending them is the API client's work.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date

from stdnum.cn import uscc

from shared.domain import region as divisions
from shared.domain.json import JsonObject
from shared.register import Limit

from .terms import PLACED, Term, validity
from .trades import COD, DISTRICT_TRADE, DUST, NOX, SO2, TRADES, Trade, limit_document
from .trouble import Trouble, TroubleKind, excess

PROVINCE = "15"
PER_TRADE, IN_DISTRICT = 8, 14
TWO_OUTLETS = 4  # so many power plants have a second stack
_WORDS = ("青原", "苍岭", "长风", "云杉", "白河", "金驼", "晴川", "朔月")
_DISTRICT_WORDS = (*_WORDS, "远山", "碧泉", "红柳", "银峰", "北斗", "沙枣")
_OLD, _NEW, _SHORT = {2, 5}, {3}, {1}  # enterprises of a trade whose logger is of 2005, of 2025, sends short packets
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LONGEST_CP = 950  # HJ 212-2017 table 2


@dataclass(frozen=True, slots=True)
class SamplePoint:
    """One data logger. `generation`: the year of the HJ 212 it speaks."""

    mn: str
    password: str
    system: str
    generation: int
    outlet: str
    limits: tuple[Limit, ...]
    troubles: tuple[Trouble, ...] = ()
    longest_cp: int = LONGEST_CP

    def document(self) -> JsonObject:
        return {"mn": self.mn, "system": self.system, "password": self.password, "interval_s": 60}


@dataclass(frozen=True, slots=True)
class SampleEnterprise:
    credit_code: str
    name: str
    region: str
    trade: Trade
    points: tuple[SamplePoint, ...]
    valid_from: date
    valid_to: date
    term: Term = Term.LONG

    @property
    def permit_number(self) -> str:
        return f"{self.credit_code}001P"

    def document(self) -> JsonObject:
        """The body of `PUT /permits/v1/enterprises/{credit_code}`."""
        return {
            "credit_code": self.credit_code,
            "name": self.name,
            "industry": self.trade.industry,
            "region": self.region,
        }

    def permit(self, *, applied_on: date | None = None) -> JsonObject:
        """The body of `PUT /permits/v1/permits/{number}`; `applied_on`: of an application to renew it."""
        city = divisions.region(f"{self.region[:4]}00").name
        return {
            "number": self.permit_number,
            "credit_code": self.credit_code,
            "category": "key",
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat(),
            "authority": f"{city}生态环境局",
            "renewal_applied_on": applied_on.isoformat() if applied_on else None,
            "outlets": [self._outlet(point) for point in self.points],
            "reports": [{"kind": "annual", "due": "01-31"}],
        }

    def _outlet(self, point: SamplePoint) -> JsonObject:
        return {
            "code": point.outlet,
            "medium": self.trade.medium,
            "name": f"{int(point.outlet[2:])}号{self.trade.outlet_name}",
            "points": [point.document()],
            "limits": [limit_document(limit) for limit in point.limits],
        }


@dataclass(frozen=True, slots=True)
class SampleRegion:
    """`on`: the day as of which permits stand as they do; `district`: the county of the 14."""

    seed: int
    on: date
    district: str
    enterprises: tuple[SampleEnterprise, ...]

    @property
    def points(self) -> tuple[SamplePoint, ...]:
        return tuple(point for enterprise in self.enterprises for point in enterprise.points)

    @property
    def peers(self) -> tuple[SampleEnterprise, ...]:
        """The district's enterprises: all of one class."""
        return tuple(one for one in self.enterprises if one.trade is DISTRICT_TRADE)

    def with_term(self, term: Term) -> SampleEnterprise | None:
        """The first enterprise whose permit stands so."""
        return next((one for one in self.enterprises if one.term is term), None)

    def city_of(self, kind: TroubleKind) -> str:
        """The 4-digit division of the enterprise with this trouble."""
        return next(e.region[:4] for e in self.enterprises for p in e.points for t in p.troubles if t.kind is kind)


def sample_region(seed: int = 7, *, on: date) -> SampleRegion:
    """The region of this seed with permits that are valid, or run out, as they shall `on` that day."""
    draw = random.Random(seed)
    counties = [code for code, found in sorted(divisions.regions().items()) if _is_county(code, found.level)]
    *places, district = draw.sample(counties, len(TRADES) * PER_TRADE + 1)
    made: list[SampleEnterprise] = []
    for trade in TRADES:
        for column, word in enumerate(draw.sample(_WORDS, PER_TRADE)):
            made.append(_enterprise(len(made) + 1, column, f"示例{word}{trade.suffix}", places.pop(), trade, draw, on))
    for column, word in enumerate(draw.sample(_DISTRICT_WORDS, IN_DISTRICT)):
        name = f"示例{word}{DISTRICT_TRADE.suffix}"
        made.append(_enterprise(len(made) + 1, column, name, district, DISTRICT_TRADE, draw, on))
    return SampleRegion(seed, on, district, tuple(made))


def _is_county(code: str, level: str) -> bool:
    return level == "county" and code.startswith(PROVINCE) and code[4] in "028"


def _enterprise(
    number: int, column: int, name: str, region: str, trade: Trade, draw: random.Random, on: date
) -> SampleEnterprise:
    prefix = "DW" if trade.medium == "water" else "DA"
    outlets = 2 if trade.industry == "D4411" and column < TWO_OUTLETS else 1
    points = tuple(
        _point(number, column, region, f"{prefix}{outlet:03d}", trade, draw) for outlet in range(1, outlets + 1)
    )
    term = PLACED.get((trade.industry, column), Term.LONG)
    valid_from, valid_to = validity(term, on)
    return SampleEnterprise(credit_code(region, number), name, region, trade, points, valid_from, valid_to, term)


def _point(number: int, column: int, region: str, outlet: str, trade: Trade, draw: random.Random) -> SamplePoint:
    generation = 2005 if column in _OLD else 2025 if column in _NEW else 2017
    tail = f"{draw.getrandbits(40):010X}"
    mn = f"{region}{number:05d}{outlet[-3:]}" if generation == 2005 else f"{region}{number:05d}{outlet[-3:]}{tail}"
    first = outlet.endswith("001")
    return SamplePoint(
        mn=mn,
        password=f"{draw.randrange(10**6):06d}",
        system=trade.system,
        generation=generation,
        outlet=outlet,
        limits=trade.limits,
        troubles=(PROMISED.get((trade.industry, column)) or _background(trade, draw)) if first else (),
        longest_cp=480 if column in _SHORT else LONGEST_CP,
    )


def _background(trade: Trade, draw: random.Random) -> tuple[Trouble, ...]:
    """Now and then an hour over the limit, so that the stream goes on living."""
    limit, hour, fraction = draw.choice(trade.limits), draw.randrange(9, 60), draw.uniform(1.05, 1.4)
    if draw.random() < 0.5 or limit.averaging == "day" or trade is DISTRICT_TRADE:
        return ()
    return (Trouble(TroubleKind.SINGLE, limit.factor, frozenset({hour}), fraction, promised=False),)


def credit_code(region: str, number: int) -> str:
    """A unified social credit code of no real unit: its organisation code begins XXXX (GB 11714, GB 32100-2015)."""
    body = f"XXXX{number:04d}"
    check = 11 - sum(w * _ALPHABET.index(c) for w, c in zip(_ORG_WEIGHTS, body, strict=True)) % 11
    head = f"91{region}{body}{'0' if check == 11 else 'X' if check == 10 else check}"
    return f"{head}{uscc.calc_check_digit(head)}"


PROMISED = {
    ("D4411", 0): (excess(TroubleKind.LASTING, SO2, {1, 2, 3}, 1.25),),
    ("D4411", 1): (Trouble(TroubleKind.OXYGEN, NOX, frozenset({0, 1})),),
    ("D4430", 0): (excess(TroubleKind.GRAVE, NOX, {0}, 2.3),),
    ("D4430", 1): (Trouble(TroubleKind.SILENT, NOX, frozenset(range(6, 30))),),
    ("C3011", 0): (excess(TroubleKind.REPEATED, DUST, {0, 2, 4}, 1.3),),
    ("C3011", 1): (excess(TroubleKind.NEARING, NOX, {0, 1, 2}, 0.93),),
    ("C2521", 0): (excess(TroubleKind.SINGLE, SO2, {1}, 1.2),),
    ("C2521", 1): (Trouble(TroubleKind.FAULT, SO2, frozenset({1, 2})),),
    ("D4620", 0): (excess(TroubleKind.DAY, COD, frozenset(range(-48, 31)), 1.2),),
    (DISTRICT_TRADE.industry, 1): (excess(TroubleKind.COMMON, DUST, {1}, 1.2),),
    (DISTRICT_TRADE.industry, 6): (excess(TroubleKind.COMMON, DUST, {1}, 1.3),),
    (DISTRICT_TRADE.industry, 11): (excess(TroubleKind.COMMON, DUST, {1}, 1.4),),
}
