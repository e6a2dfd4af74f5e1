"""What people may do with an alert in each state, as the routes answer it on both databases: allowed, refused, written down."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.alerts.domain.alert import Move, Status
from shared.domain.risk import RiskState
from tests.support.alerts_case import OTHER, T0, cleared
from tests.support.alerts_harness import AlertsHarness, an_exceedance, minutes, opened_on

CODE = "91150102MA0N0AAA1B"
ME, OFFICER = f"enterprise:{CODE}", "officer:1501"
BY = {Move.ACKNOWLEDGE: ME, Move.ANSWER: ME, Move.OBJECTION: ME} | dict.fromkeys(
    (Move.VERIFY, Move.CLOSE, Move.WITHDRAW), OFFICER
)
TO: dict[Status, tuple[Move, ...]] = {
    Status.OPEN: (),
    Status.ACKNOWLEDGED: (Move.ACKNOWLEDGE,),
    Status.ANSWERED: (Move.ACKNOWLEDGE, Move.ANSWER),
    Status.VERIFIED: (Move.ACKNOWLEDGE, Move.ANSWER, Move.VERIFY),
    Status.CLOSED: (Move.ACKNOWLEDGE, Move.ANSWER, Move.VERIFY, Move.CLOSE),
    Status.WITHDRAWN: (Move.WITHDRAW,),
}
ALLOWED: dict[Status, set[Move]] = {
    Status.OPEN: {Move.ACKNOWLEDGE, Move.OBJECTION, Move.WITHDRAW},
    Status.ACKNOWLEDGED: {Move.ANSWER, Move.OBJECTION, Move.WITHDRAW},
    Status.ANSWERED: {Move.VERIFY, Move.OBJECTION, Move.WITHDRAW},
    Status.VERIFIED: {Move.CLOSE},
    Status.CLOSED: set(),
    Status.WITHDRAWN: set(),
}


@pytest.fixture
def harness(tmp_path: Path, database_url: str | None) -> Iterator[AlertsHarness]:
    yield from opened_on(database_url, tmp_path)


def post(harness: AlertsHarness, who: str, alert_id: str, move: str, body: object = None) -> Any:
    given = {"text": "情况说明"} if body is None else body
    return harness.client(who).post(f"/alerts/v1/alerts/{alert_id}/{move}", json=given)


def an_alert(harness: AlertsHarness, risk_id: str, *moves: Move) -> str:
    """A fresh alert on which these moves were made."""
    harness.take(an_exceedance(CODE, T0, id=risk_id))
    alert_id = harness.alert(risk_id).id
    for move in moves:
        assert post(harness, BY[move], alert_id, move).status_code == 200
    return alert_id


def test_each_move_is_possible_exactly_in_its_states(harness: AlertsHarness) -> None:
    for status, moves in TO.items():
        for move in Move:
            alert_id = an_alert(harness, f"rsk_{status}_{move}", *moves)
            before = harness.get(OFFICER, f"/alerts/{alert_id}")
            answer = post(harness, BY[move], alert_id, move)
            after = harness.get(OFFICER, f"/alerts/{alert_id}")
            assert answer.status_code == (200 if move in ALLOWED[status] else 409), (status, move)
            if move in ALLOWED[status]:
                assert after["revision"] == before["revision"] + 1
                assert len(after["history"]) == len(before["history"]) + 1
            else:
                assert after == before, "a refused move left a trace"


def test_a_refused_move_names_the_state_and_what_is_allowed_there(harness: AlertsHarness) -> None:
    alert_id = an_alert(harness, "rsk_refused")
    problem = post(harness, OFFICER, alert_id, "verify").json()
    assert (problem["status"], problem["code"]) == (409, "alert-state")
    assert "the alert is open" in problem["detail"]
    assert "acknowledge, objection, withdraw" in problem["detail"]
    ended = an_alert(harness, "rsk_ended", Move.WITHDRAW)
    assert "allowed is nothing" in post(harness, ME, ended, "acknowledge").json()["detail"]


def test_a_warning_beforehand_is_closed_without_an_answer(harness: AlertsHarness) -> None:
    """Nobody has to answer it: an officer closes it from any state that is not an end."""
    for n, moves in enumerate(((), (Move.ACKNOWLEDGE,), (Move.ACKNOWLEDGE, Move.ANSWER))):
        risk = an_exceedance(CODE, T0, id=f"rsk_before{n}", kind="data.fault", condition="fault")
        harness.take(risk)
        alert_id = harness.alert(risk.id).id
        for move in moves:
            assert post(harness, ME, alert_id, move).status_code == 200
        assert post(harness, OFFICER, alert_id, "close").json()["status"] == "closed"
        assert post(harness, OFFICER, alert_id, "close").status_code == 409


def test_the_history_says_who_when_and_why_in_the_order_of_the_steps(harness: AlertsHarness) -> None:
    alert_id = an_alert(harness, "rsk_history")
    steps = ((ME, "acknowledge", 10), (ME, "objection", 20), (ME, "answer", 30), (OFFICER, "verify", 40))
    for who, move, after in steps:
        harness.clocks.field_now = T0 + minutes(after)
        assert post(harness, who, alert_id, move, {"text": f"{move}的理由"}).status_code == 200
    harness.clocks.field_now = T0 + minutes(50)
    shown = post(harness, "officer:15", alert_id, "close", {"text": "已办结"}).json()
    written = [(one["what"], one["who"], one["why"]) for one in shown["history"][1:]]
    assert written == [
        ("acknowledged", f"enterprise:{ME}", "acknowledge的理由"),
        ("objected", f"enterprise:{ME}", "objection的理由"),
        ("answered", f"enterprise:{ME}", "answer的理由"),
        ("verified", f"officer:{OFFICER}", "verify的理由"),
        ("closed", "officer:officer:15", "已办结"),
    ]
    times = [one["at"] for one in shown["history"]]
    assert times == sorted(times) and times[1] == "2026-11-20T09:10:00+08:00"
    assert [one["revision"] for one in shown["history"]] == list(range(1, 7))


@pytest.mark.parametrize("move", ["answer", "objection"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "text"),
        ({"text": ""}, "text"),
        ({"text": "字" * 4001}, "text"),
        ({"text": 7}, "text"),
        ({"text": "好", "status": "closed"}, "status"),
        ([], "body"),
    ],
    ids=["nothing", "empty", "too long", "a number", "another name", "a list"],
)
def test_words_that_are_required_are_asked_for_by_name(tmp_path: Path, move: str, body: object, field: str) -> None:
    for harness in opened_on(None, tmp_path):
        alert_id = an_alert(harness, "rsk_words", Move.ACKNOWLEDGE)
        answer = post(harness, ME, alert_id, move, body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == field
        assert harness.get(ME, f"/alerts/{alert_id}")["status"] == "acknowledged"


def test_words_of_the_greatest_length_in_any_script_are_kept_unchanged(harness: AlertsHarness) -> None:
    words = ("污染治理设施" * 667 + "🏭'\";--%_\n")[:4000]
    alert_id = an_alert(harness, "rsk_long", Move.ACKNOWLEDGE)
    assert post(harness, ME, alert_id, "answer", {"text": words}).status_code == 200
    assert harness.get(OFFICER, f"/alerts/{alert_id}")["history"][-1]["why"] == words


def test_a_note_may_be_left_out_where_no_words_are_required(harness: AlertsHarness) -> None:
    alert_id = an_alert(harness, "rsk_silent")
    path = f"/alerts/v1/alerts/{alert_id}"
    assert harness.client(ME).post(f"{path}/acknowledge").status_code == 200
    assert post(harness, ME, alert_id, "answer").status_code == 200
    assert harness.client(OFFICER).post(f"{path}/verify", json={}).status_code == 200
    assert harness.client(OFFICER).post(f"{path}/close", json={"note": "档案号 7"}).status_code == 200
    texts = [one["why"] for one in harness.get(OFFICER, f"/alerts/{alert_id}")["history"][1:]]
    assert texts == ["", "情况说明", "", "档案号 7"]


def test_of_two_who_move_at_once_one_is_refused_and_one_step_is_written(harness: AlertsHarness) -> None:
    alert_id = an_alert(harness, "rsk_race")
    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(post, harness, ME, alert_id, "acknowledge") for _ in range(4)]
        statuses = sorted(one.result().status_code for one in answers)
    assert statuses == [200, 409, 409, 409]
    shown = harness.get(ME, f"/alerts/{alert_id}")
    assert [one["what"] for one in shown["history"]] == ["opened", "acknowledged"]
    assert shown["revision"] == 2


def test_each_step_is_one_event_with_its_revision(harness: AlertsHarness) -> None:
    alert_id = an_alert(harness, "rsk_events", *TO[Status.CLOSED])
    harness.relay()
    events = [one for one in harness.get(OFFICER, "/events")["items"] if one["data"]["id"] == alert_id]
    assert [one["data"]["revision"] for one in events] == [1, 2, 3, 4, 5]
    assert len({one["id"] for one in events}) == 5
    assert [one["data"]["status"] for one in events] == ["open", "acknowledged", "answered", "verified", "closed"]
    assert events[-1]["type"] == "yujing.alert.closed.v1"


def test_moves_on_what_is_anothers_answer_as_for_what_does_not_exist(harness: AlertsHarness) -> None:
    alert_id = an_alert(harness, "rsk_mine")
    for who, moves in ((f"enterprise:{OTHER}", Move), ("officer:1502", Move), ("officer:11", Move)):
        for move in moves:
            if (who.startswith("officer")) != (BY[move] == OFFICER):
                assert post(harness, who, alert_id, move).status_code == 403
                continue
            hidden, missing = post(harness, who, alert_id, move), post(harness, who, "alr_none", move)
            assert hidden.status_code == missing.status_code == 404
            assert hidden.json()["detail"].replace(alert_id, "alr_none") == missing.json()["detail"]
    assert [one["what"] for one in harness.get(ME, f"/alerts/{alert_id}")["history"]] == ["opened"]


def test_a_longer_excess_does_not_undo_what_people_did(harness: AlertsHarness) -> None:
    risk = an_exceedance(CODE, T0, id="rsk_on")
    harness.take(risk)
    alert_id = harness.alert(risk.id).id
    assert post(harness, ME, alert_id, "acknowledge").status_code == 200
    graver = replace(risk, revision=2, condition="grave", changed_at=T0 + minutes(60))
    harness.take(graver)
    shown = harness.get(ME, f"/alerts/{alert_id}")
    assert (shown["status"], shown["stage"], shown["level"]) == ("acknowledged", "after", "orange")
    harness.take(cleared(graver, 3))
    shown = harness.get(ME, f"/alerts/{alert_id}")
    assert shown["status"] == "acknowledged" and shown["cleared_at"] is not None
    assert post(harness, ME, alert_id, "answer").status_code == 200


@pytest.mark.parametrize("ended", [Status.VERIFIED, Status.CLOSED])
def test_what_officers_have_verified_is_contradicted_and_not_withdrawn(harness: AlertsHarness, ended: Status) -> None:
    """A re-decision finds no violation where officers found one: both stand in the history."""
    risk = an_exceedance(CODE, T0, id="rsk_again")
    alert_id = an_alert(harness, risk.id, *TO[ended])
    harness.take(replace(risk, revision=2, state=RiskState.WITHDRAWN, changed_at=T0 + minutes(90)))
    shown = harness.get(OFFICER, f"/alerts/{alert_id}")
    assert shown["status"] == ended.value
    assert shown["history"][-1]["what"] == "contradicted"
    assert shown["history"][-1]["who"] == "system"


@pytest.mark.parametrize("before", [Status.OPEN, Status.ACKNOWLEDGED, Status.ANSWERED])
def test_what_nobody_verified_is_withdrawn_by_a_redecision(harness: AlertsHarness, before: Status) -> None:
    risk = an_exceedance(CODE, T0, id="rsk_back")
    alert_id = an_alert(harness, risk.id, *TO[before])
    harness.take(replace(risk, revision=2, state=RiskState.WITHDRAWN, changed_at=T0 + minutes(90)))
    shown = harness.get(OFFICER, f"/alerts/{alert_id}")
    assert (shown["status"], shown["history"][-1]["what"]) == ("withdrawn", "withdrawn")
    assert post(harness, ME, alert_id, "objection").status_code == 409


def test_actions_of_a_shown_alert_are_those_that_the_routes_allow(harness: AlertsHarness) -> None:
    for status, moves in TO.items():
        alert_id = an_alert(harness, f"rsk_actions_{status}", *moves)
        shown = harness.get(OFFICER, f"/alerts/{alert_id}")
        named = {one["rel"] for one in shown["actions"]}
        assert named & {move.value for move in Move} == {move.value for move in ALLOWED[status]}, status
