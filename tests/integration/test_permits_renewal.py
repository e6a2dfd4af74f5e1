"""Renewals, gaps and working days on real rows: a PUT, a tick, a discharge, a restart; what `risks` receives of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from services.permits.handlers import coverage_gaps, renewals
from services.permits.service import registrar_of
from shared.access import Role
from shared.domain.events import DISCHARGE_SEEN, RISKS, Event
from shared.domain.risk import Risk
from shared.eventlog.codec import encode_event
from shared.ports import Record
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, put, refusal, register_harness

ENDING = Source(valid_from="2021-12-16", valid_to="2026-12-15")  # 25 days left on 20 November
LATER = Source(number=2, valid_from="2022-05-20", valid_to="2027-05-19")  # 180 days left
MINE, PERMIT = f"/permits/v1/enterprises/{ENDING.code}", f"/permits/v1/permits/{ENDING.permit}"
COUNTY = "/permits/v1/regions/150102"


@pytest.fixture
def register(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path, database_url) as opened:
        yield opened


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RegisterHarness]:
    """The same on SQLite only."""
    with register_harness(tmp_path) as opened:
        yield opened


def tick(opened: RegisterHarness) -> None:
    for job in opened.service.jobs:
        job.run(opened.clock.at)


def published_risks(opened: RegisterHarness) -> list[tuple[str, str, str]]:
    """(kind, condition, state or why it ended) of every risk published, in order."""
    risks = [Risk.read(event["data"]) for event in opened.published(topic=RISKS)]
    return [(one.kind, one.condition, (one.cleared or one.state).value) for one in risks]


def discharge(opened: RegisterHarness, number: str, day: date) -> None:
    """`risks` brings a DischargeSeen to the group `permits`."""
    facts = {"permit": number, "credit_code": number[:18], "day": day.isoformat()}
    event = Event(DISCHARGE_SEEN, "/monitoring", f"discharge:{number}:{day}", 1, opened.clock.at, facts)
    record = Record(RISKS, 0, 0, number[:18], encode_event(event), {}, datetime.now(UTC))
    handle(opened, [record])


def handle(opened: RegisterHarness, records: Sequence[Record]) -> None:
    (handler,) = [one.handlers[RISKS] for one in opened.service.consumptions if RISKS in one.handlers]
    with opened.service.database.transaction() as session:
        handler(session, records)


def test_a_put_sweeps_its_own_permit_at_once_and_no_tick_repeats_it(register: RegisterHarness) -> None:
    register.register(ENDING)
    assert published_risks(register) == [("permit.renewal", "late", "open")]
    for _ in range(3):
        tick(register)
    assert len(published_risks(register)) == 1
    (event,) = register.published(topic=RISKS)
    risk = Risk.read(event["data"])
    assert (event["type"], event["revision"], event["subject"]) == ("yujing.risk.opened.v1", 1, risk.id)
    assert (risk.permit, risk.credit_code, risk.region) == (ENDING.permit, ENDING.code, "150102")
    assert risk.facts["valid_to"] == "2026-12-15"
    assert risk.facts["left_days"] == "25"
    assert risk.why["zh"] and risk.why["en"]


def test_days_that_nobody_ticked_are_caught_up_with_the_gravest_step_alone(register: RegisterHarness) -> None:
    register.register(LATER)
    assert published_risks(register) == [("permit.renewal", "left_180", "open")]
    register.tomorrow(days=170)
    tick(register)
    tick(register)
    register.tomorrow(days=11)
    tick(register)
    assert published_risks(register)[1:] == [
        ("permit.renewal", "late", "open"),
        ("permit.renewal", "expired_quiet", "open"),
    ]
    assert [event["revision"] for event in register.published(topic=RISKS)] == [1, 2, 3]
    assert len({event["subject"] for event in register.published(topic=RISKS)}) == 1


def test_a_permit_that_has_expired_keeps_no_other_from_being_swept(register: RegisterHarness) -> None:
    register.register(ENDING, LATER)
    register.tomorrow(days=26)  # ENDING expires: nothing but an edit or a discharge can bring news of it
    tick(register)
    published = len(published_risks(register))
    register.tomorrow(days=70)  # 84 days before LATER's end
    tick(register)
    assert published_risks(register)[published:] == [("permit.renewal", "left_90", "open")]


def test_a_sweep_of_many_batches_evaluates_each_permit_once(
    register: RegisterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewals, "BATCH", 2)
    sources = [Source(number=number, valid_to="2027-06-30") for number in range(1, 6)]
    register.register(*sources)
    assert published_risks(register) == []
    register.tomorrow(days=60)  # 162 days before the end
    swept = renewals.sweep_renewals(registrar_of(register.context), register.service.database, register.clock.at)
    assert swept == 5
    assert published_risks(register) == [("permit.renewal", "left_180", "open")] * 5
    assert {event["data"]["permit"] for event in register.published(topic=RISKS)} == {one.permit for one in sources}


def test_gaps_of_many_enterprises_are_swept_in_batches(
    register: RegisterHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coverage_gaps, "BATCH", 1)
    admin, sources = register.client(), [Source(number=number) for number in range(1, 4)]
    for source in sources:
        put(admin, f"/permits/v1/enterprises/{source.code}", source.enterprise())
        put(admin, f"/permits/v1/points/{source.mn}", {"system": "31", "credit_code": source.code, "outlet": "DA001"})
    put(admin, COUNTY, {"register_complete": True})
    tick(register)
    assert sorted(published_risks(register)[3:]) == sorted(
        [("permit.missing", "gap", "open"), ("register.gap", "gap", "taken_back")] * 3
    )


def test_a_clock_set_back_repeats_nothing(desk: RegisterHarness) -> None:
    desk.register(LATER)
    for days in (100, -90, 95, -100, 130):
        desk.tomorrow(days=days)
        tick(desk)
    # days left on the way: 80, 170, 75 (W is Fri 19 March, noticed from the 5th), 175, 45
    assert [condition for _, condition, _ in published_risks(desk)] == ["left_180", "left_90", "statutory", "late"]


def test_a_restart_repeats_nothing(tmp_path: Path) -> None:
    with register_harness(tmp_path) as opened:
        opened.register(ENDING)
    with register_harness(tmp_path) as opened:
        tick(opened)
        assert published_risks(opened) == [("permit.renewal", "late", "open")]


def test_a_renewal_clears_and_a_gap_waits(register: RegisterHarness) -> None:
    admin = register.register(ENDING)
    gapped = {**ENDING.document(), "valid_from": "2026-12-20", "valid_to": "2031-12-19"}
    put(admin, PERMIT, gapped)
    assert published_risks(register)[1:] == []
    whole = {**ENDING.document(), "valid_from": "2026-12-16", "valid_to": "2031-12-15"}
    put(admin, PERMIT, whole)
    assert published_risks(register)[1:] == [("permit.renewal", "late", "renewed")]


def test_an_application_stops_the_enterprise_and_asks_the_desk(register: RegisterHarness) -> None:
    admin = register.register(ENDING)
    put(admin, PERMIT, ENDING.document(renewal_applied_on="2026-11-20"))
    assert published_risks(register)[1:] == [
        ("permit.renewal", "late", "applied"),
        ("permit.decision_due", "pending", "open"),
    ]
    register.tomorrow(days=26)
    tick(register)
    assert published_risks(register)[3:] == [("permit.decision_due", "expired", "open")]


def test_discharge_after_the_end_is_grave_and_the_same_day_twice_is_once(register: RegisterHarness) -> None:
    register.register(ENDING)
    discharge(register, ENDING.permit, date(2026, 12, 15))
    register.tomorrow(days=27)  # 17 December
    tick(register)
    for _ in range(2):
        discharge(register, ENDING.permit, date(2026, 12, 16))
    assert [condition for _, condition, _ in published_risks(register)] == [
        "late",
        "expired_quiet",
        "expired_discharging",
    ]


def test_discharge_beside_an_application_filed_after_the_end_is_shown_to_enterprise_and_desk(
    register: RegisterHarness,
) -> None:
    admin = register.register(ENDING)
    register.tomorrow(days=28)  # 18 December, three days after the end
    put(admin, PERMIT, ENDING.document(renewal_applied_on="2026-12-18"))
    assert published_risks(register)[1:] == [
        ("permit.renewal", "late", "applied"),
        ("permit.decision_due", "expired", "open"),
    ]
    for _ in range(2):
        discharge(register, ENDING.permit, date(2026, 12, 18))
    assert published_risks(register)[3:] == [
        ("permit.renewal", "expired_discharging", "open"),
        ("permit.decision_due", "expired_discharging", "open"),
    ]
    for event in register.published(topic=RISKS)[3:]:
        assert "延续申请已于2026-12-18提交" in event["data"]["why"]["zh"]
        assert "application filed on 2026-12-18" in event["data"]["why"]["en"]
        assert event["data"]["facts"]["applied_on"] == "2026-12-18"
    (item,) = admin.get("/permits/v1/expiring").json()["items"]
    assert (item["step"], item["renewal_applied_on"]) == ("expired_discharging", "2026-12-18")


def test_a_refused_application_restarts_the_warnings_and_a_further_one_stops_them(register: RegisterHarness) -> None:
    admin = register.register(ENDING)
    put(admin, PERMIT, ENDING.document(renewal_applied_on="2026-11-20"))
    register.tomorrow(days=5)
    refused = ENDING.document(renewal_applied_on="2026-11-20", renewal_refused_on="2026-11-25")
    answer = put(admin, PERMIT, refused)
    assert (answer["renewal_refused_on"], answer["change"]) == ("2026-11-25", "new version")
    assert put(admin, PERMIT, refused)["changed"] is False
    assert published_risks(register)[3:] == [
        ("permit.renewal", "late", "open"),
        ("permit.decision_due", "pending", "decided"),
    ]
    facts = register.published(topic=RISKS)[3]["data"]["facts"]
    assert (facts["refused_on"], facts["applied_on"]) == ("2026-11-25", None)
    (item,) = admin.get("/permits/v1/expiring").json()["items"]
    assert (item["step"], item["renewal_applied_on"], item["renewal_refused_on"]) == ("late", None, "2026-11-25")
    register.tomorrow()
    put(admin, PERMIT, ENDING.document(renewal_applied_on="2026-11-26"))
    assert published_risks(register)[5:] == [
        ("permit.renewal", "late", "applied"),
        ("permit.decision_due", "pending", "open"),
    ]


def test_a_refusal_dated_ahead_restarts_the_warnings_at_the_tick_of_its_day(register: RegisterHarness) -> None:
    admin = register.register(ENDING)
    put(admin, PERMIT, ENDING.document(renewal_applied_on="2026-11-20", renewal_refused_on="2026-11-27"))
    published = len(published_risks(register))
    for _ in range(7):
        tick(register)
        assert len(published_risks(register)) == published
        register.tomorrow()
    tick(register)
    assert published_risks(register)[published:] == [
        ("permit.renewal", "late", "open"),
        ("permit.decision_due", "pending", "decided"),
    ]


def test_a_refusal_without_an_application_is_refused_with_what_is_expected(desk: RegisterHarness) -> None:
    admin = desk.register(ENDING)
    (error,) = refusal(admin, PERMIT, ENDING.document(renewal_refused_on="2026-11-20"))
    assert (error["field"], error["value"]) == ("renewal_refused_on", "2026-11-20")
    assert "renewal_applied_on" in error["rule"]


def test_a_discharge_of_a_permit_nobody_knows_is_passed_over(desk: RegisterHarness) -> None:
    discharge(desk, ENDING.permit, date(2026, 12, 15))
    assert published_risks(desk) == []


def test_a_years_notice_that_moves_the_last_day_to_apply_is_reported_by_the_next_tick(
    register: RegisterHarness,
) -> None:
    source = Source(valid_from="2022-04-01", valid_to="2027-04-30")  # 60 days before: Mon 2027-03-01
    register.register(source)
    register.tomorrow(days=90)  # 18 February, within the 14 days before
    tick(register)
    last = register.published(topic=RISKS)[-1]["data"]
    assert (last["condition"], last["facts"]["apply_by"], last["facts"]["provisional"]) == (
        "statutory",
        "2027-03-01",
        True,
    )
    put(
        register.client(),
        "/permits/v1/calendar/2027",
        {"holidays": ["2027-03-01"], "workdays": [], "source": "a notice"},
        201,
    )
    tick(register)
    moved = register.published(topic=RISKS)[-1]["data"]
    assert (moved["condition"], moved["facts"]["apply_by"], moved["facts"]["provisional"]) == (
        "statutory",
        "2027-02-26",
        False,
    )
    published = len(published_risks(register))
    tick(register)
    assert len(published_risks(register)) == published


def test_the_calendar_is_seeded_shown_and_corrected_by_an_admin_alone(desk: RegisterHarness) -> None:
    tick(desk)
    admin, officer = desk.client(), desk.client(Role.OFFICER, region="15", scopes=("register",))
    years = [one["year"] for one in admin.get("/permits/v1/calendar").json()["items"]]
    assert {2024, 2025, 2026} <= set(years) and 2027 not in years
    body = {"holidays": ["2026-10-08"], "workdays": ["2026-10-10"], "source": "a correction"}
    assert officer.put("/permits/v1/calendar/2026", json=body).status_code == 403
    assert put(admin, "/permits/v1/calendar/2026", body)["changed"] is True
    assert put(admin, "/permits/v1/calendar/2026", body)["changed"] is False
    assert admin.get("/permits/v1/calendar/2027").status_code == 404
    wrong = {**body, "holidays": ["2025-10-08"]}
    assert admin.put("/permits/v1/calendar/2026", json=wrong).status_code == 422


def test_a_point_without_permit_is_our_gap_until_the_register_is_complete_and_then_the_enterprises(
    register: RegisterHarness,
) -> None:
    admin = register.client()
    put(admin, MINE, ENDING.enterprise())
    point = {"mn": ENDING.mn, "system": "31", "credit_code": ENDING.code, "outlet": "DA001"}
    put(admin, f"/permits/v1/points/{ENDING.mn}", point)
    put(admin, f"/permits/v1/points/{ENDING.mn}", point)
    assert published_risks(register) == [("register.gap", "gap", "open")]
    put(admin, COUNTY, {"register_complete": True})
    tick(register)
    tick(register)
    assert sorted(published_risks(register)[1:]) == [
        ("permit.missing", "gap", "open"),
        ("register.gap", "gap", "taken_back"),
    ]
    put(admin, PERMIT, ENDING.document())
    assert ("permit.missing", "gap", "covered") in published_risks(register)


def test_a_point_out_of_service_is_no_gap(desk: RegisterHarness) -> None:
    admin = desk.client()
    put(admin, MINE, ENDING.enterprise())
    put(admin, f"/permits/v1/points/{ENDING.mn}", {"mn": ENDING.mn, "system": "31", "credit_code": ENDING.code})
    assert admin.delete(f"/permits/v1/points/{ENDING.mn}").status_code == 200
    assert published_risks(desk) == [("register.gap", "gap", "open"), ("register.gap", "gap", "unregistered")]


def test_coverage_says_what_each_enterprise_of_the_callers_region_lacks(desk: RegisterHarness) -> None:
    admin = desk.register(ENDING)
    bare = Source(number=3)
    put(admin, f"/permits/v1/enterprises/{bare.code}", bare.enterprise())
    put(admin, f"/permits/v1/enterprises/{Source(region='110105').code}", Source(region="110105").enterprise())
    officer = desk.client(Role.OFFICER, region="15")
    items = officer.get("/permits/v1/coverage").json()["items"]
    assert {one["credit_code"]: one["lacks"] for one in items} == {
        ENDING.code: ["endpoint"],
        bare.code: ["permit", "points", "endpoint"],
    }
    first = officer.get("/permits/v1/coverage", params={"limit": 1}).json()
    rest = officer.get("/permits/v1/coverage", params={"limit": 1, "cursor": first["next"]}).json()
    assert [*first["items"], *rest["items"]] == items and rest["next"] is None
    assert desk.client(Role.ENTERPRISE, credit_codes=(ENDING.code,)).get("/permits/v1/coverage").status_code == 403


def test_expiring_is_seen_from_any_day_page_by_page_and_only_what_is_the_callers(register: RegisterHarness) -> None:
    register.register(LATER, ENDING)
    admin = register.client()
    now = admin.get("/permits/v1/expiring").json()["items"]
    assert [(one["number"], one["left_days"], one["step"]) for one in now] == [
        (ENDING.permit, 25, "late"),
        (LATER.permit, 180, "left_180"),
    ]
    first = admin.get("/permits/v1/expiring", params={"limit": 1}).json()
    rest = admin.get("/permits/v1/expiring", params={"limit": 1, "cursor": first["next"]}).json()
    assert [*first["items"], *rest["items"]] == now
    assert admin.get("/permits/v1/expiring", params={"on": "2026-06-17"}).json()["items"] == []
    mine = register.client(Role.ENTERPRISE, credit_codes=(LATER.code,)).get("/permits/v1/expiring").json()["items"]
    assert [one["number"] for one in mine] == [LATER.permit]
    assert admin.get("/permits/v1/expiring", params={"cursor": "eyJhIjoxfQ"}).status_code == 422


def test_a_tick_with_nothing_due_looks_at_no_permit(desk: RegisterHarness) -> None:
    desk.register(Source(valid_to="2031-01-01"))
    before = len(desk.published(topic=RISKS))
    desk.clock.at += timedelta(days=1)
    tick(desk)
    assert len(desk.published(topic=RISKS)) == before == 0
