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

from services.alerts.channels import by_kind
from services.alerts.channels.base import OutboundMessage, Outcome, TryLater, Why
from services.alerts.channels.guard import Guard
from services.alerts.channels.webhook import WebhookChannel
from services.alerts.delivery.policy import Policy
from services.alerts.domain.retry import Schedule
from services.alerts.store.endpoints import PURPOSE, sealed_secrets
from services.alerts.store.tables import ENDPOINT, PUSH
from shared.access import Caller, Role
from shared.database import open_database
from shared.domain.clock import monotonic_s, rfc3339
from shared.domain.errors import Conflict
from shared.runtime.secrets import Sealer
from tests.support.alerts_case import ENTERPRISE, LOOPBACK, T0, DeliveryHarness, a_delivery_harness, a_risk, longer
from tests.support.receiver import Receiver

ADMIN = Caller(Role.ADMIN, "admin")
OWNER = Caller(Role.ENTERPRISE, "owner", credit_codes=(ENTERPRISE,))
QUICK = Schedule((0, 0.02, 0.02, 0.02))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def delivery(tmp_path: Path, database_url: str | None) -> Iterator[DeliveryHarness]:
    database = open_database(database_url, tmp_path, "alerts")
    if database_url is not None:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS alerts")
    delivery = a_delivery_harness(tmp_path, schedule=QUICK, database=database)
    yield delivery
    delivery.database.close()


def states(delivery: DeliveryHarness) -> list[str]:
    return [push.state for push in delivery.pushes()]


def test_a_failing_receiver_is_tried_by_schedule_with_one_webhook_id_and_fresh_signatures(
    delivery: DeliveryHarness, receiver: Receiver
) -> None:
    receiver.modes["/flaky"] = "fail-then-ok:2"
    _, secret = delivery.endpoint(receiver.url("/flaky"))
    delivery.take(a_risk())
    with delivery.sending():
        delivery.wait_until(lambda: states(delivery) == ["delivered"])
    messages = receiver.wait_taken(3, "/flaky")
    assert len({message.id for message in messages}) == 1
    for message in messages:
        Webhook(secret).verify(message.body, message.headers)
    tried = [(one.number, one.outcome, one.reason, one.status) for one in delivery.attempts()]
    assert tried == [
        (1, "later", "server_error", 500),
        (2, "later", "server_error", 500),
        (3, "delivered", "ok", 200),
    ]
    assert delivery.endpoints()[receiver.url("/flaky")].failing_since is None


def test_when_the_schedule_is_used_up_the_push_has_failed_and_says_so(
    delivery: DeliveryHarness, receiver: Receiver
) -> None:
    receiver.modes["/no"] = "bad-request"
    delivery.endpoint(receiver.url("/no"))
    delivery.take(a_risk())
    with delivery.sending():
        delivery.wait_until(lambda: states(delivery) == ["failed"])
    assert delivery.pushes()[0].state_reason == "exhausted"
    assert len(delivery.attempts()) == len(receiver.ids("/no")) == len(QUICK.waits_s)


def test_410_disables_the_endpoint_and_enabling_lets_waiting_pushes_go(
    delivery: DeliveryHarness, receiver: Receiver
) -> None:
    url = receiver.url("/gone")
    receiver.modes["/gone"] = "gone"
    endpoint_id, _ = delivery.endpoint(url)
    delivery.take(a_risk())
    with delivery.sending():
        delivery.wait_until(lambda: states(delivery) == ["failed"])
        row = delivery.endpoints()[url]
        assert (row.state, row.state_reason) == ("disabled", "gone")
        delivery.take(a_risk(id="rsk_b"))
        assert len(delivery.pushes()) == 1  # nothing is written for who wants no more
        receiver.modes["/gone"] = "ok"
        with delivery.database.transaction() as session:
            delivery.parts.endpoint_store.enable(session, endpoint_id, ADMIN, wall_now=datetime.now(UTC))
            delivery.parts.push_store.replay(session, delivery.pushes()[0].id, ADMIN, wall_now=datetime.now(UTC))
            delivery.parts.signal.notify_after_commit(session)
        delivery.wait_until(lambda: states(delivery) == ["delivered"])
    assert [one.outcome for one in delivery.attempts()] == ["refused", "delivered"]
    assert len(set(receiver.ids("/gone"))) == 1


