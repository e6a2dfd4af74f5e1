"""Which endpoints an alert goes to, point to point: the enterprise's own and its authorities', never another's.

Pure. An endpoint is owned by an enterprise (credit code), by officers (division prefix) or by the operators.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.alerts.domain.catalogue import OFFICERS, Audience
from shared.domain.region import prefix

_DIGITS = {Audience.COUNTY: 6, Audience.CITY: 4, Audience.PROVINCE: 2}


@dataclass(frozen=True, slots=True)
class Owner:
    """Exactly one of the three."""

    credit_code: str | None = None
    region: str | None = None
    operators: bool = False


def audience_of(owner: Owner) -> Audience | None:
    """As whom an owner is notified; None for a prefix that no audience has."""
    if owner.credit_code is not None:
        return Audience.ENTERPRISE
    if owner.operators:
        return Audience.OPERATORS
    return next((one for one, digits in _DIGITS.items() if digits == len(owner.region or "")), None)


def owners(audience: Iterable[Audience], *, credit_code: str | None, region: str) -> tuple[Owner, ...]:
    """Whose endpoints are notified of an alert of this enterprise and division."""
    found: list[Owner] = []
    for one in audience:
        if one is Audience.ENTERPRISE and credit_code:
            found.append(Owner(credit_code=credit_code))
        elif one is Audience.OPERATORS:
            found.append(Owner(operators=True))
        elif one in OFFICERS and len(prefix(region)) >= _DIGITS[one]:
            found.append(Owner(region=region[: _DIGITS[one]]))
    return tuple(found)
