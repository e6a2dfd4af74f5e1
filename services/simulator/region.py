"""The sample region: about 40 invented enterprises of five industries in Inner Mongolia's leagues, by seed.

Names begin with 示例 (sample); credit codes carry right check characters over an organisation code that is not given out.
Gives the documents that callers PUT; sending them is door's work.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from stdnum.cn import uscc

from shared.domain import region as divisions
from shared.register import Limit

from .trouble import Trouble, TroubleKind, excess

PROVINCE = "15"
PER_TRADE = 8
TWO_OUTLETS = 4  # so many power plants have a second stack
_WORDS = ("青原", "苍岭", "长风", "云杉", "白河", "金驼", "晴川", "朔月")
_OLD, _NEW, _SHORT = {2, 5}, {3}, {1}  # enterprises of a trade whose logger is of 2005, of 2025, sends short packets
_ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LONGEST_CP = 950  # HJ 212-2017 table 2


@dataclass(frozen=True, slots=True)
class Trade:
    """One of the region's industries: what its outlets are and must keep."""

    industry: str
    suffix: str
    medium: str
    system: str
    outlet_name: str
    limits: tuple[Limit, ...]


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

    def document(self) -> dict[str, Any]:
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

    @property
    def permit_number(self) -> str:
        return f"{self.credit_code}001P"

    def document(self) -> dict[str, Any]:
        """The body of `PUT /permits/v1/enterprises/{credit_code}`."""
        return {
            "credit_code": self.credit_code,
            "name": self.name,
            "industry": self.trade.industry,
            "region": self.region,
        }

    def permit(self) -> dict[str, Any]:
        """The body of `PUT /permits/v1/permits/{number}`."""
        city = divisions.region(f"{self.region[:4]}00").name
        return {
            "number": self.permit_number,
            "credit_code": self.credit_code,
            "category": "key",
            "valid_from": self.valid_from.isoformat(),
            "valid_to": self.valid_to.isoformat(),
            "authority": f"{city}生态环境局",
            "outlets": [self._outlet(point) for point in self.points],
            "reports": [{"kind": "annual", "due": "01-31"}],
        }

    def _outlet(self, point: SamplePoint) -> dict[str, Any]:
        return {
            "code": point.outlet,
            "medium": self.trade.medium,
            "name": f"{int(point.outlet[2:])}号{self.trade.outlet_name}",
            "points": [point.document()],
            "limits": [_limit_document(limit) for limit in point.limits],
        }


@dataclass(frozen=True, slots=True)
class SampleRegion:
    seed: int
    enterprises: tuple[SampleEnterprise, ...]

    @property
    def points(self) -> tuple[SamplePoint, ...]:
        return tuple(point for enterprise in self.enterprises for point in enterprise.points)

    def city_of(self, kind: TroubleKind) -> str:
        """The 4-digit division of the enterprise with this trouble."""
        return next(e.region[:4] for e in self.enterprises for p in e.points for t in p.troubles if t.kind is kind)


def sample_region(seed: int = 7, *, on: date) -> SampleRegion:
    """The region of this seed with permits that are valid `on` that day."""
    draw = random.Random(seed)
    counties = [code for code, found in sorted(divisions.regions().items()) if _is_county(code, found.level)]
    places = draw.sample(counties, len(TRADES) * PER_TRADE)
    made = []
    for row, trade in enumerate(TRADES):
        words = draw.sample(_WORDS, PER_TRADE)
        for column in range(PER_TRADE):
            number = row * PER_TRADE + column + 1
            made.append(
                _enterprise(number, column, f"示例{words[column]}{trade.suffix}", places.pop(), trade, draw, on)
            )
    return SampleRegion(seed, tuple(made))


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
    return SampleEnterprise(
        credit_code=credit_code(region, number),
        name=name,
        region=region,
        trade=trade,
        points=points,
        valid_from=date(on.year - 2, 1, 1),
        valid_to=date(on.year + 2, 12, 31),  # five years, 管理条例 Art. 14
    )


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
    if draw.random() < 0.5 or limit.averaging == "day":
        return ()
    return (Trouble(TroubleKind.SINGLE, limit.factor, frozenset({hour}), fraction, promised=False),)