def test_every_attempt_has_the_bytes_of_the_event_also_after_a_restart(
    delivery: DeliveryHarness, receiver: Receiver
) -> None:
    receiver.modes["/restarted"] = "fail-then-ok:2"
    delivery.endpoint(receiver.url("/restarted"))
    delivery.take(a_risk(outlet_name="1号\u2028锅炉"))
    with delivery.sending():
        delivery.wait_until(lambda: states(delivery) == ["delivered"])
    (push,) = delivery.pushes()
    with delivery.database.transaction() as session:
        delivery.parts.pushes.replay(session, push.id, ADMIN)
    with a_delivery_harness(Path(), database=delivery.database).sending():
        messages = receiver.wait_taken(4, "/restarted")
    (value,) = (bytes(event.value) for event in delivery.published() if event.event_id == push.event_id)
    assert [message.body for message in messages] == [value] * 4


def test_a_replay_by_hand_sends_the_same_webhook_id_again(delivery: DeliveryHarness, receiver: Receiver) -> None:
    delivery.endpoint(receiver.url("/again"))
    delivery.take(a_risk())
    with delivery.sending():
        delivery.wait_until(lambda: states(delivery) == ["delivered"])
        with delivery.database.transaction() as session:
            delivery.parts.push_store.replay(session, delivery.pushes()[0].id, ADMIN, wall_now=datetime.now(UTC))
            delivery.parts.signal.notify_after_commit(session)
        first, second = receiver.wait_taken(2, "/again")
    assert first.id == second.id and first.body == second.body


def test_a_new_schedule_changes_no_push_under_way(tmp_path: Path) -> None:
    delivery = a_delivery_harness(tmp_path, schedule=Schedule((0, 300, 1800)))
    delivery.endpoint("http://127.0.0.1:1/")
    delivery.take(a_risk())
    sender, now = a_delivery_harness(tmp_path, database=delivery.database).sender(), datetime.now(UTC)
    with delivery.database.transaction() as session:
        (push,) = sender.turns.queue.claim(session, now + timedelta(seconds=1), limit=5, held={}, a_lane=4)
    again = sender.attempts.next_attempt_at(push, TryLater(Why.TIMEOUT), now)
    assert again is not None and 240 <= (again - now).total_seconds() <= 360
    assert sender.attempts.next_attempt_at(replace(push, step=2), TryLater(Why.TIMEOUT), now) is None
    delivery.database.close()


def test_an_endpoint_that_only_fails_for_five_days_is_disabled_and_its_pushes_wait(delivery: DeliveryHarness) -> None:
    url = "http://127.0.0.1:1/"
    delivery.endpoint(url)
    delivery.take(a_risk())
    now = datetime.now(UTC)
    with delivery.database.transaction() as session:
        since = {"failing_since": now - timedelta(hours=121), "last_failure_at": now - timedelta(hours=20)}
        session.connection().execute(update(ENDPOINT).values(**since))
    with delivery.sending():
        delivery.wait_until(lambda: delivery.endpoints()[url].state == "disabled")
    assert delivery.endpoints()[url].state_reason == "only_failures"
    assert states(delivery) == ["due"]


def test_a_dead_sender_s_lease_runs_out_and_the_push_goes_once_more_with_its_id(
    delivery: DeliveryHarness, receiver: Receiver
) -> None:
    delivery.endpoint(receiver.url("/leased"))
    delivery.take(a_risk())
    dead, now = delivery.sender(), datetime.now(UTC)
    with delivery.database.transaction() as session:
        (held,) = dead.turns.queue.claim(session, now, limit=5, held={}, a_lane=4)
    with delivery.database.transaction() as session:  # while the lease runs nobody else takes it
        assert dead.turns.queue.claim(session, now + timedelta(seconds=29), limit=5, held={}, a_lane=4) == []
        (again,) = dead.turns.queue.claim(session, now + timedelta(seconds=31), limit=5, held={}, a_lane=4)
    assert (again.id, again.fence) == (held.id, held.fence + 1)
    ended = dead.attempts.judge(held, TryLater(Why.RESET), now, 0.1)
    with delivery.database.transaction() as session:
        assert not dead.turns.queue.mark(session, ended)  # the former holder was overtaken
    assert states(delivery) == ["sending"]
    delivery.clocks.wall_offset = timedelta(seconds=90)
    with delivery.sending():
        receiver.wait_taken(1, "/leased")
        delivery.wait_until(lambda: states(delivery) == ["delivered"])
    assert receiver.ids("/leased") == [held.id]


