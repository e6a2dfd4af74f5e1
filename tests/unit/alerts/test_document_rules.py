"""Documents of alerts and of peer notices: what callers rely on, of every kind, in both languages, without a source named."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.catalogue.loader import load_catalogue
from services.alerts.domain import figures, notice, wording
from services.alerts.domain.alert import Alert, Change, Move, Status, opened_by
from services.alerts.domain.catalogue import Audience, Level, Row, Stage
from services.alerts.domain.document import document, event
from services.alerts.domain.grouping import is_news, opens_follow_up
from services.alerts.domain.muting import muted_by
from services.alerts.domain.notification import notification_of
from services.alerts.domain.office import Office
from services.alerts.domain.peer import Topic
from shared.domain.events import ALERT_CHANGED, ALERT_CLOSED, ALERT_ISSUED
from shared.domain.risk import Cleared, Risk, RiskState, Window
from tests.support.alerts_case import ENTERPRISE, T0, a_risk, cleared, longer

CATALOGUE = load_catalogue()
URL = "https://yujing.example.cn"
HOUR = timedelta(hours=1)


def row_of(risk: Risk) -> Row:
    return CATALOGUE.row(risk.kind, risk.condition, region=risk.region, day=date(2026, 11, 20))


def alert_of(risk: Risk, *moves: Move) -> Alert:
    alert = opened_by(risk, row_of(risk)).alert
    for move in moves:
        alert = alert.moved(move, at=T0, who="officer:o", text="…").alert
    return alert


def shown(risk: Risk, *moves: Move) -> dict[str, object]:
    return dict(document(alert_of(risk, *moves), row_of(risk), public_url=URL))


@pytest.mark.parametrize(
    ("moves", "rels"),
    [
        ((), ["acknowledge", "objection", "withdraw"]),
        ((Move.ACKNOWLEDGE,), ["answer", "objection", "withdraw"]),
        ((Move.ACKNOWLEDGE, Move.ANSWER), ["objection", "verify", "withdraw"]),
        ((Move.ACKNOWLEDGE, Move.ANSWER, Move.VERIFY), ["close"]),
        ((Move.ACKNOWLEDGE, Move.ANSWER, Move.VERIFY, Move.CLOSE), []),
        ((Move.WITHDRAW,), []),
    ],
)
def test_an_alert_lists_what_may_be_done_with_it_by_whom_and_where(moves: tuple[Move, ...], rels: list[str]) -> None:
    found = shown(a_risk(), *moves)
    actions = found["actions"]
    assert isinstance(actions, list) and [action["rel"] for action in actions] == rels
    for action in actions:
        assert action["href"] == f"{URL}/alerts/v1/alerts/{found['id']}/{action['rel']}"
        assert action["by"] == ("enterprise" if action["rel"] in ("acknowledge", "answer", "objection") else "officer")


@pytest.mark.parametrize(
    ("risk", "field", "expected"),
    [
        (a_risk(), "enterprise", {"credit_code": ENTERPRISE, "name": "呼和浩特示例热电"}),
        (a_risk(credit_code=None), "enterprise", None),
        (a_risk(), "factor", {"code": "a21026", "zh": "二氧化硫", "en": "SO2"}),
        (a_risk(factor=None), "factor", None),
        (a_risk(factor="PMD"), "factor", {"code": "PMD", "zh": "PMD", "en": "PMD"}),
        (a_risk(), "outlet", {"code": "DA001", "name": "1号锅炉烟囱"}),
        (a_risk(outlet=None), "outlet", None),
        (a_risk(window=None), "window", None),
        (
            a_risk(),
            "window",
            {"from": "2026-11-20T08:00:00+08:00", "to": "2026-11-20T09:00:00+08:00", "averaging": "hour", "hours": 1},
        ),
        (a_risk(), "cleared_at", None),
        (cleared(a_risk(), 2), "cleared_at", "2026-11-20T11:00:00+08:00"),
        (cleared(a_risk(), 2), "cleared", "compliant"),
        (a_risk(), "contact", None),
        (a_risk(), "series", []),
        (a_risk(muted="area_outage"), "muted", "area_outage"),
        (a_risk(historical=True), "historical", True),
        (a_risk(previous="rsk_b"), "risk", a_risk().id),
    ],
)
def test_a_field_of_the_document(risk: Risk, field: str, expected: object) -> None:
    assert shown(risk)[field] == expected


def test_what_had_ended_before_it_was_found_ends_for_its_readers_when_it_was_found() -> None:
    late = a_risk(state=RiskState.CLEARED, cleared=Cleared.COMPLIANT, cleared_at=T0 - 5 * HOUR)
    assert shown(late)["cleared_at"] == shown(late)["opened_at"] == "2026-11-20T09:00:00+08:00"


def test_the_office_of_the_division_stands_in_the_alert() -> None:
    office = Office("1501", "呼和浩特市生态环境局", "0471-12369")
    assert document(alert_of(a_risk()), row_of(a_risk()), contact=office)["contact"] == office.document()


def test_an_alert_is_useful_for_as_long_as_its_row_says() -> None:
    risk = a_risk()
    until = datetime.fromisoformat(str(shown(risk)["useful_until"]))
    assert until - risk.changed_at == timedelta(hours=row_of(risk).useful_hours)


@pytest.mark.parametrize(
    ("alert", "kind"),
    [
        (alert_of(a_risk()), ALERT_ISSUED),
        (alert_of(a_risk(), Move.ACKNOWLEDGE), ALERT_CHANGED),
        (alert_of(a_risk(), Move.WITHDRAW), ALERT_CLOSED),
        (alert_of(a_risk(), Move.ACKNOWLEDGE, Move.ANSWER, Move.VERIFY, Move.CLOSE), ALERT_CLOSED),
        (alert_of(a_risk(state=RiskState.WITHDRAWN)), ALERT_CLOSED),  # taken back before anybody knew
        (alert_of(a_risk(state=RiskState.MERGED)), ALERT_CLOSED),
    ],
)
def test_the_type_of_an_alert_s_event(alert: Alert, kind: str) -> None:
    published = event(alert, {"id": alert.id}, public_url=URL)
    assert published.type == kind
    assert (published.id, published.source) == (f"{alert.id}:{alert.revision}", f"{URL}/alerts")
    assert notification_of(published).id == published.id


ROWS = [
    (kind, condition, row)
    for kind, entries in CATALOGUE.entries.items()
    for entry in entries
    for condition, row in entry.rows.items()
]


@pytest.mark.parametrize(("kind", "condition", "row"), ROWS, ids=[f"{kind}/{condition}" for kind, condition, _ in ROWS])
def test_every_row_has_words_without_an_open_place_even_for_a_risk_that_has_nothing(
    kind: str, condition: str, row: Row
) -> None:
    bare = Risk("rsk_a", 1, kind, condition, RiskState.OPEN, None, None, "150102", None, T0, T0, {"zh": "", "en": ""})
    alert = opened_by(bare, row).alert
    for words in (wording.headline(alert, row), wording.instruction(alert, row)):
        for text in words.values():
            assert text.strip() and not set("{}[]") & set(text)


@pytest.mark.parametrize(("kind", "condition", "row"), ROWS, ids=[f"{kind}/{condition}" for kind, condition, _ in ROWS])
def test_no_row_asks_an_answer_of_a_warning_beforehand_or_of_who_cannot_see_it(
    kind: str, condition: str, row: Row
) -> None:
    if row.stage is Stage.BEFORE or row.hidden_from_enterprise:
        assert row.answer_hours is None, (kind, condition)
    if row.hidden_from_enterprise:
        assert Audience.ENTERPRISE not in row.audience


@pytest.mark.parametrize(
    ("template", "known", "text"),
    [
        ("{who} {factor}", {"who": "厂", "factor": "SO2"}, "厂 SO2"),
        ("{who} {factor}", {"who": "厂"}, "厂 —"),
        ("{who}[，限值{limit}]", {"who": "厂"}, "厂"),
        ("{who}[，限值{limit}]", {"who": "厂", "limit": "35"}, "厂，限值35"),
        ("{who}[，{a}/{b}]", {"who": "厂", "a": "1"}, "厂"),
        ("{who}[，限值{limit}]", {"who": "厂", "limit": ""}, "厂"),
        ("{who}", {"who": "[{x}]"}, "[{x}]"),  # a name that looks like a template is none
        ("", {}, ""),
    ],
)
def test_a_template_leaves_out_what_is_not_known(template: str, known: dict[str, str | None], text: str) -> None:
    assert wording.fill(template, known) == text


@given(st.integers(-900, 5000))
def test_how_far_over_is_the_same_in_times_and_in_per_cent(thousandths: int) -> None:
    risk = a_risk(multiple=f"{thousandths / 1000:.3f}")
    times, percent = figures.times_over(risk), figures.percent_over(risk)
    assert (times is None) is (percent is None) is (thousandths <= 0)
    if times is not None and percent is not None:
        assert float(percent) == pytest.approx(thousandths / 10, abs=0.5)
        assert float(times) == pytest.approx(thousandths / 1000, abs=0.0051) and times != "0"


@pytest.mark.parametrize(
    ("start", "end", "averaging", "zh"),
    [
        ("2026-12-31T23:00", "2027-01-01T00:00", "hour", "2026-12-31 23:00–24:00小时均值"),
        ("2026-12-31T23:00", "2027-01-01T01:00", "hour", "2026-12-31 23:00 – 2027-01-01 01:00小时均值"),
        ("2028-02-29T00:00", "2028-03-01T00:00", "day", "2028-02-29日均值"),
        ("2028-02-28T00:00", "2028-03-01T00:00", "day", "2028-02-28 – 2028-02-29日均值"),
        ("2026-12-31T00:00", "2027-01-02T00:00", "day", "2026-12-31 – 2027-01-01日均值"),
        ("2026-11-20T08:15", "2026-11-20T08:15", "instant", "2026-11-20 08:15实时值"),
    ],
)
def test_the_time_of_a_mean_at_the_edges_of_the_calendar(start: str, end: str, averaging: str, zh: str) -> None:
    first, last = (datetime.fromisoformat(f"{text}+08:00").astimezone(UTC) for text in (start, end))
    assert figures.mean_of(a_risk(window=Window(first, last, averaging, 1)), "zh") == zh


LATER, SAME = longer(a_risk(), 2, "first", hours=3), replace(a_risk(), revision=2)
CLOSED = alert_of(a_risk(), Move.ACKNOWLEDGE, Move.ANSWER, Move.VERIFY, Move.CLOSE)


@pytest.mark.parametrize(
    ("alert", "risk", "opens"),
    [
        (alert_of(a_risk()), LATER, False),  # it is not ended: the facts are its own
        (CLOSED, LATER, True),
        (CLOSED, SAME, False),
        (CLOSED, replace(SAME, condition="grave"), True),  # graver than what was judged
        (CLOSED, replace(LATER, state=RiskState.WITHDRAWN), False),
        (CLOSED, replace(LATER, state=RiskState.MERGED), False),
        (alert_of(a_risk(state=RiskState.WITHDRAWN)), SAME, True),  # taken back, and it stands again
        (replace(CLOSED, risk=cleared(a_risk(window=None), 2)), replace(SAME, window=None), True),
        (replace(CLOSED, risk=a_risk(window=None)), replace(SAME, window=None), False),
    ],
)
def test_only_facts_that_the_ended_alert_did_not_judge_open_a_follow_up(alert: Alert, risk: Risk, opens: bool) -> None:
    assert opens_follow_up(alert, risk, row_of(risk)) is opens


@given(st.integers(1, 9), st.integers(1, 9))
def test_only_a_newer_revision_is_news(known: int, came: int) -> None:
    alert = alert_of(a_risk(revision=known))
    assert is_news(alert, a_risk(revision=came)) is (came > known)
    assert is_news(None, a_risk(revision=came))


@pytest.mark.parametrize(("muted", "reason"), [(None, None), ("", None), ("area_outage", "area_outage")])
def test_why_an_alert_is_not_pushed(muted: str | None, reason: str | None) -> None:
    assert muted_by(a_risk(muted=muted)) == reason


TOPICS = [
    Topic("D4411", "emission.exceeded", "so2"),
    Topic("D441", "data.fault", "nox"),
    Topic("C3011", "permit.renewal", ""),
    Topic("Z999", "emission.exceeded", "pm"),  # an industry that no table knows
]


@pytest.mark.parametrize("topic", TOPICS, ids=[f"{topic.kind} {topic.industry}" for topic in TOPICS])
@pytest.mark.parametrize("area", ["15", "1501", "150102"])
def test_a_peer_notice_names_class_area_and_family_in_both_languages_and_asks_for_no_answer(
    topic: Topic, area: str
) -> None:
    made = notice.document("ntc_1", topic, area, T0)
    words = [text for field in ("headline", "instruction") for text in dict(made[field]).values()]  # type: ignore[call-overload]
    assert all(text and not set("{}") & set(text) for text in words)
    assert "无需反馈" in str(made["instruction"]) and "No reply is required" in str(made["instruction"])
    assert (made["family"] is None) is (topic.family == "")
    assert made["area"] == {"code": area.ljust(6, "0"), "zh": notice.full_name(area.ljust(6, "0"))}
    assert ENTERPRISE not in str(made) and made["law"]


def test_a_peer_notice_has_no_subject_that_could_be_compared() -> None:
    made = notice.cloud_event(notice.document("ntc_1", TOPICS[0], "15", T0), public_url=URL)
    assert "subject" not in made
    assert (made["id"], made["source"], made["time"]) == ("ntc_1", f"{URL}/alerts", "2026-11-20T09:00:00+08:00")


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("announced", [None, *Level])
def test_the_highest_announced_level_is_kept(level: Level, announced: Level | None) -> None:
    alert = replace(alert_of(a_risk()), level=level, announced_level=announced).announced_now()
    assert alert.announced_level is max(level, announced or level, key=lambda one: one.rank)


def test_a_delivery_starts_the_clock_of_whom_it_reached_and_is_no_revision() -> None:
    alert = alert_of(a_risk())
    due = T0 + timedelta(hours=24)
    to_enterprise = alert.delivered(Audience.ENTERPRISE, at=T0, due=due)
    assert (to_enterprise.alert.due_enterprise, to_enterprise.alert.due_authority) == (due, None)
    to_county = alert.delivered(Audience.COUNTY, at=T0, due=due)
    assert (to_county.alert.due_enterprise, to_county.alert.due_authority) == (None, due)
    assert to_enterprise.alert.revision == alert.revision and to_enterprise.step.what is Change.DELIVERED
    assert to_enterprise.alert.status is Status.OPEN


@pytest.mark.parametrize(
    ("facts", "series"),
    [
        ({"series": ["120", "130.5"]}, ["120", "130.5"]),
        ({}, []),
        ({"series": "120"}, []),
        ({"series": [120, "130"]}, ["130"]),
    ],
    ids=["as given", "none given", "another producer's text", "another producer's number"],
)
def test_the_values_for_a_chart_are_the_texts_that_the_risk_carries(
    facts: dict[str, object], series: list[str]
) -> None:
    assert shown(replace(a_risk(), facts=facts))["series"] == series
