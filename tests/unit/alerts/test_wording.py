"""The words of an alert, in both languages, and the document that carries them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

from services.alerts.catalogue.loader import load_catalogue
from services.alerts.domain import wording
from services.alerts.domain.alert import Alert, Move, opened_by
from services.alerts.domain.catalogue import Row
from services.alerts.domain.document import document, event
from shared.domain.risk import Risk
from tests.support.alerts_case import T0, a_risk, cleared

CATALOGUE = load_catalogue()


def alert_of(risk: Risk) -> tuple[Alert, Row]:
    row = CATALOGUE.row(risk.kind, risk.condition, region=risk.region, day=date(2026, 11, 20))
    return opened_by(risk, row).alert, row


def test_the_headline_says_who_where_what_and_how_much() -> None:
    assert wording.headline(*alert_of(a_risk())) == {
        "zh": "呼和浩特示例热电 1号锅炉烟囱 二氧化硫 小时均值 48.21 mg/m3，超过许可限值 35（超标0.377倍）",
        "en": "呼和浩特示例热电 1号锅炉烟囱: SO2 hourly mean 48.21 mg/m3 exceeds the permitted 35 (0.377 times over the limit)",
    }


def test_what_is_not_known_is_left_out() -> None:
    words = wording.headline(*alert_of(a_risk(outlet=None, outlet_name=None, multiple=None, enterprise_name=None)))
    assert words["zh"] == "91150102MA0N0AAA1B 二氧化硫 小时均值 48.21 mg/m3，超过许可限值 35"


def test_other_kinds_speak_of_their_own_facts() -> None:
    near = wording.headline(
        *alert_of(a_risk(kind="emission.nearing", condition="near_80", multiple="-0.18", decided="28.7"))
    )
    assert near["zh"].endswith("二氧化硫 小时均值至此 28.7 mg/m3，许可限值 35，已达82%")
    silent = wording.headline(*alert_of(a_risk(kind="data.offline", condition="short", window=None)))
    assert silent["zh"] == "呼和浩特示例热电 1号锅炉烟囱 监测点 A110000_0001 自 2026-11-20 09:00 起没有数据"
    strange = wording.headline(*alert_of(a_risk(kind="data.suspect", condition="flat")))
    assert strange["zh"].endswith("出现目录未收录的风险 data.suspect（flat）")


def test_an_all_clear_and_a_withdrawal_say_so_first() -> None:
    alert, row = alert_of(a_risk())
    assert wording.headline(alert.taken(cleared(a_risk(), 2), row).alert, row)["zh"].startswith("【已解除】呼和浩特")
    withdrawn = alert.moved(Move.WITHDRAW, at=T0, who="officer:o", text="误报").alert
    assert wording.headline(withdrawn, row)["en"].startswith("[Withdrawn] ")


def test_the_law_is_that_of_the_day_of_the_fact() -> None:
    risk = a_risk()
    assert risk.window is not None
    keys = [one["key"] for one in wording.law(risk, alert_of(risk)[1])]
    assert keys[0] == "emission.over_permit" and "monitor.networked" in keys  # in force from 2026-01-01
    earlier = replace(risk, window=replace(risk.window, start=T0.replace(year=2025), end=T0.replace(year=2025)))
    assert "monitor.networked" not in [one["key"] for one in wording.law(earlier, alert_of(earlier)[1])]


def test_the_document_has_every_field_that_callers_rely_on() -> None:
    alert, row = alert_of(a_risk())
    found = json.loads(json.dumps(document(alert, row, public_url="https://warn.example/")))
    promised = (
        "id kind stage level status status_kind revision change rule sure enterprise outlet factor point window measured "
        "decided limit unit multiple basis opened_at cleared_at useful_until due outlook headline instruction law contact "
        "series actions"
    )
    assert set(promised.split()) <= set(found)
    assert found["window"] == {
        "from": "2026-11-20T08:00:00+08:00",
        "to": "2026-11-20T09:00:00+08:00",
        "averaging": "hour",
        "hours": 1,
    }
    assert found["factor"] == {"code": "a21026", "zh": "二氧化硫", "en": "SO2"}
    assert (found["measured"], found["decided"], found["limit"], found["multiple"]) == ("42.1", "48.21", "35", "0.377")
    assert found["basis"]["permit"] == "91150102MA0N0AAA1B001P"
    assert found["actions"][0] == {
        "rel": "acknowledge",
        "href": f"https://warn.example/alerts/v1/alerts/{alert.id}/acknowledge",
        "by": "enterprise",
    }
    assert found["law"][0]["article"] == "34"
    assert found["change"]["why"]["zh"] == "新预警：小时均值超过许可限值"


def test_the_event_says_issued_changed_or_closed() -> None:
    alert, row = alert_of(a_risk())
    ended = alert.moved(Move.WITHDRAW, at=T0, who="officer:o", text="误报").alert
    acknowledged = alert.moved(Move.ACKNOWLEDGE, at=T0, who="enterprise:e", text="").alert
    kinds = [event(one, document(one, row)).type for one in (alert, acknowledged, ended)]
    assert kinds == ["yujing.alert.issued.v1", "yujing.alert.changed.v1", "yujing.alert.closed.v1"]
    assert event(ended, {}).id == f"{alert.id}:2"