def test_two_senders_never_hold_the_same_push(delivery: DeliveryHarness) -> None:
    for number in range(30):
        delivery.endpoint(f"http://127.0.0.1:1/{number}")
    delivery.take(a_risk())
    now, held, sender = datetime.now(UTC), [], delivery.sender()
    gate, deadline = threading.Barrier(4), monotonic_s() + 20

    def claim() -> None:
        gate.wait()
        while len(held) < 30 and monotonic_s() < deadline:
            with delivery.database.transaction() as session:
                held.extend(p.id for p in sender.turns.queue.claim(session, now, limit=4, held={}, a_lane=4))

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == len(set(held)) == 30


def test_the_first_proven_delivery_starts_the_enterprise_s_and_the_authority_s_clock(
    delivery: DeliveryHarness, receiver: Receiver
) -> None:
    delivery.endpoint(receiver.url("/enterprise"))
    delivery.endpoint(receiver.url("/county"), region="150102")
    risk = a_risk(condition="grave")
    delivery.take(risk)
    assert delivery.alert().due_enterprise is None
    delivery.clocks.field_now = T0 + timedelta(minutes=10)
    with delivery.sending():
        delivery.wait_until(lambda: states(delivery) == ["delivered"] * 2)
        delivery.wait_until(lambda: delivery.alert().due_enterprise and delivery.alert().due_authority)
        delivery.clocks.field_now = T0 + timedelta(hours=5)
        delivery.take(longer(risk, 2, "repeated", hours=5))
        delivery.wait_until(lambda: states(delivery) == ["delivered"] * 4)
    alert = delivery.alert()
    assert alert.due_enterprise == T0 + timedelta(minutes=10, hours=24)
    assert alert.due_authority == T0 + timedelta(minutes=10, hours=48)
    with delivery.database.read() as session:
        document = delivery.parts.alert_store.document(session, alert.id, ADMIN)
        history = delivery.parts.alert_store.history(session, alert.id)
    assert document["due"]["enterprise"] == rfc3339(alert.due_enterprise)
    assert [row.what for row in history].count("delivered") == 2


def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(delivery: DeliveryHarness, receiver: Receiver) -> None:
    endpoint_id, old = delivery.endpoint(receiver.url("/rotated"))
    with delivery.database.transaction() as session:
        new = delivery.parts.endpoint_store.rotate(session, endpoint_id, OWNER, wall_now=datetime.now(UTC))
    delivery.take(a_risk())
    with delivery.sending():
        (message,) = receiver.wait_taken(1, "/rotated")
        delivery.wait_until(lambda: states(delivery) == ["delivered"])
    for secret in (old, new):
        Webhook(secret).verify(message.body, message.headers)
    row = delivery.endpoints()[receiver.url("/rotated")]
    assert delivery.parts.endpoint_store.secrets(sealed_secrets(row), datetime.now(UTC) + timedelta(hours=25)) == (new,)
    assert new not in str(row) and old not in str(row)


def test_hanging_endpoints_do_not_hold_up_healthy_ones(delivery: DeliveryHarness, receiver: Receiver) -> None:
    for number in range(12):
        receiver.modes[f"/stall{number}"] = "stall-accept"
        delivery.endpoint(receiver.url(f"/stall{number}"))
        delivery.endpoint(receiver.url(f"/good{number}"))
    with delivery.sending(total_s=15.0):
        for number in range(8):
            delivery.take(a_risk(id=f"rsk_{number}"))
        # one after the other, the hanging ones alone would take 12 * 8 * 15 s
        assert receiver.wait_for(lambda: sum(one.path.startswith("/good") for one in receiver.taken) == 96, 14)
    assert not [one for one in delivery.attempts() if one.reason == "timeout"], "a healthy one waited for a hanging one"


