"""How what is to be published of a permit or a point becomes a risk: ids, facts, and the reason in both languages.

Pure. Stage, level and audience are the catalogue's, in alerts; templates there find the dates among `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from services.permits.domain.coverage_gap import GAP, MISSING, REGISTER_GAP, GapChange
from services.permits.domain.enterprise import EnterpriseDocument
from services.permits.domain.obligation import DECISION_DUE, RENEWAL, DeskStep, RiskChange
from services.permits.domain.renewal import Step
from shared.domain.events import RISK_CHANGED, RISK_CLEARED, RISK_OPENED
from shared.domain.identity import derived_id
from shared.domain.json import JsonValue
from shared.domain.risk import Cleared, Risk, RiskState


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence in both languages."""

    zh: str
    en: str

    def __add__(self, more: Words) -> Words:
        return Words(self.zh + more.zh, self.en + more.en)

    def filled(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """As a risk has it, with its places filled."""
        return {"zh": self.zh.format_map(values), "en": self.en.format_map(values)}


RENEWAL_STEPS: Mapping[str, Words] = {
    Step.LEFT_180: Words("距有效期届满{left}天", "{left} days of validity are left"),
    Step.LEFT_90: Words("距有效期届满{left}天", "{left} days of validity are left"),
    Step.STATUTORY: Words("延续申请最迟应于{by}提交", "renewal must be applied for by {by}"),
    Step.LATE: Words(
        "距届满{left}天，已逾申请延续期限，未见延续申请",
        "{left} days are left, the term to apply has passed and no application is on file",
    ),
    Step.EXPIRED_QUIET: Words("有效期已于{valid_to}届满", "it expired at the end of {valid_to}"),
    Step.EXPIRED_DISCHARGING: Words("有效期届满后仍有排放", "discharge was seen after it expired"),
}
DESK_STEPS: Mapping[str, Words] = {
    DeskStep.PENDING: Words(
        "延续申请在办，应于{by}前作出决定", "an application is on file; it is to be decided by {by}"
    ),
    DeskStep.OVERDUE: Words("延续申请的办理期限{by}已过", "the term to decide, {by}, has passed"),
    DeskStep.EXPIRED: Words("许可证已届满，延续申请尚未决定", "the permit expired before its renewal was decided"),
    DeskStep.EXPIRED_DISCHARGING: Words(
        "有效期届满后仍有排放，延续申请已于{applied_on}提交，尚未决定",
        "discharge was seen after it expired; application filed on {applied_on}, not decided yet",
    ),
}
STEPS = {RENEWAL: RENEWAL_STEPS, DECISION_DUE: DESK_STEPS}
APPLIED_LATE = Words("；延续申请已于{applied_on}提交", "; application filed on {applied_on}")
REFUSED = Words(
    "；延续申请已于{refused_on}撤回或未获批准", "; the application was withdrawn or refused on {refused_on}"
)
GAPS: Mapping[str, Words] = {
    MISSING: Words(
        "已登记监测点，从未关联过排污许可证",
        "a registered point that no permit of its enterprise ever covered",
    ),
    REGISTER_GAP: Words("监测点在登记中尚无对应许可证", "the register has no permit for this point yet"),
}
ENDINGS: Mapping[Cleared, Words] = {
    Cleared.RENEWED: Words("已延续", "it was renewed"),
    Cleared.APPLIED: Words("已提交延续申请", "an application to renew is on file"),
    Cleared.DECIDED: Words("延续申请已办结", "the application was decided"),
    Cleared.TAKEN_BACK: Words("登记内容已更正", "the register was corrected"),
    Cleared.COVERED: Words("已有许可证覆盖", "a permit covers it"),
    Cleared.UNREGISTERED: Words("监测点已停用", "the point is out of service"),
}


def risk_id(kind: str, *about: str) -> str:
    """The same for the same expiry or point: an edit that comes back finds its risk again."""
    return derived_id("rsk", kind, *about)


def event_type(risk: Risk) -> str:
    if risk.state is not RiskState.OPEN:
        return RISK_CLEARED
    return RISK_OPENED if risk.revision == 1 else RISK_CHANGED


def permit_risk(change: RiskChange, number: str, holder: EnterpriseDocument, *, now: datetime, today: date) -> Risk:
    """The risk of a permit's end as it is published now."""
    risk = change.risk
    return Risk(
        id=risk_id(change.kind, number, change.valid_to.isoformat()),
        revision=risk.revision,
        kind=change.kind,
        condition=str(risk.step),
        state=RiskState.CLEARED if change.cleared else RiskState.OPEN,
        credit_code=holder.credit_code,
        enterprise_name=holder.name,
        region=holder.region,
        industry=holder.industry,
        group=holder.group,
        opened_at=risk.opened_at,
        changed_at=now,
        why=_words(change).filled(_places(change, today)),
        permit=number,
        cleared_at=now if change.cleared else None,
        cleared=change.cleared,
        facts=_facts(change, today),
    )


def _facts(change: RiskChange, today: date) -> dict[str, JsonValue]:
    """What the catalogue's templates may name."""
    risk = change.risk
    facts: dict[str, JsonValue] = {
        "valid_to": change.valid_to.isoformat(),
        "left_days": str((change.valid_to - today).days),
        {RENEWAL: "apply_by", DECISION_DUE: "decide_by"}[change.kind]: risk.by.isoformat(),
        "provisional": risk.provisional,
        "applied_on": risk.applied_on.isoformat() if risk.applied_on else None,
    }
    if risk.refused_on is not None:
        facts["refused_on"] = risk.refused_on.isoformat()
    return facts


def _places(change: RiskChange, today: date) -> dict[str, str]:
    """The places in `Words`; one whose day is not known stands in no sentence that is chosen then."""
    risk = change.risk
    days = {"applied_on": risk.applied_on, "refused_on": risk.refused_on, "by": risk.by, "valid_to": change.valid_to}
    named = {name: day.isoformat() for name, day in days.items() if day is not None}
    return {"left": str((change.valid_to - today).days), **named}


def _words(change: RiskChange) -> Words:
    """Why the risk is as it is now."""
    if change.cleared:
        return ENDINGS[change.cleared]
    words = STEPS[change.kind][change.risk.step]
    if change.kind == RENEWAL and change.risk.applied_on is not None:
        words += APPLIED_LATE
    return words if change.risk.refused_on is None else words + REFUSED


def gap_risk(change: GapChange, mn: str, outlet: str | None, holder: EnterpriseDocument, *, now: datetime) -> Risk:
    """The risk of a point that no permit covers as it is published now."""
    words = ENDINGS[change.cleared] if change.cleared else GAPS[change.kind]
    return Risk(
        id=risk_id(change.kind, mn),
        revision=change.risk.revision,
        kind=change.kind,
        condition=GAP,
        state=RiskState.CLEARED if change.cleared else RiskState.OPEN,
        credit_code=holder.credit_code,
        enterprise_name=holder.name,
        region=holder.region,
        industry=holder.industry,
        group=holder.group,
        opened_at=change.risk.opened_at,
        changed_at=now,
        why=words.filled({}),
        outlet=outlet,
        mn=mn,
        cleared_at=now if change.cleared else None,
        cleared=change.cleared,
    )
