"""The catalogue: every condition that monitoring publishes has its row, and a wrong catalogue is refused by name."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml

from services.alerts.catalogue.loader import load_catalogue, read_catalogue
from services.alerts.domain.catalogue import Audience, Catalogue, Level, Push, Stage
from shared.domain.errors import Invalid

DAY = date(2026, 11, 20)
ENTERPRISE, COUNTY, CITY, OPERATORS = Audience.ENTERPRISE, Audience.COUNTY, Audience.CITY, Audience.OPERATORS
WANTED = [
    ("emission.exceeded", "first", Stage.DURING, Level.YELLOW, {ENTERPRISE}),
    ("emission.exceeded", "lasting", Stage.DURING, Level.ORANGE, {ENTERPRISE, COUNTY}),
    ("emission.exceeded", "grave", Stage.AFTER, Level.ORANGE, {ENTERPRISE, COUNTY, CITY}),
    ("emission.exceeded", "repeated", Stage.AFTER, Level.RED, {ENTERPRISE, COUNTY, CITY}),
    ("emission.nearing", "near_80", Stage.BEFORE, Level.BLUE, {ENTERPRISE}),
    ("emission.nearing", "near_90", Stage.BEFORE, Level.YELLOW, {ENTERPRISE}),
    ("data.offline", "short", Stage.BEFORE, Level.BLUE, {ENTERPRISE}),
    ("data.offline", "hours", Stage.BEFORE, Level.YELLOW, {ENTERPRISE}),
    ("data.offline", "day", Stage.DURING, Level.YELLOW, {ENTERPRISE, COUNTY}),
    ("data.fault", "fault", Stage.BEFORE, Level.BLUE, {ENTERPRISE}),
    ("data.outage", "area", Stage.DURING, Level.ORANGE, {OPERATORS}),
    ("gateway.guessing", "address", Stage.DURING, Level.YELLOW, {OPERATORS}),
    ("gateway.guessing", "point", Stage.DURING, Level.ORANGE, {OPERATORS}),
]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize(("kind", "condition", "stage", "level", "audience"), WANTED)
def test_every_condition_of_monitoring_has_its_row(
    catalogue: Catalogue, kind: str, condition: str, stage: Stage, level: Level, audience: set[Audience]
) -> None:
    row = catalogue.row(kind, condition, region="150102", day=DAY)
    assert (row.kind, row.condition) == (kind, condition)
    assert (row.stage, row.level, set(row.audience)) == (stage, level, audience)
    assert row.push is (Push.DIGEST if kind == "emission.nearing" else Push.NOW)
    assert row.rule == f"{kind}@1"


def test_a_warning_beforehand_owes_no_answer_and_the_authority_has_a_clock_only_afterwards(
    catalogue: Catalogue,
) -> None:
    for kind, condition, stage, _, _ in WANTED:
        row = catalogue.row(kind, condition, region="15", day=DAY)
        assert (row.answer_hours is None) or stage is not Stage.BEFORE
        assert (row.check_hours is not None) == (stage is Stage.AFTER)


@pytest.mark.parametrize(("kind", "condition"), [("data.suspect", "pattern"), ("emission.exceeded", "of next year")])
def test_what_the_catalogue_does_not_know_goes_to_officers_and_is_hidden_from_the_enterprise(
    catalogue: Catalogue, kind: str, condition: str
) -> None:
    row = catalogue.row(kind, condition, region="150102", day=DAY)
    assert (row.kind, row.stage, row.level) == ("unknown", Stage.DURING, Level.YELLOW)
    assert row.hidden_from_enterprise and ENTERPRISE not in row.audience


def a_document(**other: Any) -> dict[str, Any]:
    words = {"zh": "有事", "en": "something"}
    base = {"version": 1, "effective_from": date(2021, 3, 1), "headline": words, "instruction": words}
    base |= {"useful_hours": 1, "push": "now"}
    row = {"stage": "during", "level": "yellow", "audience": ["county"]}
    unknown = {"kind": "unknown", **base, "conditions": {"unknown": row}}
    kind = {"kind": "emission.exceeded", **base, "conditions": {"first": row}, **other}
    return {"kinds": [kind, unknown]}


def test_the_day_of_the_fact_and_the_division_decide_which_row_governs() -> None:
    document = a_document()
    old = document["kinds"][0]
    stricter = {"stage": "after", "level": "red", "audience": ["county"]}
    new = {**old, "version": 2, "effective_from": date(2027, 1, 1), "conditions": {"first": stricter}}
    new["overrides"] = [
        {"region": "15", "conditions": {"first": {"level": "orange"}}},
        {"region": "1501", "conditions": {"first": {"level": "blue", "push": "digest"}}},
    ]
    catalogue = read_catalogue({"kinds": [new, *document["kinds"]]})

    def level(region: str, day: date) -> tuple[str, Level]:
        row = catalogue.row("emission.exceeded", "first", region=region, day=day)
        return row.rule, row.level

    assert level("150102", date(2026, 12, 31)) == ("emission.exceeded@1", Level.YELLOW)
    assert level("110101", date(2027, 1, 1)) == ("emission.exceeded@2", Level.RED)
    assert level("152921", date(2027, 1, 1)) == ("emission.exceeded@2", Level.ORANGE)
    assert level("150102", date(2027, 1, 1)) == ("emission.exceeded@2", Level.BLUE)
    assert level("150102", date(2001, 1, 1)) == ("emission.exceeded@1", Level.YELLOW)  # older than all: the first


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (
            {"conditions": {"first": {"stage": "soon", "level": "red", "audience": []}}},
            "kinds[0].conditions.first.stage",
        ),
        ({"conditions": {"first": {"stage": "after", "audience": []}}}, "kinds[0].conditions.first.level"),
        ({"law": ["no.such.law"]}, "kinds[0].conditions.first.law"),
        ({"headline": {"zh": "只有中文"}}, "kinds[0].conditions.first.headline"),
        ({"answer_hours": -1}, "kinds[0].conditions.first.answer_hours"),
        ({"effective_from": "soon"}, "kinds[0].effective_from"),
        ({"overrides": [{"region": "15", "conditions": {"second": {}}}]}, "kinds[0].overrides.15.second"),
        (
            {"overrides": [{"region": "15", "conditions": {"first": {"headline": {"zh": "别", "en": "other"}}}}]},
            "kinds[0].overrides.15.first.headline",
        ),
        ({"overrides": [{"conditions": {}}]}, "kinds[0].overrides[0].region"),
        ({"each_step": "yes"}, "kinds[0].conditions.first.each_step"),
        ({"useful_hours": True}, "kinds[0].conditions.first.useful_hours"),
        ({"push": "later"}, "kinds[0].conditions.first.push"),
        ({"law": "emission.over_permit"}, "kinds[0].conditions.first.law"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_catalogue_is_refused_with_its_place(wrong: dict[str, Any], place: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_catalogue(a_document(**wrong))
    assert refused.value.field == place


def test_a_catalogue_without_a_row_for_the_unknown_is_refused() -> None:
    with pytest.raises(Invalid, match="unknown"):
        read_catalogue({"kinds": a_document()["kinds"][:1]})
    with pytest.raises(Invalid):
        read_catalogue(yaml.safe_load("kinds: nothing"))
