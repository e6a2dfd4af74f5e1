"""What a look-up of risks reads: those of its subjects, however many others are open and before anybody analysed the table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, text
from sqlmodel import Session

from services.monitoring.domain.windows import SpanOfWindows
from services.monitoring.store import risks
from services.monitoring.store.tables import RISK
from tests.support.servers import PostgresServer
from tests.unit.monitoring.harness import MonitoringHarness

OPEN, KEYS = 3_000, 50
KIND = "emission.nearing"
SUBJECTS = [f"91150102MA{n:08d}001P/DA001/a21026/hour" for n in range(OPEN)]
READ = "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'risk'"


def an_open_risk(number: int) -> dict[str, object]:
    texts = {"subject": SUBJECTS[number], "kind": KIND, "condition": "near_80", "state": "open", "region": "150102"}
    times = {"first_window_s": 0, "start_s": 0, "last_s": 0, "opened_at_s": 0}
    return {"id": f"rsk_{number:06d}", "revision": 1, "document": {}, **texts, **times}


@pytest.fixture
def database(postgres: PostgresServer, tmp_path: Path) -> MonitoringHarness:
    harness = MonitoringHarness(tmp_path, url=postgres.new_database_at_head())
    with harness.database.transaction() as session:
        session.connection().execute(insert(RISK), [an_open_risk(n) for n in range(OPEN)])
    return harness


@pytest.mark.parametrize(
    "look_up",
    [
        lambda session, subjects: risks.extents(session, KIND, dict.fromkeys(subjects, 0)),
        lambda session, subjects: risks.issued_counts(session, KIND, subjects),
        lambda session, subjects: risks.open_risks(session, KIND, subjects),
        lambda session, subjects: risks.risks_between(session, KIND, dict.fromkeys(subjects, SpanOfWindows(0, 1))),
    ],
    ids=["extents", "issued", "open", "between"],
)
def test_a_look_up_reads_the_risks_of_its_subjects_alone(
    database: MonitoringHarness, look_up: Callable[[Session, list[str]], object]
) -> None:
    with database.database.transaction() as session:
        look_up(session, SUBJECTS[:KEYS])
        read = session.connection().execute(text(READ)).scalar_one()
    assert read <= 2 * KEYS
    database.database.close()
