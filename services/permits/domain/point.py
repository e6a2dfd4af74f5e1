"""Monitoring points: whose an MN is, and what registering it again changes.

Pure. A point's settings and password belong to the point, not to a version of its permit; what a later registration
does not give stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

PERIOD_STAMP = "start"  # HJ 212-2017 table 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSettings:
    """How a device sends. `system`: ST of HJ 212; `strict`: frames without CRLF are refused; `units`: factor → unit sent;
    `period_stamp`: DataTime of a mean is the `start` of its period, as HJ 212 has it, or its `end`."""

    system: str
    strict: bool = False
    interval_s: int = 60
    units: Mapping[str, str] = field(default_factory=dict)
    dialect: str = "hj212"
    period_stamp: str = PERIOD_STAMP


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenSettings:
    """The settings that a registration gives; None: not given."""

    system: str
    strict: bool | None = None
    interval_s: int | None = None
    units: Mapping[str, str] | None = None
    dialect: str | None = None
    period_stamp: str | None = None

    def over(self, former: PointSettings) -> PointSettings:
        """`former` with what is given."""
        return PointSettings(
            system=self.system,
            strict=former.strict if self.strict is None else self.strict,
            interval_s=former.interval_s if self.interval_s is None else self.interval_s,
            units=former.units if self.units is None else self.units,
            dialect=former.dialect if self.dialect is None else self.dialect,
            period_stamp=former.period_stamp if self.period_stamp is None else self.period_stamp,
        )

    def over_defaults(self) -> PointSettings:
        return self.over(PointSettings(system=self.system))


@dataclass(frozen=True, slots=True)
class Registration:
    """A point as registered. `password` is in clear here and sealed in rows and on the log; None: not checked."""

    mn: str
    credit_code: str
    outlet: str | None
    permit: str | None
    settings: PointSettings
    registered_at: datetime
    password: str | None = field(default=None, repr=False)
    active: bool = True
    revision: int = 0


@dataclass(frozen=True, slots=True)
class PointWish:
    """What a registration asks for; `password_given`: whether null was given, or nothing."""

    mn: str
    settings: GivenSettings
    password_given: bool = False
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a point stands: at which outlet, of which permit; None: not known yet."""

    outlet: str | None
    permit: str | None


def register(
    former: Registration | None,
    wish: PointWish,
    *,
    credit_code: str,
    position: Position,
    now: datetime,
    afresh: bool = False,
) -> Registration:
    """The point as wished; equal to `former` when nothing changes. `afresh`: settings not given go back to defaults."""
    if former is None:
        settings = wish.settings.over_defaults()
        return Registration(wish.mn, credit_code, position.outlet, position.permit, settings, now, wish.password)
    return replace(
        former,
        credit_code=credit_code,
        outlet=position.outlet,
        permit=position.permit,
        settings=wish.settings.over_defaults() if afresh else wish.settings.over(former.settings),
        password=wish.password if wish.password_given else former.password,
        active=True,
        registered_at=former.registered_at if former.active else now,
    )
