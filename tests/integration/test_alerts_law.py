"""The articles of an alert in both languages: in the API, in the webhook, and in what an older version stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from services.alerts.store.peer_tables import NOTICE
from services.alerts.store.tables import ALERT
from shared.database import Database, open_database
from shared.runtime.migrating import migrate
from tests.support.alerts_case import T0
from tests.support.alerts_harness import AlertsHarness, an_alerts_harness, an_exceedance, codes, minutes
from tests.support.migrating import downgrade
from tests.support.receiver import Receiver

FIRST = {
    "key": "emission.over_permit",
    "instrument": {"zh": "排污许可管理条例", "en": "Regulations on the Administration of Discharge Permits"},
    "article": "34",
    "mark": "verified",
}


@pytest.fixture
def database(tmp_path: Path, empty_database_url: str | None) -> Iterator[Database]:
    opened = open_database(empty_database_url, tmp_path, "alerts")
    migrate(opened, "services.alerts.migrations", "alerts")
    yield opened
    opened.close()


def documents(harness: AlertsHarness) -> list[Mapping[str, Any]]:
    """Of alerts and notices; nothing but this column is read, for an older version lacks others."""
    with harness.database.read() as session:
        found = [
            session.connection().execute(select(table.c.document).order_by(table.c.id)) for table in (ALERT, NOTICE)
        ]
        return [document for rows in found for document in rows.scalars()]


def test_an_alert_shows_its_articles_in_chinese_and_english_to_callers_and_receivers(
    database: Database, tmp_path: Path
) -> None:
    harness = an_alerts_harness(tmp_path, database=database)
    with Receiver() as receiver:
        harness.endpoint(receiver.url("/hook"), credit_code="E000")
        harness.take_at_their_time(an_exceedance("E000", T0))
        with harness.sending():
            (message,) = receiver.wait_taken(1, "/hook")
    (listed,) = harness.get("enterprise:E000", "/alerts")["items"]
    shown = harness.get("enterprise:E000", f"/alerts/{listed['id']}")["law"]
    assert shown == listed["law"] == json.loads(message.body)["data"]["law"]
    assert FIRST.items() <= shown[0].items()
    for basis in shown:
        assert list(basis) == ["key", "instrument", "source", "article", "text", "mark"]
        assert basis["text"]["zh"].endswith("。") and basis["text"]["en"].endswith(".")


def test_what_an_older_version_stored_is_shown_in_both_languages_after_the_upgrade(
    database: Database, tmp_path: Path
) -> None:
    harness, some = an_alerts_harness(tmp_path, database=database), codes(14)
    harness.register_enterprises(*some)
    harness.take_at_their_time(*(an_exceedance(code, T0 + minutes(5 * n)) for n, code in enumerate(some[:3])))
    harness.at(T0 + timedelta(hours=1))
    before, pushed = documents(harness), [push.notification for push in harness.pushes()]
    assert len(before) == 4  # three alerts and the notice
    downgrade(database, "alerts", "0007")
    older = documents(harness)
    assert older[0]["law"][0]["instrument"] == "排污许可管理条例" and isinstance(older[0]["law"][0]["text"], str)
    gone = {"key": "no.more", "instrument": "旧规定", "article": "1", "text": "an old rule", "confidence": "verified"}
    with database.transaction() as session:  # an article that the table does not have any more
        changed = {**older[0], "law": [*older[0]["law"], gone]}
        session.connection().execute(update(ALERT).where(ALERT.c.id == older[0]["id"]).values(document=changed))
    assert migrate(database, "services.alerts.migrations", "alerts")
    after = documents(harness)
    assert after[1:] == before[1:]
    assert {**after[0], "law": after[0]["law"][:-1]} == before[0]
    assert after[0]["law"][-1] == {
        "key": "no.more",
        "instrument": {"zh": "旧规定", "en": "旧规定"},
        "source": "",
        "article": "1",
        "text": {"zh": "an old rule", "en": "an old rule"},
        "mark": "to_confirm",
    }
    assert [push.notification for push in harness.pushes()] == pushed
    owner = after[0]["enterprise"]["credit_code"]
    assert harness.get(f"enterprise:{owner}", f"/alerts/{after[0]['id']}")["law"] == after[0]["law"]
