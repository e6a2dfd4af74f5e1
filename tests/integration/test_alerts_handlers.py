"""What the handler makes of risks: rows, pushes, events; in any order, any number of times."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.alerts.domain.alert import Move, Status
from shared.domain.events import DISCHARGE_SEEN, RISKS, Event
from shared.domain.risk import Risk, RiskState
from shared.eventlog.codec import encode_event
from shared.ports import Record
from tests.support.alerts_case import (
    ENTERPRISE,
    OTHER,
    T0,
    DeliveryHarness,
    a_delivery_harness,
    a_risk,
    cleared,
    longer,
)

URL = "https://receiver.example/hook"


@pytest.fixture
def delivery(tmp_path: Path) -> Iterator[DeliveryHarness]:
    delivery = a_delivery_harness(tmp_path)
    delivery.endpoint(URL)
    yield delivery
    delivery.database.close()


def reasons(delivery: DeliveryHarness) -> list[str]:
    return [push.reason for push in delivery.pushes()]


def test_a_risk_read_twice_is_one_alert_and_one_push(delivery: DeliveryHarness) -> None:
    delivery.take(a_risk())
    delivery.take(a_risk(), a_risk())
    assert delivery.alert().revision == 1
    assert reasons(delivery) == ["first"]
    assert [row.event_id for row in delivery.published()] == [f"{delivery.alert().id}:1"]


def test_an_episode_is_pushed_when_it_opens_when_it_grows_graver_and_when_it_ends(delivery: DeliveryHarness) -> None:
    risk = a_risk()
    graver = longer(risk, 3, "lasting", hours=3)
    delivery.take(risk, longer(risk, 2, "first", hours=2), graver, cleared(graver, 4))
    assert reasons(delivery) == ["first", "level_raised", "cleared"]
    assert [push.notification["data"]["level"] for push in delivery.pushes()] == ["yellow", "orange", "orange"]


def test_point_to_point_an_alert_reaches_its_enterprise_and_its_own_officers_only(delivery: DeliveryHarness) -> None:
    delivery.endpoint("https://other.example/", credit_code=OTHER)
    delivery.endpoint("https://county.example/", region="150102")
    delivery.endpoint("https://next-county.example/", region="150103")
    delivery.endpoint("https://city.example/", region="1501")
    delivery.endpoint("https://province.example/", region="15")
    delivery.endpoint("https://operators.example/", operators=True)
    risk = a_risk()
    received: dict[str, set[str]] = {}
    for number, condition in enumerate(("first", "lasting", "grave"), start=1):
        delivery.take(longer(risk, number, condition, hours=number))
        urls = {row.id: url for url, row in delivery.endpoints().items()}
        received[condition] = {urls[p.endpoint_id] for p in delivery.pushes() if p.alert_revision == number}
    county, city = "https://county.example/", "https://city.example/"
    assert received == {"first": {URL}, "lasting": {URL, county}, "grave": {URL, county, city}}


def test_the_all_clear_goes_to_whoever_was_notified(delivery: DeliveryHarness) -> None:
    county, _ = delivery.endpoint("https://county.example/", region="150102")
    risk = a_risk(condition="lasting")
    delivery.take(risk, longer(risk, 2, "first", hours=2), cleared(risk, 3))  # a re-decision lowered it before its end
    assert {p.endpoint_id for p in delivery.pushes() if p.reason == "cleared"} == {
        county,
        delivery.endpoints()[URL].id,
    }


def test_what_is_historical_or_muted_or_unknown_is_kept_and_pushed_only_to_whom_it_concerns(
    delivery: DeliveryHarness,
) -> None:
    county, _ = delivery.endpoint("https://county.example/", region="150102")
    delivery.take(
        a_risk(id="rsk_h", historical=True),
        a_risk(id="rsk_m", kind="data.offline", condition="short", muted="area_outage"),
        a_risk(id="rsk_u", kind="data.mystery", condition="flat"),
    )
    assert [(p.endpoint_id, p.reason) for p in delivery.pushes()] == [(county, "first")]
    assert delivery.alert("rsk_h").level == "yellow" and delivery.alert("rsk_m").level == "blue"
    assert delivery.alert("rsk_u").rule == "unknown@1" and delivery.alert("rsk_u").risk.kind == "data.mystery"
    hidden = {json.loads(row.value)["data"]["kind"]: row.credit_code for row in delivery.published()}
    assert hidden == {"emission.exceeded": ENTERPRISE, "data.offline": ENTERPRISE, "data.mystery": None}


def test_a_suspicion_is_pushed_to_no_endpoint_unasked(delivery: DeliveryHarness) -> None:
    """The owner of an endpoint may lack the scope; a subscription is made with it."""
    delivery.endpoint("https://county.example/", region="150102")
    delivery.take(a_risk(id="rsk_s", kind="data.suspect", condition="flat"))
    assert delivery.alert("rsk_s").hidden_from_enterprise
    assert delivery.pushes() == []


def test_acknowledging_stops_what_is_pending_but_not_a_later_raise(delivery: DeliveryHarness) -> None:
    county, _ = delivery.endpoint("https://county.example/", region="150102")
    risk = a_risk(condition="lasting")
    delivery.take(risk)
    with delivery.database.transaction() as session:
        delivery.parts.alerts.move(session, delivery.alert().id, Move.ACKNOWLEDGE, who="enterprise:e", text="收到")
    states = {push.endpoint_id == county: (push.state, push.state_reason) for push in delivery.pushes()}
    assert states == {True: ("due", None), False: ("cancelled", "acknowledged")}
    delivery.take(longer(risk, 2, "repeated", hours=4))
    raised = [push for push in delivery.pushes() if push.reason == "level_raised"]
    assert len(raised) == 2 and all(push.state == "due" for push in raised)
    assert delivery.alert().status is Status.ACKNOWLEDGED


def test_a_new_window_after_an_alert_was_withdrawn_opens_a_follow_up(delivery: DeliveryHarness) -> None:
    delivery.take(a_risk())
    first = delivery.alert()
    with delivery.database.transaction() as session:
        delivery.parts.alerts.move(session, first.id, Move.WITHDRAW, who="officer:o", text="检修")
    delivery.take(longer(a_risk(), 2, "first", hours=2))
    second = delivery.alert()
    assert (second.previous, second.number, second.status) == (first.id, 2, Status.OPEN)
    assert reasons(delivery) == ["first", "withdrawn", "first"]


def test_a_risk_that_follows_another_names_the_former_alert(delivery: DeliveryHarness) -> None:
    delivery.take(a_risk(id="rsk_1"), a_risk(id="rsk_2", previous="rsk_1"))
    assert delivery.alert("rsk_2").previous == delivery.alert("rsk_1").id


def test_what_is_no_risk_is_passed_over_and_counted(delivery: DeliveryHarness) -> None:
    seen = Event(DISCHARGE_SEEN, "/monitoring", "discharge:p:2026-11-20", 1, T0, {"permit": "p"})
    record = Record(RISKS, 0, 0, ENTERPRISE, encode_event(seen), {}, datetime.now(UTC))
    with delivery.database.transaction() as session:
        delivery.parts.risk_records.take(session, [record])
    assert delivery.published() == []
    assert delivery.parts.metrics.push_decisions.labels("ignored")._value.get() == 1


CONDITIONS = ("first", "lasting", "grave", "repeated")


@st.composite
def lives(draw: st.DrawFn) -> list[Risk]:
    """The revisions of one risk as its finder published them."""
    risk = a_risk()
    published = [replace(risk, condition=draw(st.sampled_from(CONDITIONS)))]
    for revision in range(2, draw(st.integers(2, 6)) + 1):
        hours = revision
        grown = longer(risk, revision, draw(st.sampled_from(CONDITIONS)), hours=hours)
        state = draw(st.sampled_from([RiskState.OPEN, RiskState.OPEN, RiskState.CLEARED, RiskState.WITHDRAWN]))
        if state is RiskState.CLEARED:
            grown = replace(cleared(grown, revision, hours=hours), condition=grown.condition)
        published.append(replace(grown, state=state))
    return published


def outcome(delivery: DeliveryHarness) -> tuple[str, str, str, str]:
    alert = delivery.alert()
    return alert.status.value, alert.stage.value, alert.level.value, alert.risk.state.value


@settings(max_examples=40, deadline=None)
@given(life=lives(), data=st.data())
def test_any_order_and_any_repetition_end_in_the_same_alert_and_push_nothing_twice(
    life: list[Risk], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ordered, mixed = a_delivery_harness(Path(folder) / "a"), a_delivery_harness(Path(folder) / "b")
        for delivery in (ordered, mixed):
            delivery.endpoint(URL)
        ordered.take(*life)
        received = data.draw(st.permutations([*life, *data.draw(st.lists(st.sampled_from(life), max_size=4))]))
        cut = data.draw(st.integers(0, len(received)))
        mixed.take(*received[:cut])
        mixed.take(*received[cut:])
        assert outcome(mixed) == outcome(ordered)
        before = [push.id for push in mixed.pushes()]
        assert len(before) == len(set(before))
        mixed.take(*received)  # a full replay adds no effect
        assert [push.id for push in mixed.pushes()] == before
        assert outcome(mixed) == outcome(ordered)
        for delivery in (ordered, mixed):
            delivery.database.close()