def credit_code(region: str, number: int) -> str:
    """A unified social credit code of no real unit: its organisation code begins XXXX (GB 11714, GB 32100-2015)."""
    body = f"XXXX{number:04d}"
    check = 11 - sum(w * _ALPHABET.index(c) for w, c in zip(_ORG_WEIGHTS, body, strict=True)) % 11
    head = f"91{region}{body}{'0' if check == 11 else 'X' if check == 10 else check}"
    return f"{head}{uscc.calc_check_digit(head)}"


def _limit_document(limit: Limit) -> dict[str, Any]:
    reference = limit.reference_o2_pct
    return {
        "factor": limit.factor,
        "averaging": limit.averaging,
        "limit": str(limit.limit),
        "unit": limit.unit,
        "reference_o2_pct": None if reference is None else str(reference),
        "basis": limit.basis,
    }


_DUST, _SO2, _NOX, _COD, _NH3N = "a34013", "a21026", "a21002", "w01018", "w21003"


def _air(basis: str, reference: str | None, *, dust: str, so2: str, nox: str) -> tuple[Limit, ...]:
    o2 = None if reference is None else Decimal(reference)
    values = {_DUST: dust, _SO2: so2, _NOX: nox}
    return tuple(Limit(factor, "hour", Decimal(value), "mg/m3", o2, basis) for factor, value in values.items())


def _water(basis: str, *, cod: str, nh3n: str) -> tuple[Limit, ...]:
    values = {_COD: cod, _NH3N: nh3n}
    return tuple(Limit(factor, "day", Decimal(value), "mg/L", None, basis) for factor, value in values.items())


POWER = _air("GB 13223-2011 表1", "6", dust="30", so2="100", nox="100")
HEAT = _air("GB 13271-2014 表2", "9", dust="50", so2="300", nox="300")
CEMENT = _air("GB 4915-2013 表1", "10", dust="30", so2="200", nox="400")
COKE = _air("GB 16171-2012 表5", None, dust="30", so2="50", nox="500")
SEWAGE = _water("GB 18918-2002 一级A", cod="50", nh3n="5")
TRADES = (
    Trade("D4411", "热电有限公司", "air", "31", "锅炉烟囱", POWER),
    Trade("D4430", "供热有限公司", "air", "31", "锅炉烟囱", HEAT),
    Trade("C3011", "水泥有限公司", "air", "31", "窑尾烟囱", CEMENT),
    Trade("C2521", "焦化有限公司", "air", "31", "焦炉烟囱", COKE),
    Trade("D4620", "污水处理有限公司", "water", "32", "总排口", SEWAGE),
)
PROMISED = {
    ("D4411", 0): (excess(TroubleKind.LASTING, _SO2, {1, 2, 3}, 1.25),),
    ("D4411", 1): (Trouble(TroubleKind.OXYGEN, _NOX, frozenset({0, 1})),),
    ("D4430", 0): (excess(TroubleKind.GRAVE, _NOX, {0}, 2.3),),
    ("D4430", 1): (Trouble(TroubleKind.SILENT, _NOX, frozenset(range(6, 30))),),
    ("C3011", 0): (excess(TroubleKind.REPEATED, _DUST, {0, 2, 4}, 1.3),),
    ("C3011", 1): (excess(TroubleKind.NEARING, _NOX, {0, 1, 2}, 0.93),),
    ("C2521", 0): (excess(TroubleKind.SINGLE, _SO2, {1}, 1.2),),
    ("C2521", 1): (Trouble(TroubleKind.FAULT, _SO2, frozenset({1, 2})),),
    ("D4620", 0): (excess(TroubleKind.DAY, _COD, frozenset(range(-48, 31)), 1.2),),
}
