"""Monitoring points: whose an MN is, and what registering it again changes.

Pure. A point's settings and password belong to the point, not to a version of its permit; what a later registration
does not say stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

DEFAULTS: Mapping[str, Any] = {"strict": False, "interval_s": 60, "units": {}, "dialect": "hj212"}


@dataclass(frozen=True, slots=True)
class Registration:
    """A point as registered. `password` is in clear here and sealed in rows and on the log; None: not checked."""

    mn: str
    credit_code: str
    outlet: str | None
    permit: str | None
    settings: Mapping[str, Any]
    registered_at: datetime
    password: str | None = field(default=None, repr=False)
    active: bool = True
    revision: int = 0


@dataclass(frozen=True, slots=True)
class PointWish:
    """What a registration says: only the settings named; `password_said` tells null from silence."""

    mn: str
    settings: Mapping[str, Any]
    password_said: bool = False
    password: str | None = field(default=None, repr=False)


def register(
    former: Registration | None,
    wish: PointWish,
    *,
    credit_code: str,
    outlet: str | None,
    permit: str | None,
    now: datetime,
    afresh: bool = False,
) -> Registration:
    """The point as wished; equal to `former` when nothing changes. `afresh`: settings not said go back to defaults."""
    if former is None:
        blank = {**DEFAULTS, **wish.settings}
        return Registration(wish.mn, credit_code, outlet, permit, blank, now, wish.password)
    return replace(
        former,
        credit_code=credit_code,
        outlet=outlet,
        permit=permit,
        settings={**(DEFAULTS if afresh else former.settings), **wish.settings},
        password=wish.password if wish.password_said else former.password,
        active=True,
        registered_at=former.registered_at if former.active else now,
    )
