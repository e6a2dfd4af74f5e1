"""The industries of the sample region: what an outlet of each is called and which limits it must keep."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.domain.json import JsonObject
from shared.register import Limit


@dataclass(frozen=True, slots=True)
class Trade:
    """One of the region's industries: what its outlets are and must keep."""

    industry: str
    suffix: str
    medium: str
    system: str
    outlet_name: str
    limits: tuple[Limit, ...]


def limit_document(limit: Limit) -> JsonObject:
    reference = limit.reference_o2_pct
    return {
        "factor": limit.factor,
        "averaging": limit.averaging,
        "limit": str(limit.limit),
        "unit": limit.unit,
        "reference_o2_pct": None if reference is None else str(reference),
        "basis": limit.basis,
    }


DUST, SO2, NOX, COD, NH3N = "a34013", "a21026", "a21002", "w01018", "w21003"


def _air(
    basis: str, reference: str | None, *, dust: str, so2: str | None = None, nox: str | None = None
) -> tuple[Limit, ...]:
    o2 = None if reference is None else Decimal(reference)
    values = {DUST: dust, SO2: so2, NOX: nox}
    return tuple(Limit(factor, "hour", Decimal(value), "mg/m3", o2, basis) for factor, value in values.items() if value)


def _water(basis: str, *, cod: str, nh3n: str) -> tuple[Limit, ...]:
    values = {COD: cod, NH3N: nh3n}
    return tuple(Limit(factor, "day", Decimal(value), "mg/L", None, basis) for factor, value in values.items())


POWER = _air("GB 13223-2011 表1", "6", dust="30", so2="100", nox="100")
HEAT = _air("GB 13271-2014 表2", "9", dust="50", so2="300", nox="300")
CEMENT = _air("GB 4915-2013 表1", "10", dust="30", so2="200", nox="400")
COKE = _air("GB 16171-2012 表5", None, dust="30", so2="50", nox="500")
SEWAGE = _water("GB 18918-2002 一级A", cod="50", nh3n="5")
FERROALLOY = _air("GB 28666-2012 表5", None, dust="50")
TRADES = (
    Trade("D4411", "热电有限公司", "air", "31", "锅炉烟囱", POWER),
    Trade("D4430", "供热有限公司", "air", "31", "锅炉烟囱", HEAT),
    Trade("C3011", "水泥有限公司", "air", "31", "窑尾烟囱", CEMENT),
    Trade("C2521", "焦化有限公司", "air", "31", "焦炉烟囱", COKE),
    Trade("D4620", "污水处理有限公司", "water", "32", "总排口", SEWAGE),
)
DISTRICT_TRADE = Trade("C3140", "铁合金有限公司", "air", "31", "电炉烟囱", FERROALLOY)
