"""The words of a peer notice and the CloudEvent that carries it: the same bytes for everyone of the class.

Pure. It names industry, area and family, states "recently", how to check oneself, and the article. It has no subject, and
nothing of any source: no name, value, window, reference, level or count.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.alerts.domain import origin
from services.alerts.domain.law import cited
from services.alerts.domain.peer import Topic
from shared.domain.clock import rfc3339, shanghai_day
from shared.domain.events import PEER_NOTICE_ISSUED
from shared.domain.industry import industries
from shared.domain.json import JsonObject
from shared.domain.pollutant import family_named
from shared.domain.region import full_name

KIND, AUDIENCE = "peer.notice", "peers"
LAW: Mapping[str, tuple[str, ...]] = {
    "emission.exceeded": ("warning.point_to_point", "emission.over_permit"),
    "data.fault": ("warning.point_to_point", "monitor.report_abnormal"),
    "permit.renewal": ("warning.point_to_point", "permit.renewal_60_days"),
}
HEADLINES: Mapping[str, Mapping[str, str]] = {
    "emission.exceeded": {
        "zh": "{area}{industry}行业近期出现{family}超过许可限值的普遍性问题，请自查",
        "en": "{industry}, {area}: {family} above the permitted limit has recently been a common problem; please check",
    },
    "data.fault": {
        "zh": "{area}{industry}行业近期出现{family}自动监测数据异常的普遍性问题，请自查",
        "en": "{industry}, {area}: invalid monitoring data ({family}) has recently been a common problem; please check",
    },
    "permit.renewal": {
        "zh": "{area}{industry}行业近期出现排污许可证延续申请逾期的普遍性问题，请自查",
        "en": "{industry}, {area}: late applications to renew the permit have recently been a common problem; please check",
    },
}
INSTRUCTIONS: Mapping[str, Mapping[str, str]] = {
    "emission.exceeded": {
        "zh": "请对照排污许可证核对{family}各排放口限值，查看近期小时均值和日均值，"
        "检查治理设施运行参数、药剂投加和监测设备；无需反馈。",
        "en": "Compare recent hourly and daily means of {family} at each outlet with your permit; check how the treatment "
        "runs, its reagents and the monitoring devices. No reply is required.",
    },
    "data.fault": {
        "zh": "请检查{family}监测设备的运行、校准和数据标记，查看数采仪与网络，异常的按规定报告并修复；无需反馈。",
        "en": "Check the devices that measure {family}, their calibration and data marks, the logger and its network; "
        "report and mend what is abnormal. No reply is required.",
    },
    "permit.renewal": {
        "zh": "请核对排污许可证有效期；需要延续的，应在届满六十日前向发证机关提出申请；无需反馈。",
        "en": "Look up until when your permit is valid; apply for renewal sixty days before it ends. No reply is required.",
    },
}
NO_FAMILY = {"zh": "", "en": "all factors"}


def document(notice_id: str, topic: Topic, area: str, slot: datetime) -> JsonObject:
    """What recipients see."""
    words = {lang: _names(topic, area, lang) for lang in ("zh", "en")}
    family = family_named(topic.family)
    return {
        "id": notice_id,
        "kind": KIND,
        "audience": AUDIENCE,
        "about": topic.kind,
        "industry": {"code": topic.industry, "zh": words["zh"]["industry"]},
        "area": {"code": area.ljust(6, "0"), "zh": words["zh"]["area"]},
        "family": {"key": family.key, "zh": family.zh, "en": family.en} if topic.family else None,
        "when": {"zh": "近期", "en": "recently"},
        "issued_at": rfc3339(slot),
        "headline": {lang: HEADLINES[topic.kind][lang].format(**words[lang]) for lang in words},
        "instruction": {lang: INSTRUCTIONS[topic.kind][lang].format(**words[lang]) for lang in words},
        "law": [basis.document() for basis in cited(LAW[topic.kind], shanghai_day(slot))],
    }


def cloud_event(data: JsonObject, *, public_url: str = "") -> JsonObject:
    """The CloudEvent: its id is the notice's own random one, its time the slot; it has no subject."""
    return {
        "specversion": "1.0",
        "id": data["id"],
        "source": origin.source(public_url),
        "type": PEER_NOTICE_ISSUED,
        "time": data["issued_at"],
        "datacontenttype": "application/json",
        "dataschema": origin.schema_url(public_url, origin.NOTICE),
        "data": dict(data),
    }


def _names(topic: Topic, area: str, lang: str) -> dict[str, str]:
    known = industries().get(topic.industry)
    name = known.name if known else topic.industry
    family = family_named(topic.family)
    named = (family.zh if lang == "zh" else family.en) if topic.family else NO_FAMILY[lang]
    return {
        "area": full_name(area.ljust(6, "0")),
        "industry": f"{name}（{topic.industry}）" if lang == "zh" else f"{name} ({topic.industry})",
        "family": named,
    }