def test_a_replayed_delivery_that_is_on_its_way_is_refused(delivery: DeliveryHarness) -> None:
    delivery.endpoint("http://127.0.0.1:1/")
    delivery.take(a_risk())
    sender = delivery.sender()
    with delivery.database.transaction() as session:
        (push,) = sender.turns.queue.claim(session, datetime.now(UTC), limit=1, held={}, a_lane=4)
    with delivery.database.transaction() as session, pytest.raises(Conflict):
        delivery.parts.push_store.replay(session, push.id, ADMIN, wall_now=datetime.now(UTC))


def test_stopping_gives_back_what_was_not_tried_and_ends_soon(delivery: DeliveryHarness, receiver: Receiver) -> None:
    receiver.modes["/stall"] = "stall-accept"
    delivery.endpoint(receiver.url("/stall"))
    for number in range(8):
        delivery.take(a_risk(id=f"rsk_{number}"))
    with delivery.sending(Policy(poll_s=0.05, grace_s=0.2)):
        receiver.wait_taken(4, "/stall")
        began = monotonic_s()
    assert monotonic_s() - began < 4
    assert set(states(delivery)) <= {"due", "sending"}
    assert len(delivery.rows(PUSH)) == 8


def test_one_result_that_cannot_be_recorded_stops_no_other(delivery: DeliveryHarness, receiver: Receiver) -> None:
    for number in range(3):
        delivery.take(a_risk(id=f"rsk_{number}"))
    delivery.endpoint(receiver.url("/hook"))
    for number in range(3, 6):
        delivery.take(a_risk(id=f"rsk_{number}"))
    with delivery.database.transaction() as session:  # its alert is gone: marking it as delivered raises
        session.connection().execute(
            update(PUSH).where(PUSH.c.id == delivery.pushes()[0].id).values(alert_id="alr_gone")
        )
    with delivery.sending():
        delivery.wait_until(lambda: states(delivery).count("delivered") == 2)
    assert set(receiver.ids("/hook")) == {push.id for push in delivery.pushes()}
    failures = delivery.parts.metrics.delivery_failures
    assert failures.labels("turn")._value.get() >= 1 and failures.labels("record")._value.get() >= 1


class RaisingChannel(WebhookChannel):
    """Fails in a way that no channel should."""

    async def send(self, message: OutboundMessage) -> Outcome:
        raise ZeroDivisionError("not foreseen")


def test_a_channel_that_raises_is_counted_and_its_push_is_tried_again(delivery: DeliveryHarness) -> None:
    delivery.endpoint("http://127.0.0.1:1/")
    delivery.take(a_risk())
    sender = delivery.sender()
    sender.new_channels = lambda: by_kind([RaisingChannel(Guard(LOOPBACK))])
    with delivery.running(sender):
        delivery.wait_until(lambda: states(delivery) == ["failed"])
    assert [(one.outcome, one.reason) for one in delivery.attempts()] == [("later", "unexpected")] * len(QUICK.waits_s)
    assert delivery.parts.metrics.delivery_failures.labels("attempt")._value.get() == len(QUICK.waits_s)


def test_a_secret_that_does_not_open_is_named_and_counts_as_no_failure_of_the_sender(delivery: DeliveryHarness) -> None:
    delivery.endpoint("http://127.0.0.1:1/")
    with delivery.database.transaction() as session:
        session.connection().execute(update(ENDPOINT).values(sealed_secret=Sealer(b"x" * 32).seal("whsec_", PURPOSE)))
    delivery.take(a_risk())
    with delivery.sending():
        delivery.wait_until(lambda: states(delivery) == ["failed"])
    assert {one.reason for one in delivery.attempts()} == {"secret"}
    assert delivery.parts.metrics.delivery_failures.labels("attempt")._value.get() == 0
