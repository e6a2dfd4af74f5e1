"""Which permit governs a point on a day, and which limits apply to it: of several for one factor the strictest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from services.monitoring.domain.plausible import PlausibleRange, plausible_range
from services.monitoring.domain.point_summary import PointSummary, shared_summary
from services.monitoring.domain.verdict import Bound
from services.monitoring.domain.windows import DAY_S, date_start_s, day_start_s, shanghai_date
from shared.domain.pollutant import OXYGEN, pollutant
from shared.domain.quantity import scale
from shared.register import Enterprise, Limit, Outlet, Permit, PermitVersion, Point

NO_REGION = "000000"  # of a point whose enterprise is not known
DAYS_KEPT = 400  # of one point
_NO_BOUNDS: Mapping[str, Bound] = {}


@dataclass(frozen=True, slots=True)
class LimitKey:
    """What a limit is of."""

    factor: str
    averaging: str


@dataclass(frozen=True, slots=True)
class ApplicableLimits:
    """What binds a point on a day: permit, outlet, and the strictest limit of each factor and averaging."""

    permit: str
    outlet: str
    outlet_name: str | None
    credit_code: str
    siblings: tuple[str, ...]  # all MNs of the outlet
    period_stamp: str  # of this point: see `period_stamp.py`
    bounds: Mapping[LimitKey, Bound]
    basis: Mapping[LimitKey, str | None]
    plausible: Mapping[str, PlausibleRange]  # of each factor that has any limit, in the unit that the point sends

    factors: frozenset[str] = field(init=False, repr=False, compare=False)  # whose values count: of limits, and oxygen
    _of: dict[str, dict[str, Bound]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "factors", frozenset({OXYGEN, *self.plausible}))
        for key, bound in self.bounds.items():
            self._of.setdefault(key.averaging, {})[key.factor] = bound

    def of(self, averaging: str) -> Mapping[str, Bound]:
        """The limits of this averaging, by factor."""
        return self._of.get(averaging, _NO_BOUNDS)


def strictest_limits(limits: Iterable[Limit]) -> dict[LimitKey, Limit]:
    """Of the limits of one factor and averaging the strictest, whatever its unit."""
    found: dict[LimitKey, Limit] = {}
    for limit in limits:
        key = LimitKey(limit.factor, limit.averaging)
        other = found.get(key)
        if other is None or limit.limit * (scale(limit.unit, other.unit) or 1) < other.limit:
            found[key] = limit
    return found


class _Governing(NamedTuple):
    """The permit and its outlet that bind a point on a day."""

    permit: Permit
    outlet: Outlet


@dataclass(slots=True)
class Site:
    """A registered point with its enterprise and the permits that may govern it."""

    point: Point
    enterprise: Enterprise | None
    permits: tuple[Permit, ...]
    _days: dict[int, ApplicableLimits | None] = field(default_factory=dict)

    def limits_at(self, at_s: int) -> ApplicableLimits | None:
        """What governs the window that starts at `at_s`; None without a permit in force then."""
        day = day_start_s(at_s) // DAY_S
        if day not in self._days:
            if len(self._days) > DAYS_KEPT:
                self._days.clear()
            self._days[day] = self._govern(shanghai_date(at_s))
        return self._days[day]

    @property
    def region(self) -> str:
        """The division of its enterprise."""
        return self.enterprise.region if self.enterprise else NO_REGION

    def summary(self) -> PointSummary:
        """What every packet of the point needs to know of it."""
        days = {version.effective_from for permit in self.permits for version in permit.versions}
        changes: list[int] = []
        for day in sorted(days):
            governing = self._governing(day)
            is_limited = governing is not None and bool(governing.outlet.limits)
            if is_limited != bool(len(changes) % 2):
                changes.append(date_start_s(day))
        return shared_summary(self.point.period_stamp, self.point.interval_s, self.region, tuple(changes))

    def names_permit_of_another(self) -> bool:
        """Whether the point names a permit that is not its enterprise's, or not known."""
        named, code = self.point.permit, self.point.credit_code
        return named is not None and not any(p.number == named and p.credit_code == code for p in self.permits)

    def _govern(self, day: date) -> ApplicableLimits | None:
        governing = self._governing(day)
        return self._binding(governing.permit, governing.outlet) if governing is not None else None

    def _governing(self, day: date) -> _Governing | None:
        found: _Governing | None = None
        for permit in self.permits:
            version = permit.in_force(day)
            outlet = self._outlet(version) if version else None
            if outlet is None:
                continue
            if self.point.mn in outlet.points:
                return _Governing(permit, outlet)
            found = found or _Governing(permit, outlet)
        return found

    def _outlet(self, version: PermitVersion) -> Outlet | None:
        listed = next((outlet for outlet in version.outlets if self.point.mn in outlet.points), None)
        if listed or self.point.outlet is None:
            return listed
        return version.outlet(self.point.outlet)

    def _binding(self, permit: Permit, outlet: Outlet) -> ApplicableLimits:
        strictest = strictest_limits(outlet.limits)
        bounds = {key: self._bound(limit) for key, limit in strictest.items()}
        return ApplicableLimits(
            permit=permit.number,
            outlet=outlet.code,
            outlet_name=outlet.name,
            credit_code=permit.credit_code,
            period_stamp=self.point.period_stamp,
            siblings=tuple(sorted({self.point.mn, *outlet.points})),
            bounds=bounds,
            basis={key: limit.basis for key, limit in strictest.items()},
            plausible={key.factor: bound.plausible for key, bound in bounds.items()},
        )

    def _bound(self, limit: Limit) -> Bound:
        sent = self.point.units.get(limit.factor) or pollutant(limit.factor).unit or limit.unit
        return Bound(limit.limit, limit.unit, sent, limit.reference_o2_pct, plausible_range(limit.factor, sent))
