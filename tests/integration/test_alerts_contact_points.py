"""What the upgrade to contact points keeps: endpoints with their secrets, and the bytes of pushes under way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from services.alerts.channels import all_channels
from services.alerts.channels.guard import Guard
from services.alerts.domain.document import document, event
from services.alerts.store.endpoints import PURPOSE
from shared.database import Database, open_database
from shared.eventlog.codec import encode_event
from shared.runtime.migrating import migrate
from shared.runtime.secrets import Sealer
from tests.support.alerts_case import ENTERPRISE, T0, DeliveryHarness, a_delivery_harness, a_risk

PACKAGE = "services.alerts.migrations"
SECRET = "whsec_" + "QUFB" * 8
ENDPOINT = text(
    "INSERT INTO endpoint (id, url, credit_code, operators, state, state_at, sealed_secret, created_at, created_by) "
    "VALUES (:id, :url, :code, FALSE, 'active', '2026-11-20 01:00:00', :sealed, '2026-11-20 01:00:00', 'test')"
)
PUSH = text(
    "INSERT INTO push (id, endpoint_id, audience, reason, event_id, body, schedule_s, step, attempts, state, created_at, "
    "due_at, fence) VALUES ('psh_a', 'end_a', 'enterprise', 'first', :event, :body, '[0, 5, 300]', 1, 1, 'due', "
    "'2026-11-20 01:00:00', '2026-11-20 01:00:05', 1)"
)


def history(database: Database, run: Callable[[Config, str], Any], revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(files(PACKAGE)))
    with database.transaction() as session:
        if not database.embedded:
            session.connection().execute(text("CREATE SCHEMA IF NOT EXISTS alerts"))
        config.attributes["connection"] = session.connection()
        run(config, revision)


@pytest.fixture
def body(tmp_path: Path) -> bytes:
    """What an older version stored of an alert."""
    delivery = a_delivery_harness(tmp_path / "other")
    delivery.take(a_risk(outlet_name='"1号"\u2028锅炉\x7f烟囱'))
    alert = delivery.alert()
    made = event(alert, document(alert, delivery.parts.alerts._row(alert.risk)))
    delivery.database.close()
    return encode_event(made)


@pytest.fixture
def older(empty_database_url: str | None, tmp_path: Path, body: bytes) -> Database:
    """An endpoint and a push between two attempts, before the upgrade."""
    database = open_database(empty_database_url, tmp_path, "alerts")
    history(database, command.upgrade, "0005")
    sealed = Sealer(b"k" * 32).seal(SECRET, PURPOSE)
    with database.transaction() as session:
        connection = session.connection()
        connection.execute(ENDPOINT, {"id": "end_a", "url": "https://a.example/", "code": ENTERPRISE, "sealed": sealed})
        connection.execute(ENDPOINT, {"id": "end_b", "url": "https://b.example/", "code": ENTERPRISE, "sealed": ""})
        connection.execute(PUSH, {"event": "alr_a:1", "body": body})
    return database


def claimed(delivery: DeliveryHarness) -> Any:
    with delivery.database.transaction() as session:
        (push,) = delivery.sender().turns.queue.claim(session, T0 + timedelta(days=1), limit=5, held={}, a_lane=4)
    return push


def test_a_push_under_way_goes_out_with_the_bytes_of_its_first_attempt(
    older: Database, tmp_path: Path, body: bytes
) -> None:
    assert migrate(older, PACKAGE, "alerts")
    delivery = a_delivery_harness(tmp_path, database=older)
    push = claimed(delivery)
    channel = all_channels(Guard())[push.contact.kind]
    assert channel.render(push.notification) == body
    assert (push.contact.kind, push.contact.address) == ("webhook", "https://a.example/")
    assert (push.step, push.schedule.waits_s) == (1, (0, 5, 300))
    assert delivery.parts.endpoint_store.secrets(push.sealed, datetime.now(UTC)) == (SECRET,)
    assert [(row.kind, row.sealed_secret is None) for row in delivery.endpoints().values()] == [
        ("webhook", False),
        ("webhook", True),
    ]
    older.close()


def test_going_back_gives_the_stored_bytes_again(older: Database, body: bytes) -> None:
    assert migrate(older, PACKAGE, "alerts")
    history(older, command.downgrade, "0005")
    with older.read() as session:
        assert bytes(session.connection().execute(text("SELECT body FROM push")).scalar_one()) == body
        rows = session.connection().execute(text("SELECT url, sealed_secret = '' FROM endpoint ORDER BY id")).all()
    assert [(row[0], bool(row[1])) for row in rows] == [("https://a.example/", False), ("https://b.example/", True)]
    older.close()
