"""The words of an alert, in both languages, and the document that carries them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.alerts.catalogue.loader import load_catalogue
from services.alerts.domain import wording
from services.alerts.domain.alert import Alert, Change, Move, opened_by
from services.alerts.domain.catalogue import Row
from services.alerts.domain.document import document, event
from shared.domain.risk import Risk, Window
from tests.support.alerts_case import T0, WINDOW, a_risk, cleared

CATALOGUE = load_catalogue()


def alert_of(risk: Risk) -> tuple[Alert, Row]:
    row = CATALOGUE.row(risk.kind, risk.condition, region=risk.region, day=date(2026, 11, 20))
    return opened_by(risk, row).alert, row


def test_the_headline_says_who_where_of_which_hour_and_how_much() -> None:
    assert wording.headline(*alert_of(a_risk())) == {
        "zh": "呼和浩特示例热电 1号锅炉烟囱 二氧化硫 2026-11-20 08:00–09:00小时均值最高48.21 mg/m³（折算值），"
        "限值35 mg/m³，超标0.38倍，共1小时",
        "en": "呼和浩特示例热电 1号锅炉烟囱: SO2, hourly mean of 2026-11-20 08:00–09:00 up to 48.21 mg/m³ (converted), "
        "limit 35 mg/m³, 38 % over the limit, 1 hour in all",
    }


def test_what_is_not_known_is_left_out() -> None:
    risk = a_risk(outlet=None, outlet_name=None, multiple=None, enterprise_name=None, basis={})
    words = wording.headline(*alert_of(risk))
    assert words["zh"] == (
        "91150102MA0N0AAA1B 二氧化硫 2026-11-20 08:00–09:00小时均值最高48.21 mg/m³，限值35 mg/m³，共1小时"
    )


NEAR = {"kind": "emission.nearing", "condition": "near_80", "multiple": None, "decided": "28.7"}


def test_a_mean_that_is_near_its_limit_is_of_its_hour_or_of_this_hour_so_far() -> None:
    closed = wording.headline(*alert_of(a_risk(**NEAR, facts={"closed": True})))
    assert closed["zh"].endswith(
        "二氧化硫 2026-11-20 08:00–09:00小时均值28.7 mg/m³（折算值），限值35 mg/m³，已达限值的82%"
    )
    running = a_risk(**NEAR, facts={"closed": False}, changed_at=T0 - timedelta(minutes=36))
    assert wording.headline(*alert_of(running)) == {
        "zh": "呼和浩特示例热电 1号锅炉烟囱 二氧化硫 本小时截至08:24均值28.7 mg/m³（折算值），限值35 mg/m³，已达限值的82%",
        "en": "呼和浩特示例热电 1号锅炉烟囱: SO2, mean of this hour as of 08:24: 28.7 mg/m³ (converted), limit 35 mg/m³, "
        "82 % of the limit",
    }
    late = replace(running, changed_at=T0 + timedelta(minutes=3))  # seen after its hour has ended
    assert "本小时截至09:00均值" in wording.headline(*alert_of(late))["zh"]


@pytest.mark.parametrize(
    ("decided", "limit", "text"),
    [("31.49", "35", "，已达限值的89%"), ("31.5", "35", "，已达限值的90%"), ("0", "0", ""), ("1", None, "")],
)
def test_the_share_of_the_limit_is_never_rounded_up(decided: str, limit: str | None, text: str) -> None:
    near = wording.headline(*alert_of(a_risk(**{**NEAR, "decided": decided, "limit": limit})))
    assert near["zh"].endswith(text or "mg/m³")


def span(start: str, end: str, averaging: str = "hour", count: int = 1) -> Window:
    at = [datetime.fromisoformat(f"{text}+08:00").astimezone(UTC) for text in (start, end)]
    return Window(at[0], at[1], averaging, count)


@pytest.mark.parametrize(
    ("window", "zh", "en"),
    [
        (span("2026-11-20T08:00", "2026-11-20T11:00", count=3), "2026-11-20 08:00–11:00小时均值", "3小时"),
        (span("2026-11-20T23:00", "2026-11-21T00:00"), "2026-11-20 23:00–24:00小时均值", "1小时"),
        (
            span("2026-12-31T22:00", "2027-01-01T03:00", count=4),
            "2026-12-31 22:00 – 2027-01-01 03:00小时均值",
            "4小时",
        ),
        (span("2028-02-29T00:00", "2028-03-01T00:00", "day"), "2028-02-29日均值", "1日"),
        (span("2026-11-19T00:00", "2026-11-21T00:00", "day", 2), "2026-11-19 – 2026-11-20日均值", "2日"),
    ],
    ids=["three hours", "the last hour of a day", "over the end of a year", "29 February", "two days"],
)
def test_a_mean_says_of_which_hours_or_days_it_is(window: Window, zh: str, en: str) -> None:
    words = wording.headline(*alert_of(a_risk(window=window)))["zh"]
    assert f"二氧化硫 {zh}最高48.21" in words and f"共{en}" in words


@pytest.mark.parametrize(
    ("condition", "averaging", "multiple", "zh", "en"),
    [
        ("first", "hour", "0.377", None, None),
        ("lasting", "hour", "0.377", "连续3小时超标", "3 hours in a row over the limit"),
        ("lasting", "hour", "0.5", "小时超标0.5倍以上", "an hour 50 % or more over the limit"),
        ("grave", "hour", "1", "小时超标1倍以上", "an hour 100 % or more over the limit"),
        ("grave", "day", "0.01", "日均值超标", "a daily mean over the limit"),
        ("repeated", "hour", "0.2", "7日内3次超标", "3 exceedances in 7 days"),
        ("repeated", "day", "1.2", "日均值超标1倍以上", "a daily mean 100 % or more over the limit"),
        ("repeated", "day", "0.2", "7日内3次超标或30日内2日超标", "3 exceedances in 7 days or 2 days over in 30"),
    ],
)
def test_an_exceedance_names_the_rule_that_fired(
    condition: str, averaging: str, multiple: str, zh: str | None, en: str | None
) -> None:
    risk = a_risk(condition=condition, multiple=multiple, window=replace(WINDOW, averaging=averaging))
    words = wording.headline(*alert_of(risk))
    assert words["zh"].partition("；")[2] == (zh or "") and words["en"].partition("; ")[2] == (en or "")


@pytest.mark.parametrize(
    ("multiple", "times", "percent"),
    [("0.377", "0.38", "38"), ("0.004", "0.004", "0.4"), ("2.5", "2.5", "250"), ("1", "1", "100")],
)
def test_how_far_over_is_never_shown_as_nothing(multiple: str, times: str, percent: str) -> None:
    words = wording.headline(*alert_of(a_risk(multiple=multiple)))
    assert f"超标{times}倍" in words["zh"] and f"{percent} % over the limit" in words["en"]


def test_other_kinds_have_their_own_words() -> None:
    silent = wording.headline(*alert_of(a_risk(kind="data.offline", condition="short", window=None)))
    assert silent["zh"] == "呼和浩特示例热电 1号锅炉烟囱 监测点 A110000_0001 自2026-11-20 09:00起没有数据"
    unknown = wording.headline(*alert_of(a_risk(kind="data.suspect", condition="flat")))
    assert unknown["zh"].endswith("出现目录未收录的风险 data.suspect（flat）")
    dates = {"left_days": "40", "valid_to": "2026-12-30", "apply_by": "2026-10-30"}
    late = wording.headline(*alert_of(a_risk(kind="permit.renewal", condition="late", facts=dates)))
    assert late["zh"].endswith("距届满40天，已逾申请延续期限，未见延续申请")
    missing = wording.headline(*alert_of(a_risk(kind="permit.missing", condition="gap")))
    assert missing["zh"].endswith("从未关联过排污许可证")
    outage = wording.instruction(*alert_of(a_risk(kind="data.outage", condition="area")))
    assert outage["zh"].endswith("区域内单点离线预警已合并，暂不推送。")


@pytest.mark.parametrize(
    ("change", "zh", "en"),
    [
        (Change.CHANGED, "数据更新", "data updated"),
        (Change.REOPENED, "再次超标", "recurred"),
        (Change.CONTRADICTED, "经复核超标不成立", "withdrawn after review"),
    ],
)
def test_a_change_is_named_in_the_words_of_the_trade(change: Change, zh: str, en: str) -> None:
    alert = replace(alert_of(a_risk(why={}))[0], change=change)
    assert wording.why(alert) == {"zh": zh, "en": en}


def test_only_an_exceedance_is_called_one_when_it_comes_back() -> None:
    alert = replace(alert_of(a_risk(kind="data.offline", condition="short", why={}))[0], change=Change.REOPENED)
    assert wording.why(alert) == {"zh": "再次发生", "en": "recurred"}


ROWS = [
    (kind, condition)
    for kind, versions in CATALOGUE.entries.items()
    for condition in {condition for entry in versions for condition in entry.rows}
]
FULL = dict.fromkeys(("valid_to", "apply_by", "decide_by"), "2026-12-30") | {
    "left_days": "40",
    "address": "1.2.3.4",
}
BARE = dict.fromkeys(("outlet", "outlet_name", "multiple", "unit", "mn", "window", "enterprise_name"))


@pytest.mark.parametrize(("kind", "condition"), sorted(ROWS))
@pytest.mark.parametrize("known", ["all that there is", "little"])
def test_every_text_has_full_width_punctuation_in_chinese_and_no_double_spaces(
    kind: str, condition: str, known: str
) -> None:
    facts = FULL if known == "all that there is" else {}
    risk = a_risk(kind=kind, condition=condition, facts=facts, **({} if facts else BARE))
    alert, row = alert_of(risk)
    for words in (wording.headline(alert, row), wording.instruction(alert, row), wording.why(alert)):
        assert "  " not in words["zh"] + words["en"] and words["zh"].strip() == words["zh"]
        assert not re.search(r"[\u4e00-\u9fff] ?[,;!?()]|[,;!?()] ?[\u4e00-\u9fff]", words["zh"]), words["zh"]
        assert not re.search(r"[{}\[\]]", words["zh"] + words["en"].removeprefix("[Cleared] "))
        assert "owed" not in words["en"] and "none" not in words["en"].split()


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
