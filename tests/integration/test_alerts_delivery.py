"""Delivery with real sockets and rows: schedules, lanes, leases, disabled endpoints, replays, clocks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from standardwebhooks import Webhook

from services.alerts.channels.base import TryLater, Why
from services.alerts.delivery.sender import Policy
from services.alerts.domain.retry import Schedule
from services.alerts.store.endpoints import sealed_secrets
from services.alerts.store.tables import ENDPOINT, PUSH
from shared.access import Caller, Role
from shared.database import open_database
from shared.domain.clock import monotonic_s, rfc3339
from shared.domain.errors import Conflict
from tests.support.alerts_case import ENTERPRISE, T0, DeliveryHarness, a_delivery_harness, a_risk, longer
from tests.support.receiver import Receiver

ADMIN = Caller(Role.ADMIN, "admin")
OWNER = Caller(Role.ENTERPRISE, "owner", credit_codes=(ENTERPRISE,))
QUICK = Schedule((0, 0.02, 0.02, 0.02))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, database_url: str | None) -> Iterator[DeliveryHarness]:
    database = open_database(database_url, tmp_path, "alerts")
    if database_url is not None:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS alerts")
    desk = a_delivery_harness(tmp_path, schedule=QUICK, database=database)
    yield desk
    desk.database.close()


def states(desk: DeliveryHarness) -> list[str]:
    return [push.state for push in desk.pushes()]


def test_a_failing_receiver_is_tried_by_schedule_with_one_webhook_id_and_fresh_signatures(
    desk: DeliveryHarness, receiver: Receiver
) -> None:
    receiver.modes["/flaky"] = "fail-then-ok:2"
    _, secret = desk.endpoint(receiver.url("/flaky"))
    desk.take(a_risk())
    with desk.sending():
        desk.wait_until(lambda: states(desk) == ["delivered"])
    messages = receiver.wait_taken(3, "/flaky")
    assert len({message.id for message in messages}) == 1
    for message in messages:
        Webhook(secret).verify(message.body, message.headers)
    tried = [(one.number, one.outcome, one.reason, one.status) for one in desk.attempts()]
    assert tried == [
        (1, "later", "server_error", 500),
        (2, "later", "server_error", 500),
        (3, "delivered", "ok", 200),
    ]
    assert desk.endpoints()[receiver.url("/flaky")].failing_since is None


def test_when_the_schedule_is_used_up_the_push_has_failed_and_says_so(
    desk: DeliveryHarness, receiver: Receiver
) -> None:
    receiver.modes["/no"] = "bad-request"
    desk.endpoint(receiver.url("/no"))
    desk.take(a_risk())
    with desk.sending():
        desk.wait_until(lambda: states(desk) == ["failed"])
    assert desk.pushes()[0].state_reason == "exhausted"
    assert len(desk.attempts()) == len(receiver.ids("/no")) == len(QUICK.waits_s)


def test_410_disables_the_endpoint_and_enabling_lets_waiting_pushes_go(
    desk: DeliveryHarness, receiver: Receiver
) -> None:
    url = receiver.url("/gone")
    receiver.modes["/gone"] = "gone"
    endpoint_id, _ = desk.endpoint(url)
    desk.take(a_risk())
    with desk.sending():
        desk.wait_until(lambda: states(desk) == ["failed"])
        row = desk.endpoints()[url]
        assert (row.state, row.state_reason) == ("disabled", "gone")
        desk.take(a_risk(id="rsk_b"))
        assert len(desk.pushes()) == 1  # nothing is written for who wants no more
        receiver.modes["/gone"] = "ok"
        with desk.database.transaction() as session:
            desk.parts.endpoint_store.enable(session, endpoint_id, ADMIN, wall_now=datetime.now(UTC))
            desk.parts.push_store.replay(session, desk.pushes()[0].id, ADMIN, wall_now=datetime.now(UTC))
            desk.parts.signal.notify_after_commit(session)
        desk.wait_until(lambda: states(desk) == ["delivered"])
    assert [one.outcome for one in desk.attempts()] == ["refused", "delivered"]
    assert len(set(receiver.ids("/gone"))) == 1


def test_every_attempt_has_the_bytes_of_the_event_also_after_a_restart(
    desk: DeliveryHarness, receiver: Receiver
) -> None:
    receiver.modes["/restarted"] = "fail-then-ok:2"
    desk.endpoint(receiver.url("/restarted"))
    desk.take(a_risk(outlet_name="1号\u2028锅炉"))
    with desk.sending():
        desk.wait_until(lambda: states(desk) == ["delivered"])
    (push,) = desk.pushes()
    with desk.database.transaction() as session:
        desk.parts.pushes.replay(session, push.id, ADMIN)
    with a_delivery_harness(Path(), database=desk.database).sending():
        messages = receiver.wait_taken(4, "/restarted")
    (value,) = (bytes(event.value) for event in desk.published() if event.event_id == push.event_id)
    assert [message.body for message in messages] == [value] * 4


def test_a_replay_by_hand_sends_the_same_webhook_id_again(desk: DeliveryHarness, receiver: Receiver) -> None:
    desk.endpoint(receiver.url("/again"))
    desk.take(a_risk())
    with desk.sending():
        desk.wait_until(lambda: states(desk) == ["delivered"])
        with desk.database.transaction() as session:
            desk.parts.push_store.replay(session, desk.pushes()[0].id, ADMIN, wall_now=datetime.now(UTC))
            desk.parts.signal.notify_after_commit(session)
        first, second = receiver.wait_taken(2, "/again")
    assert first.id == second.id and first.body == second.body


def test_a_new_schedule_changes_no_push_under_way(tmp_path: Path) -> None:
    desk = a_delivery_harness(tmp_path, schedule=Schedule((0, 300, 1800)))
    desk.endpoint("http://127.0.0.1:1/")
    desk.take(a_risk())
    sender, now = a_delivery_harness(tmp_path, database=desk.database).sender(), datetime.now(UTC)
    with desk.database.transaction() as session:
        (push,) = sender.queue.claim(session, now + timedelta(seconds=1), limit=5, held={}, a_lane=4)
    again = sender.next_attempt_at(push, TryLater(Why.TIMEOUT), now)
    assert again is not None and 240 <= (again - now).total_seconds() <= 360
    assert sender.next_attempt_at(replace(push, step=2), TryLater(Why.TIMEOUT), now) is None
    desk.database.close()


def test_an_endpoint_that_only_fails_for_five_days_is_disabled_and_its_pushes_wait(desk: DeliveryHarness) -> None:
    url = "http://127.0.0.1:1/"
    desk.endpoint(url)
    desk.take(a_risk())
    now = datetime.now(UTC)
    with desk.database.transaction() as session:
        since = {"failing_since": now - timedelta(hours=121), "last_failure_at": now - timedelta(hours=20)}
        session.connection().execute(update(ENDPOINT).values(**since))
    with desk.sending():
        desk.wait_until(lambda: desk.endpoints()[url].state == "disabled")
    assert desk.endpoints()[url].state_reason == "only_failures"
    assert states(desk) == ["due"]


def test_a_dead_sender_s_lease_runs_out_and_the_push_goes_once_more_with_its_id(
    desk: DeliveryHarness, receiver: Receiver
) -> None:
    desk.endpoint(receiver.url("/leased"))
    desk.take(a_risk())
    dead, now = desk.sender(), datetime.now(UTC)
    with desk.database.transaction() as session:
        (held,) = dead.queue.claim(session, now, limit=5, held={}, a_lane=4)
    with desk.database.transaction() as session:  # while the lease runs nobody else takes it
        assert dead.queue.claim(session, now + timedelta(seconds=29), limit=5, held={}, a_lane=4) == []
        (again,) = dead.queue.claim(session, now + timedelta(seconds=31), limit=5, held={}, a_lane=4)
    assert (again.id, again.fence) == (held.id, held.fence + 1)
    ended = dead._judged(held, TryLater(Why.RESET), now, 0.1)
    with desk.database.transaction() as session:
        assert not dead.queue.mark(session, ended)  # the former holder was overtaken
    assert states(desk) == ["sending"]
    desk.clocks.wall_offset = timedelta(seconds=90)
    with desk.sending():
        receiver.wait_taken(1, "/leased")
        desk.wait_until(lambda: states(desk) == ["delivered"])
    assert receiver.ids("/leased") == [held.id]


def test_two_senders_never_hold_the_same_push(desk: DeliveryHarness) -> None:
    for number in range(30):
        desk.endpoint(f"http://127.0.0.1:1/{number}")
    desk.take(a_risk())
    now, held, sender = datetime.now(UTC), [], desk.sender()
    gate, deadline = threading.Barrier(4), monotonic_s() + 20

    def claim() -> None:
        gate.wait()
        while len(held) < 30 and monotonic_s() < deadline:
            with desk.database.transaction() as session:
                held.extend(p.id for p in sender.queue.claim(session, now, limit=4, held={}, a_lane=4))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == len(set(held)) == 30


def test_the_first_proven_delivery_starts_the_enterprise_s_and_the_authority_s_clock(
    desk: DeliveryHarness, receiver: Receiver
) -> None:
    desk.endpoint(receiver.url("/enterprise"))
    desk.endpoint(receiver.url("/county"), region="150102")
    risk = a_risk(condition="grave")
    desk.take(risk)
    assert desk.alert().due_enterprise is None
    desk.clocks.field_now = T0 + timedelta(minutes=10)
    with desk.sending():
        desk.wait_until(lambda: states(desk) == ["delivered"] * 2)
        desk.wait_until(lambda: desk.alert().due_enterprise and desk.alert().due_authority)
        desk.clocks.field_now = T0 + timedelta(hours=5)
        desk.take(longer(risk, 2, "repeated", hours=5))
        desk.wait_until(lambda: states(desk) == ["delivered"] * 4)
    alert = desk.alert()
    assert alert.due_enterprise == T0 + timedelta(minutes=10, hours=24)
    assert alert.due_authority == T0 + timedelta(minutes=10, hours=48)
    with desk.database.read() as session:
        document = desk.parts.alert_store.document(session, alert.id, ADMIN)
        history = desk.parts.alert_store.history(session, alert.id)
    assert document["due"]["enterprise"] == rfc3339(alert.due_enterprise)
    assert [row.what for row in history].count("delivered") == 2


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(desk: DeliveryHarness, receiver: Receiver) -> None:
    endpoint_id, old = desk.endpoint(receiver.url("/rotated"))
    with desk.database.transaction() as session:
        new = desk.parts.endpoint_store.rotate(session, endpoint_id, OWNER, wall_now=datetime.now(UTC))
    desk.take(a_risk())
    with desk.sending():
        (message,) = receiver.wait_taken(1, "/rotated")
        desk.wait_until(lambda: states(desk) == ["delivered"])
    for secret in (old, new):
        Webhook(secret).verify(message.body, message.headers)
    row = desk.endpoints()[receiver.url("/rotated")]
    assert desk.parts.endpoint_store.secrets(sealed_secrets(row), datetime.now(UTC) + timedelta(hours=25)) == (new,)
    assert new not in str(row) and old not in str(row)


def test_hanging_endpoints_do_not_hold_up_healthy_ones(desk: DeliveryHarness, receiver: Receiver) -> None:
    for number in range(12):
        receiver.modes[f"/stall{number}"] = "stall-accept"
        desk.endpoint(receiver.url(f"/stall{number}"))
        desk.endpoint(receiver.url(f"/good{number}"))
    with desk.sending(total_s=15.0):
        for number in range(8):
            desk.take(a_risk(id=f"rsk_{number}"))
        # one after the other, the hanging ones alone would take 12 * 8 * 15 s
        assert receiver.wait_for(lambda: sum(one.path.startswith("/good") for one in receiver.taken) == 96, 14)
    assert not [one for one in desk.attempts() if one.reason == "timeout"], "a healthy one waited for a hanging one"


def test_a_replayed_delivery_that_is_on_its_way_is_refused(desk: DeliveryHarness) -> None:
    desk.endpoint("http://127.0.0.1:1/")
    desk.take(a_risk())
    sender = desk.sender()
    with desk.database.transaction() as session:
        (push,) = sender.queue.claim(session, datetime.now(UTC), limit=1, held={}, a_lane=4)
    with desk.database.transaction() as session, pytest.raises(Conflict):
        desk.parts.push_store.replay(session, push.id, ADMIN, wall_now=datetime.now(UTC))


def test_stopping_gives_back_what_was_not_tried_and_ends_soon(desk: DeliveryHarness, receiver: Receiver) -> None:
    receiver.modes["/stall"] = "stall-accept"
    desk.endpoint(receiver.url("/stall"))
    for number in range(8):
        desk.take(a_risk(id=f"rsk_{number}"))
    with desk.sending(Policy(poll_s=0.05, grace_s=0.2)):
        receiver.wait_taken(4, "/stall")
        began = monotonic_s()
    assert monotonic_s() - began < 4
    assert set(states(desk)) <= {"due", "sending"}
    assert len(desk.rows(PUSH)) == 8


def test_one_result_that_cannot_be_recorded_stops_no_other(desk: DeliveryHarness, receiver: Receiver) -> None:
    for number in range(3):
        desk.take(a_risk(id=f"rsk_{number}"))
    desk.endpoint(receiver.url("/hook"))
    for number in range(3, 6):
        desk.take(a_risk(id=f"rsk_{number}"))
    with desk.database.transaction() as session:  # its alert is gone: marking it as delivered raises
        session.connection().execute(update(PUSH).where(PUSH.c.id == desk.pushes()[0].id).values(alert_id="alr_gone"))
    with desk.sending():
        desk.wait_until(lambda: states(desk).count("delivered") == 2)
    assert set(receiver.ids("/hook")) == {push.id for push in desk.pushes()}
