"""The words of an alert, Chinese and English: headline, instruction, why it changed, and the law it cites.

Pure: templates come from the catalogue, names from the shared tables. Words in [brackets] are left out when a value in
them is missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.alerts.domain import figures
from services.alerts.domain.alert import Alert, Change
from services.alerts.domain.catalogue import Row
from services.alerts.domain.law import cited
from shared.domain.clock import SHANGHAI, shanghai_day
from shared.domain.json import JsonObject
from shared.domain.pollutant import pollutant
from shared.domain.quantity import shown_unit
from shared.domain.region import full_name
from shared.domain.risk import Risk, RiskState

CHANGES: Mapping[Change, Mapping[str, str]] = {
    Change.OPENED: {"zh": "新预警", "en": "new alert"},
    Change.RAISED: {"zh": "预警升级", "en": "raised"},
    Change.LOWERED: {"zh": "预警降级", "en": "lowered"},
    Change.CHANGED: {"zh": "数据更新", "en": "data updated"},
    Change.CLEARED: {"zh": "已解除", "en": "cleared"},
    Change.REOPENED: {"zh": "再次发生", "en": "recurred"},
    Change.MERGED: {"zh": "并入另一预警", "en": "merged into another alert"},
    Change.CONTRADICTED: {"zh": "经复核不成立", "en": "withdrawn after review"},
    Change.DELIVERED: {"zh": "已送达，开始计时", "en": "delivered, the clock runs"},
    Change.ACKNOWLEDGED: {"zh": "企业已签收", "en": "acknowledged by the enterprise"},
    Change.ANSWERED: {"zh": "企业已反馈", "en": "answered by the enterprise"},
    Change.OBJECTED: {"zh": "企业提出异议", "en": "the enterprise objects"},
    Change.VERIFIED: {"zh": "已核实", "en": "verified"},
    Change.CLOSED: {"zh": "已办结", "en": "closed"},
    Change.WITHDRAWN: {"zh": "已撤回", "en": "withdrawn"},
}
# of an exceedance, in the words of those who read of it every day
EXCEEDANCE: Mapping[Change, Mapping[str, str]] = {
    Change.REOPENED: {"zh": "再次超标", "en": "recurred"},
    Change.CONTRADICTED: {"zh": "经复核超标不成立", "en": "withdrawn after review"},
}
BY_PEOPLE = {Change.ACKNOWLEDGED, Change.ANSWERED, Change.OBJECTED, Change.VERIFIED, Change.CLOSED, Change.DELIVERED}
ENDINGS = {
    RiskState.CLEARED: {"zh": "【已解除】", "en": "[Cleared] "},
    RiskState.WITHDRAWN: {"zh": "【已撤回】", "en": "[Withdrawn] "},
    RiskState.MERGED: {"zh": "【已并入】", "en": "[Merged] "},
}
_OPTIONAL = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")


def headline(alert: Alert, row: Row) -> dict[str, str]:
    """One line that says who, where, what and how much."""
    ending = ENDINGS.get(alert.risk.state, {"zh": "", "en": ""})
    if alert.status == "withdrawn":
        ending = ENDINGS[RiskState.WITHDRAWN] if alert.risk.state is not RiskState.MERGED else ending
    return {lang: ending[lang] + fill(row.headline[lang], values(alert.risk, row, lang)) for lang in ("zh", "en")}


def instruction(alert: Alert, row: Row) -> dict[str, str]:
    """What to do now."""
    return {lang: fill(row.instruction[lang], values(alert.risk, row, lang)) for lang in ("zh", "en")}


def why(alert: Alert) -> dict[str, str]:
    """Why the newest revision is there: the change, and the finder's own words when it was the risk that moved."""
    words = CHANGES[alert.change]
    if alert.risk.kind == "emission.exceeded":
        words = EXCEEDANCE.get(alert.change, words)
    found = {} if alert.change in BY_PEOPLE else alert.risk.why
    return {
        "zh": f"{words['zh']}：{found['zh']}" if found.get("zh") else words["zh"],
        "en": f"{words['en']}: {found['en']}" if found.get("en") else words["en"],
    }


def law(risk: Risk, row: Row) -> list[JsonObject]:
    """The articles in force on the day of the fact."""
    day = shanghai_day(risk.window.start if risk.window else risk.opened_at)
    return [basis.document() for basis in cited(row.law, day)]


def fill(template: str, known: Mapping[str, str | None]) -> str:
    """The template with its values; an optional part with a missing value is left out, else it shows as a dash."""

    def optional(part: re.Match[str]) -> str:
        names = _FIELD.findall(part[1])
        return part[1] if all(known.get(name) for name in names) else ""

    return _FIELD.sub(lambda found: known.get(found[1]) or "—", _OPTIONAL.sub(optional, template))


def values(risk: Risk, row: Row, lang: str) -> dict[str, str | None]:
    """What templates may name."""
    factor = pollutant(risk.factor) if risk.factor else None
    since = risk.opened_at.astimezone(SHANGHAI)
    facts = {name: value for name, value in risk.facts.items() if isinstance(value, str)}
    return facts | {
        "who": risk.enterprise_name or risk.credit_code or full_name(risk.region),
        "region": full_name(risk.region),
        "permit": risk.permit,
        "outlet": risk.outlet_name or risk.outlet,
        "point": risk.mn,
        "factor": (factor.zh if lang == "zh" else factor.en) if factor else None,
        "mean": figures.mean_of(risk, lang),
        "decided": risk.decided,
        "measured": risk.measured,
        "unit": shown_unit(risk.unit) if risk.unit else None,
        "converted": figures.converted(risk, lang),
        "limit": risk.limit,
        "times_over": figures.times_over(risk),
        "percent_over": figures.percent_over(risk),
        "percent_of_limit": figures.percent_of_limit(risk),
        "count": figures.count(risk, lang),
        "fired": figures.rule_fired(risk, lang),
        "since": f"{since:%Y-%m-%d %H:%M}",
        "answer_hours": str(row.answer_hours) if row.answer_hours else None,
        "kind": risk.kind,
        "condition": risk.condition,
    }
