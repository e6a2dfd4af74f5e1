"""The one builder of risks: whom one concerns, how it is named, how it ends."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.monitoring.domain import wording
from services.monitoring.domain.applicable_limits import NO_REGION, Site
from services.monitoring.domain.due_work import DueAt
from services.monitoring.domain.risk_row import RiskRow, RiskSpan
from services.monitoring.domain.verdict import GRACE_S, shown_value
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import LENGTH_S
from shared.domain.clock import Instant
from shared.domain.identity import derived_id
from shared.domain.json import JsonObject
from shared.domain.risk import Cleared, Risk, RiskState

Facts = JsonObject


@dataclass(frozen=True, slots=True)
class Place:
    """Whom and what a risk concerns."""

    region: str = NO_REGION
    credit_code: str | None = None
    enterprise_name: str | None = None
    industry: str | None = None
    group: str | None = None
    permit: str | None = None
    outlet: str | None = None
    outlet_name: str | None = None
    factor: str | None = None
    mn: str | None = None

    @classmethod
    def of_window(cls, row: VerdictRow, site: Site | None) -> Place:
        """The outlet and factor of a verdict; `site`: the point's, None when it is not registered any more."""
        limits = site.limits_at(row.start_s) if site else None
        return replace(
            cls._of_enterprise(site),
            credit_code=row.credit_code,
            permit=row.permit,
            outlet=row.outlet,
            outlet_name=limits.outlet_name if limits else None,
            factor=row.factor,
            mn=row.mn,
        )

    @classmethod
    def of_point(cls, site: Site, at_s: int) -> Place:
        """The outlet of a point, as the permit in force has it, else as the point names it."""
        point, limits = site.point, site.limits_at(at_s)
        return replace(
            cls._of_enterprise(site),
            credit_code=point.credit_code,
            permit=limits.permit if limits else point.permit,
            outlet=limits.outlet if limits else point.outlet,
            outlet_name=limits.outlet_name if limits else None,
            mn=point.mn,
        )

    @classmethod
    def _of_enterprise(cls, site: Site | None) -> Place:
        enterprise = site.enterprise if site else None
        if enterprise is None:
            return cls()
        return cls(
            region=enterprise.region,
            enterprise_name=enterprise.name,
            industry=enterprise.industry,
            group=enterprise.group,
        )


@dataclass(frozen=True, slots=True)
class RiskDraft:
    """A risk as it shall be. `before`: its open row; `due`: when it is to be looked at again."""

    subject: str
    risk: Risk
    span: RiskSpan
    before: RiskRow | None = None
    due: DueAt | None = None

    @classmethod
    def about(
        cls,
        place: Place,
        *,
        kind: str,
        condition: str,
        why: wording.Why,
        subject: str,
        span: RiskSpan,
        now: Instant,
        before: RiskRow | None = None,
        issued: int = 0,
        facts: Facts | None = None,
    ) -> RiskDraft:
        """An open risk. `issued`: how many risks the subject ever had; a risk that is open already keeps its id."""
        risk = Risk(
            id=before.id if before else derived_id("rsk", kind, subject, str(issued)),
            revision=1,
            kind=kind,
            condition=condition,
            state=RiskState.OPEN,
            credit_code=place.credit_code,
            enterprise_name=place.enterprise_name,
            region=place.region,
            industry=place.industry,
            group=place.group,
            opened_at=now.field,
            changed_at=now.field,
            why=why,
            permit=place.permit,
            outlet=place.outlet,
            outlet_name=place.outlet_name,
            factor=place.factor,
            mn=place.mn,
            facts=facts or {},
        )
        return cls(subject, risk, span, before)

    @classmethod
    def ended(cls, before: RiskRow, reason: Cleared, now: Instant, *, why: wording.Why | None = None) -> RiskDraft:
        """The end of an open risk."""
        risk = replace(
            before.risk,
            state=RiskState.WITHDRAWN if reason is Cleared.TAKEN_BACK else RiskState.CLEARED,
            cleared=reason,
            cleared_at=now.field,
            changed_at=now.field,
            why=why or wording.cleared(reason),
        )
        return cls(before.subject, risk, before.span, before)


def measured_by(risk: Risk, row: VerdictRow) -> Risk:
    """The risk with the values of the window that decides it."""
    return replace(
        risk,
        measured=shown_value(row.measured, row.bound),
        decided=shown_value(row.decided, row.bound),
        limit=row.limit,
        unit=row.unit,
        basis={
            "permit": row.permit,
            "limit_from": "permit",
            "value_kind": row.value_kind.value if row.value_kind else None,
            "reference_o2_pct": row.reference_o2_pct,
        },
    )


def is_recent(row: VerdictRow, now: Instant) -> bool:
    """Whether the window ended lately: what was near or broken days ago is no news."""
    return now.s - row.end_s <= 2 * LENGTH_S[row.averaging] + GRACE_S
