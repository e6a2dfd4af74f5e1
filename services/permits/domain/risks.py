"""How what is to be said of a permit or a point becomes a risk: ids, facts, and the reason in both languages.

Pure. Stage, level and audience are the catalogue's, in alerts; templates there find the dates among `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.permits.domain.coverage_gap import GAP, MISSING, REGISTER_GAP, GapSaying
from services.permits.domain.obligation import DECISION_DUE, RENEWAL, DeskStep, Saying
from services.permits.domain.renewal import Step
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED
from shared.domain.identity import derived_id
from shared.domain.risk import Cleared, Risk, RiskState

Words = tuple[str, str]  # zh, en
STEPS: Mapping[str, Words] = {
    Step.LEFT_180: ("距有效期届满{left}天", "{left} days of validity are left"),
    Step.LEFT_90: ("距有效期届满{left}天", "{left} days of validity are left"),
    Step.STATUTORY: ("延续申请最迟应于{by}提交", "renewal must be applied for by {by}"),
    Step.LATE: ("有效期不足60天，尚无延续申请", "fewer than 60 days are left and no application is on file"),
    Step.EXPIRED_QUIET: ("有效期已于{valid_to}届满", "it expired at the end of {valid_to}"),
    Step.EXPIRED_DISCHARGING: ("有效期届满后仍有排放", "discharge was seen after it expired"),
    DeskStep.PENDING: ("延续申请在办，应于{by}前作出决定", "an application is on file; it is to be decided by {by}"),
    DeskStep.OVERDUE: ("延续申请的办理期限{by}已过", "the term to decide, {by}, has passed"),
    DeskStep.EXPIRED: ("许可证已届满，延续申请尚未决定", "the permit expired before its renewal was decided"),
}
GAPS: Mapping[str, Words] = {
    MISSING: (
        "已登记监测点，但企业从未取得覆盖它的许可证",
        "a registered point that no permit of its enterprise ever covered",
    ),
    REGISTER_GAP: ("监测点在登记中尚无对应许可证", "the register has no permit for this point yet"),
}
ENDINGS: Mapping[Cleared, Words] = {
    Cleared.RENEWED: ("已延续", "it was renewed"),
    Cleared.APPLIED: ("已提交延续申请", "an application to renew is on file"),
    Cleared.DECIDED: ("延续申请已办结", "the application was decided"),
    Cleared.TAKEN_BACK: ("登记内容已更正", "the register was corrected"),
    Cleared.COVERED: ("已有许可证覆盖", "a permit covers it"),
    Cleared.UNREGISTERED: ("监测点已停用", "the point is out of service"),
}


@dataclass(frozen=True, slots=True)
class Holder:
    """The enterprise that a risk is about."""

    credit_code: str
    name: str | None
    region: str
    industry: str | None
    group: str | None


def holder(credit_code: str, document: Mapping[str, Any]) -> Holder:
    return Holder(
        credit_code, document.get("name"), document["region"], document.get("industry"), document.get("group")
    )


def risk_id(kind: str, *about: str) -> str:
    """The same for the same expiry or point: an edit that comes back finds its risk again."""
    return derived_id("rsk", kind, *about)


def event_type(risk: Risk) -> str:
    if risk.state is not RiskState.OPEN:
        return RISK_CLEARED
    return RISK_OPENED if risk.revision == 1 else RISK_CHANGED


def permit_risk(saying: Saying, number: str, whose: Holder, *, now: datetime, today: date) -> Risk:
    """The risk of a permit's end, as said now."""
    account = saying.account
    left = (saying.valid_to - today).days
    known = {"left": str(left), "by": account.by.isoformat(), "valid_to": saying.valid_to.isoformat()}
    words = ENDINGS[saying.cleared] if saying.cleared else STEPS[account.step]
    by = {RENEWAL: "apply_by", DECISION_DUE: "decide_by"}[saying.kind]
    return Risk(
        id=risk_id(saying.kind, number, saying.valid_to.isoformat()),
        revision=account.revision,
        kind=saying.kind,
        condition=str(account.step),
        state=RiskState.CLEARED if saying.cleared else RiskState.OPEN,
        credit_code=whose.credit_code,
        enterprise_name=whose.name,
        region=whose.region,
        industry=whose.industry,
        group=whose.group,
        opened_at=account.opened_at,
        changed_at=now,
        why={"zh": words[0].format_map(known), "en": words[1].format_map(known)},
        permit=number,
        cleared_at=now if saying.cleared else None,
        cleared=saying.cleared,
        facts={
            "valid_to": known["valid_to"],
            "left_days": known["left"],
            by: known["by"],
            "provisional": account.provisional,
            "applied_on": account.applied_on.isoformat() if account.applied_on else None,
        },
    )


def gap_risk(saying: GapSaying, mn: str, outlet: str | None, whose: Holder, *, now: datetime) -> Risk:
    """The risk of a point that no permit covers, as said now."""
    words = ENDINGS[saying.cleared] if saying.cleared else GAPS[saying.kind]
    return Risk(
        id=risk_id(saying.kind, mn),
        revision=saying.account.revision,
        kind=saying.kind,
        condition=GAP,
        state=RiskState.CLEARED if saying.cleared else RiskState.OPEN,
        credit_code=whose.credit_code,
        enterprise_name=whose.name,
        region=whose.region,
        industry=whose.industry,
        group=whose.group,
        opened_at=saying.account.opened_at,
        changed_at=now,
        why={"zh": words[0], "en": words[1]},
        outlet=outlet,
        mn=mn,
        cleared_at=now if saying.cleared else None,
        cleared=saying.cleared,
    )
