"""The sample receiver believes what its secret signed lately, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from services.simulator.receiver import Message, Receiver
from services.simulator.seen import object_in
from shared.domain.clock import Clock

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_" + "C" * 32
EVENT = json.dumps({"type": "yujing.alert.issued.v1", "data": {"kind": "emission.exceeded"}})


@pytest.fixture
def messages() -> list[Message]:
    return []


@pytest.fixture
def receiver(messages: list[Message]) -> Iterator[Receiver]:
    made = Receiver(Clock(wall_now=lambda: NOW, field_now=lambda: NOW), messages.append)
    made.start()
    made.trust("owner", SECRET)
    yield made
    made.stop()


def post(
    receiver: Receiver, *, at: datetime = NOW, secret: str = SECRET, body: str = EVENT, owner: str = "owner"
) -> int:
    headers = {
        "webhook-id": "psh_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("psh_1", at, EVENT),
    }
    return httpx.post(receiver.url(owner), content=body, headers=headers).status_code


def test_a_signed_message_is_passed_on_with_its_event(receiver: Receiver, messages: list[Message]) -> None:
    assert post(receiver) == 204
    assert [(message.owner, message.webhook_id) for message in messages] == [("owner", "psh_1")]
    assert object_in(messages[0].event, "data")["kind"] == "emission.exceeded"
    assert (receiver.verified, receiver.refused) == (1, [])


def test_a_repeated_message_is_answered_and_passed_on_once(receiver: Receiver, messages: list[Message]) -> None:
    assert [post(receiver), post(receiver)] == [204, 204]
    assert len(messages) == 1
    assert (receiver.verified, receiver.repeated) == (1, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": OTHER},
        {"body": EVENT.replace("exceeded", "excused")},
        {"at": NOW - timedelta(minutes=5, seconds=1)},
        {"at": NOW + timedelta(minutes=5, seconds=1)},
        {"owner": "unknown"},
    ],
    ids=["another's secret", "a changed body", "too old", "from the future", "no such endpoint"],
)
def test_what_cannot_be_believed_is_refused_and_counted(
    receiver: Receiver, messages: list[Message], wrong: dict[str, str | datetime]
) -> None:
    assert post(receiver, **wrong) == 401  # type: ignore[arg-type]
    assert messages == []
    assert (receiver.verified, len(receiver.refused)) == (0, 1)


def test_a_message_without_headers_is_refused(receiver: Receiver) -> None:
    assert httpx.post(receiver.url("owner"), content=EVENT).status_code == 401


def test_any_of_several_signatures_will_do(receiver: Receiver) -> None:
    """Both secrets sign while one is being replaced."""
    right = Webhook(SECRET).sign("psh_2", NOW, EVENT)
    wrong = Webhook(OTHER).sign("psh_2", NOW, EVENT)
    headers = {
        "webhook-id": "psh_2",
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": f"{wrong} v1a,AAAA {right}",
    }
    assert httpx.post(receiver.url("owner"), content=EVENT, headers=headers).status_code == 204
