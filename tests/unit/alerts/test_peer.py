"""When peers are reminded of a common problem: a table of named cases, the statistics, and what the words may not reveal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.api.documents import PeerNotice
from services.alerts.domain.notice import cloud_event, document
from services.alerts.domain.peer import (
    Affected,
    Decision,
    Exposed,
    Former,
    Outcome,
    Reason,
    Topic,
    at_least,
    counts,
    decide,
    slot_after,
)
from shared.domain.risk import Risk, RiskState

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
NOTICE_ID = "ntc_" + "a" * 26
COUNTY, NEXT_COUNTY, OTHER_CITY = "150102", "150103", "150202"
CLASS, SIBLING, OTHER = "D4411", "D4412", "C3011"
TOPIC = Topic(CLASS, "emission.exceeded", "so2")


def exposed(n: int, region: str = COUNTY, industry: str = CLASS, first: int = 0) -> list[Exposed]:
    return [Exposed(f"{region}-{industry}-{i:03}", industry, region) for i in range(first, first + n)]


def hit(some: Sequence[Exposed], days_ago: float = 1.0) -> list[Affected]:
    at = NOW - timedelta(days=days_ago)
    return [Affected(one.credit_code, one.industry, one.region, at, one.group) for one in some]


def grouped(some: Sequence[Exposed], group: str) -> list[Exposed]:
    return [replace(one, group=group) for one in some]


@dataclass(frozen=True)
class Case:
    crowd: list[Exposed]
    affected: list[Affected]
    expected: tuple[Outcome, Reason]
    place: tuple[str, str] | None = None
    notices: list[Former] = field(default_factory=list)
    drafts: list[Former] = field(default_factory=list)
    recipients: int | None = None


NOTICE, DRAFT = (Outcome.NOTICE, Reason.UNIVERSAL), (Outcome.DRAFT, Reason.CROWD_TOO_SMALL)
THIRTEEN, FOURTEEN, ELEVEN = exposed(13), exposed(14), exposed(11)
BESIDE = exposed(4, NEXT_COUNTY)  # 11 + 4 = 15 in the league
WHOLE_TOPIC = Former(TOPIC, COUNTY, NOW - timedelta(days=3))


def nothing(reason: Reason) -> tuple[Outcome, Reason]:
    return Outcome.NOTHING, reason


CASES = {
    "2 of 13: too few": Case(THIRTEEN, hit(THIRTEEN[:2]), nothing(Reason.TOO_FEW)),
    # P(X ≥ 3 | 13, 2 %) = 0.0020; 3·3 ≤ 12
    "3 of 13: all are notified": Case(THIRTEEN, hit(THIRTEEN[:3]), NOTICE, (CLASS, COUNTY), recipients=13),
    "3 of 14, as in the demonstration": Case(FOURTEEN, hit(FOURTEEN[:3]), NOTICE, (CLASS, COUNTY), recipients=14),
    # 3·5 > 12: a third of the crowd would be pointed at
    "5 of 13: too many for the crowd": Case(THIRTEEN, hit(THIRTEEN[:5]), DRAFT, (CLASS, COUNTY)),
    "3 of 11: the crowd is too small": Case(ELEVEN, hit(ELEVEN[:3]), DRAFT, (CLASS, COUNTY)),
    "two of one group count once": Case(
        grouped(THIRTEEN[:2], "集团") + THIRTEEN[2:],
        hit(grouped(THIRTEEN[:2], "集团") + THIRTEEN[2:3]),
        nothing(Reason.TOO_FEW),
    ),
    "the crowd counts a group once": Case(
        grouped(THIRTEEN[:3], "集团") + THIRTEEN[3:], hit(THIRTEEN[10:]), DRAFT, (CLASS, COUNTY)
    ),
    "every site of a group is notified": Case(
        grouped(FOURTEEN[:2], "集团") + FOURTEEN[2:], hit(FOURTEEN[11:]), NOTICE, (CLASS, COUNTY), recipients=14
    ),
    "a second notice in the window": Case(
        THIRTEEN, hit(THIRTEEN[:3]), nothing(Reason.TOPIC_TAKEN), notices=[WHOLE_TOPIC]
    ),
    "a week later it may be published again": Case(
        THIRTEEN, hit(THIRTEEN[:3]), NOTICE, (CLASS, COUNTY), [replace(WHOLE_TOPIC, slot=NOW - timedelta(days=7))]
    ),
    "a notice to the league or to the group takes the county's topic": Case(
        THIRTEEN,
        hit(THIRTEEN[:3]),
        nothing(Reason.TOPIC_TAKEN),
        notices=[Former(replace(TOPIC, industry="D441"), "1501", NOW - timedelta(days=1))],
    ),
    "a notice elsewhere, or of another family, takes nothing": Case(
        THIRTEEN,
        hit(THIRTEEN[:3]),
        NOTICE,
        (CLASS, COUNTY),
        [replace(WHOLE_TOPIC, area=NEXT_COUNTY), replace(WHOLE_TOPIC, topic=replace(TOPIC, family="pm"))],
    ),
    # 3 of 13 in each of the four weeks before: a rate of 23 %
    "nothing unusual for the class": Case(
        THIRTEEN,
        hit(THIRTEEN[:3]) + [one for week in range(1, 5) for one in hit(THIRTEEN[4:7], 7 * week + 1)],
        nothing(Reason.NOT_UNUSUAL),
    ),
    "widening to the league succeeds": Case(
        ELEVEN + BESIDE, hit(ELEVEN[:2] + BESIDE[:1]), NOTICE, (CLASS, "1501"), recipients=15
    ),
    "widening to the province succeeds": Case(
        ELEVEN + exposed(5, OTHER_CITY), hit(ELEVEN[:3]), NOTICE, (CLASS, "15"), recipients=16
    ),
    "widening to the group succeeds": Case(
        ELEVEN + exposed(4, industry=SIBLING), hit(ELEVEN[:3]), NOTICE, ("D441", COUNTY), recipients=15
    ),
    # 3 of 11, and other classes and provinces do not help
    "widening fails": Case(
        ELEVEN + exposed(20, industry=OTHER) + exposed(20, "140105"), hit(ELEVEN[:3]), DRAFT, (CLASS, COUNTY)
    ),
    # P(X ≥ 3 | 31, 2 %) = 0.024: what is a burst in the county is none in the league
    "widening fails because it is common there": Case(
        ELEVEN + exposed(20, NEXT_COUNTY), hit(ELEVEN[:3]), DRAFT, (CLASS, COUNTY)
    ),
    "a draft is made once": Case(ELEVEN, hit(ELEVEN[:3]), nothing(Reason.TOPIC_TAKEN), drafts=[WHOLE_TOPIC]),
    "a draft does not stand in the way of a notice": Case(
        THIRTEEN, hit(THIRTEEN[:3]), NOTICE, (CLASS, COUNTY), drafts=[WHOLE_TOPIC]
    ),
    "eight days are no week": Case(THIRTEEN, hit(THIRTEEN[:2]) + hit(THIRTEEN[2:3], 7.0), nothing(Reason.TOO_FEW)),
    "an affected one whose permit does not name it is notified too": Case(
        THIRTEEN, hit(exposed(3, first=50)), NOTICE, (CLASS, COUNTY), recipients=16
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_common_problem_goes_to_the_whole_class_or_to_nobody(case: Case) -> None:
    found = decided(case.crowd, case.affected, notices=case.notices, drafts=case.drafts)
    assert (found.outcome, found.reason) == case.expected
    assert ((found.topic.industry, found.area) if found.topic else None) == case.place
    if case.recipients is not None:
        assert len(found.recipients) == case.recipients
        assert {one.credit_code for one in case.affected} <= set(found.recipients)


def decided(
    crowd: Sequence[Exposed],
    affected: Sequence[Affected],
    *,
    notices: Sequence[Former] = (),
    drafts: Sequence[Former] = (),
    topic: Topic = TOPIC,
    region: str = COUNTY,
) -> Decision:
    return decide(topic, region, affected=affected, exposed=crowd, notices=notices, drafts=drafts, now=NOW)


def test_an_industry_known_only_as_a_group_is_asked_as_a_group() -> None:
    some = exposed(13, industry="D441")
    found = decided(some, hit(some[:3]), topic=replace(TOPIC, industry="D441"))
    assert (found.outcome, found.topic) == (Outcome.NOTICE, replace(TOPIC, industry="D441"))
    assert decided(some, hit(some[:3]), topic=replace(TOPIC, industry="D44")).reason is Reason.NO_CLASS


@given(st.integers(0, 40), st.integers(1, 40), st.sampled_from([0.02, 0.1, 0.5, 0.9]))
def test_the_tail_is_the_binomial_one(hits: int, of: int, rate: float) -> None:
    exact = sum(comb(of, k) * rate**k * (1 - rate) ** (of - k) for k in range(hits, of + 1))
    assert at_least(hits, of, rate) == pytest.approx(min(1.0, exact), abs=1e-12)


def test_the_tail_of_a_great_crowd_stays_in_its_bounds() -> None:
    assert at_least(200, 10_000, 0.02) == pytest.approx(0.51, abs=0.02)
    assert at_least(300, 10_000, 0.02) < 1e-9
    assert at_least(3, 10_000, 0.02) == pytest.approx(1.0)


@given(st.permutations(range(13)), st.integers(0, 13))
def test_who_the_affected_are_changes_nothing_that_is_published(order: list[int], n: int) -> None:
    one, other = decided(THIRTEEN, hit(THIRTEEN[:n])), decided(THIRTEEN, hit([THIRTEEN[i] for i in order[:n]]))
    assert replace(one, affected=()) == replace(other, affected=())


def a_risk(**changes: object) -> Risk:
    risk = Risk(
        id="rsk_1",
        revision=1,
        kind="emission.exceeded",
        condition="first",
        state=RiskState.OPEN,
        credit_code="91150102MA0N0AAA1B",
        enterprise_name="某厂",
        region=COUNTY,
        industry=CLASS,
        opened_at=NOW,
        changed_at=NOW,
        why={},
        factor="a21026",
    )
    return replace(risk, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"state": RiskState.CLEARED}, True),
        ({"historical": True}, False),
        ({"state": RiskState.WITHDRAWN}, False),
        ({"state": RiskState.MERGED}, False),
        ({"muted": "area_outage"}, False),
        ({"kind": "data.offline"}, False),
        ({"kind": "data.suspect"}, False),
        ({"kind": "permit.renewal", "condition": "late"}, True),
        ({"kind": "permit.renewal", "condition": "left_90"}, False),
        ({"credit_code": None}, False),
    ],
    ids=[
        "an excess",
        "over by now",
        "historical",
        "withdrawn",
        "merged",
        "muted",
        "offline",
        "suspicion",
        "late renewal",
        "renewal in time",
        "nobody's",
    ],
)
def test_what_is_a_fact_for_peers(changes: dict[str, object], expected: bool) -> None:
    assert counts(a_risk(**changes)) is expected


def test_a_slot_is_the_next_whole_hour() -> None:
    assert slot_after(NOW) == NOW + timedelta(hours=1)
    assert slot_after(NOW + timedelta(minutes=59, seconds=59)) == NOW + timedelta(hours=1)


@pytest.mark.parametrize("kind", ["emission.exceeded", "data.fault", "permit.renewal"])
def test_a_notice_names_class_area_and_family_and_nothing_of_a_source(kind: str) -> None:
    topic = Topic(CLASS, kind, "" if kind == "permit.renewal" else "so2")
    published = cloud_event(document(NOTICE_ID, topic, "1501", NOW))
    assert "subject" not in published and "revision" not in published
    assert (published["id"], published["time"], published["type"]) == (
        NOTICE_ID,
        "2026-11-20T17:00:00+08:00",
        "yujing.peer.notice.issued.v1",
    )
    data = published["data"]
    assert "内蒙古自治区呼和浩特市火力发电（D4411）" in data["headline"]["zh"]
    assert data["law"] and data["when"]["zh"] == "近期"
    forbidden = {"enterprise", "outlet", "point", "window", "measured", "decided", "limit", "level", "risk", "count"}
    assert not forbidden & set(data)
    PeerNotice.model_validate(data)  # it forbids any other field
    words = [*data["headline"].values(), *data["instruction"].values()]
    assert all("{" not in one and "None" not in one for one in words)
