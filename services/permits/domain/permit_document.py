"""What one version of a permit says (排污许可证), as it is kept. None: nobody has reported it yet; an empty tuple: there is none.

Numbers that decide are text. Whether a document is right is `document`'s affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class OutletPoint:
    """A monitoring point at an outlet. `system`: ST of HJ 212, e.g. 31."""

    mn: str
    system: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitLimit:
    """A permitted concentration (许可排放浓度限值). `averaging`: hour or day; `reference_o2_pct` None: no conversion."""

    factor: str
    averaging: str
    limit: str
    unit: str
    reference_o2_pct: str | None = None
    basis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnualAmount:
    """A permitted annual amount (许可排放量)."""

    factor: str
    year: int
    tonnes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitOutlet:
    """An outlet (排放口). `medium`: air or water."""

    code: str
    medium: str | None = None
    name: str | None = None
    points: tuple[OutletPoint, ...] | None = None
    limits: tuple[PermitLimit, ...] | None = None
    annual_amounts: tuple[AnnualAmount, ...] | None = None

    @property
    def mns(self) -> tuple[str, ...]:
        return tuple(point.mn for point in self.points or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportDuty:
    """A duty to report (执行报告). `due`: MM-DD or DD."""

    kind: str
    due: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitDocument:
    """The whole document. `category`: key, simplified or registration; `renewal_refused_on`: the application was withdrawn or
    refused."""

    number: str
    credit_code: str
    category: str | None = None
    valid_from: date
    valid_to: date
    authority: str | None = None
    renewal_applied_on: date | None = None
    renewal_accepted_on: date | None = None
    renewal_refused_on: date | None = None
    outlets: tuple[PermitOutlet, ...] | None = None
    reports: tuple[ReportDuty, ...] | None = None

    @property
    def outlet_codes(self) -> frozenset[str]:
        return frozenset(outlet.code for outlet in self.outlets or ())

    @property
    def mns(self) -> tuple[str, ...]:
        """The MNs of all its points."""
        return tuple(mn for outlet in self.outlets or () for mn in outlet.mns)
