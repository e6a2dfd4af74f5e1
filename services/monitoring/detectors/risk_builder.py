"""What the lesser risks (nearing, faults) have in common: whom they concern, whether they are news, and how one ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.monitoring.detectors.exceedance import Now
from services.monitoring.domain import wording
from services.monitoring.domain.verdict import GRACE_S
from services.monitoring.domain.windows import LENGTH_S, end_s
from services.monitoring.store.register import Site
from shared.domain.risk import Cleared, Risk, RiskState

Row = Mapping[str, Any]


def fresh(row: Row, now: Now) -> bool:
    """Whether the window is of now: what was near or broken days ago is no news."""
    return now.s - end_s(row["start_s"], row["averaging"]) <= 2 * LENGTH_S[row["averaging"]] + GRACE_S


def concerning(
    site: Site | None, row: Row, *, risk_id: str, kind: str, condition: str, why: wording.Why, now: Now
) -> Risk:
    """An open risk about the outlet of a verdict row."""
    enterprise = site.enterprise if site else None
    governed = site.governed(row["start_s"]) if site else None
    return Risk(
        id=risk_id,
        revision=1,
        kind=kind,
        condition=condition,
        state=RiskState.OPEN,
        credit_code=row["credit_code"],
        enterprise_name=enterprise.name if enterprise else None,
        region=enterprise.region if enterprise else "000000",
        industry=enterprise.industry if enterprise else None,
        group=enterprise.group if enterprise else None,
        opened_at=now.field,
        changed_at=now.field,
        why=why,
        permit=row["permit"],
        outlet=row["outlet"],
        outlet_name=governed.outlet_name if governed else None,
        factor=row["factor"],
        mn=row["mn"],
    )


def ended(standing: Any, reason: Cleared, now: Now, *, why: wording.Why | None = None) -> Risk:
    """The risk of an open row, ended."""
    return replace(
        Risk.read(standing.document),
        state=RiskState.WITHDRAWN if reason is Cleared.TAKEN_BACK else RiskState.CLEARED,
        cleared=reason,
        cleared_at=now.field,
        changed_at=now.field,
        why=why or wording.cleared(reason),
    )
