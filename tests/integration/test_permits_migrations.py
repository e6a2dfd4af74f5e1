"""Registers of earlier versions are upgraded with their data: what was published stays published, what is due stays due."""

from __future__ import annotations

import json
from pathlib import Path

from sqlalchemy import text

from shared.database import open_database
from shared.domain.events import RISKS
from shared.domain.risk import Risk
from tests.support.migrating import downgrade
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, put, register_harness

ENDING = Source(valid_from="2021-12-16", valid_to="2026-12-15")  # 25 days left on 20 November
POINT = "A110000_0009"


def published(opened: RegisterHarness) -> list[tuple[str, str, int]]:
    """(kind, condition or why it ended, revision) of every risk published, in order."""
    risks = [Risk.read(event["data"]) for event in opened.published(topic=RISKS)]
    return [(one.kind, one.cleared.value if one.cleared else one.condition, one.revision) for one in risks]


def test_risks_published_before_their_columns_were_renamed_are_neither_repeated_nor_lost(
    tmp_path: Path, database_url: str | None
) -> None:
    with register_harness(tmp_path, database_url) as opened:
        admin = opened.client()
        put(admin, f"/permits/v1/enterprises/{ENDING.code}", ENDING.enterprise())
        put(admin, f"/permits/v1/permits/{ENDING.permit}", ENDING.document())
        put(admin, f"/permits/v1/points/{POINT}", {"system": "31", "credit_code": ENDING.code, "outlet": "DA009"})
        before = published(opened)
    assert before == [("permit.renewal", "late", 1), ("register.gap", "gap", 1)]
    database = open_database(database_url, tmp_path, "permits")
    downgrade(database, "permits", "0004")
    with database.read() as session:
        (due,) = session.connection().execute(text("SELECT look_again FROM renewal")).all()
        (book,) = session.connection().execute(text("SELECT book FROM gap")).all()
    assert str(due[0]) == "2026-12-16" and "register.gap" in str(book[0])
    database.close()
    with register_harness(tmp_path, database_url) as opened:
        for job in opened.service.jobs:
            job.run(opened.clock.at)
        assert published(opened) == before
        opened.tomorrow(days=26)  # 16 December
        for job in opened.service.jobs:
            job.run(opened.clock.at)
        assert published(opened)[2:] == [("permit.renewal", "expired_quiet", 2)]
        admin = opened.client()
        assert admin.delete(f"/permits/v1/points/{POINT}").status_code == 200
        assert published(opened)[3:] == [("register.gap", "unregistered", 2)]


def test_discharge_that_a_late_application_hid_is_published_by_the_first_sweep_after_the_upgrade(
    tmp_path: Path, database_url: str | None
) -> None:
    with register_harness(tmp_path, database_url) as opened:
        admin = opened.client()
        put(admin, f"/permits/v1/enterprises/{ENDING.code}", ENDING.enterprise())
        opened.tomorrow(days=28)  # 18 December
        document = ENDING.document(renewal_applied_on="2026-12-18")
        put(admin, f"/permits/v1/permits/{ENDING.permit}", document)
        revision = admin.get(f"/permits/v1/permits/{ENDING.permit}").json()["revision"]
        before = published(opened)
    assert before == [("permit.decision_due", "expired", 1)]
    database = open_database(database_url, tmp_path, "permits")
    downgrade(database, "permits", "0004")
    line = '[["2021-12-16", "2021-12-16", "2026-12-15", "2026-12-18", null]]'  # five days a filing, as before
    with database.transaction() as session:
        statement = "UPDATE renewal SET discharged_on = '2026-12-17', look_again = NULL, line = :line"
        session.connection().execute(text(statement), {"line": line})
        (stored,) = session.connection().execute(text("SELECT document FROM permit_version")).all()
        kept = json.loads(stored[0]) if isinstance(stored[0], str) else stored[0]
        del kept["renewal_refused_on"]
        session.connection().execute(text("UPDATE permit_version SET document = :kept"), {"kept": json.dumps(kept)})
    database.close()
    with register_harness(tmp_path, database_url) as opened:
        opened.tomorrow(days=28)
        for job in opened.service.jobs:
            job.run(opened.clock.at)
        assert published(opened)[1:] == [
            ("permit.renewal", "expired_discharging", 1),
            ("permit.decision_due", "expired_discharging", 2),
        ]
        again = put(opened.client(), f"/permits/v1/permits/{ENDING.permit}", document)
        assert (again["changed"], again["revision"]) == (False, revision)


def test_codes_registered_before_the_mark_was_known_are_not_doubtful(tmp_path: Path, database_url: str | None) -> None:
    path = f"/permits/v1/enterprises/{ENDING.code}"
    with register_harness(tmp_path, database_url) as opened:
        made = put(opened.client(), path, ENDING.enterprise())
    database = open_database(database_url, tmp_path, "permits")
    downgrade(database, "permits", "0006")
    database.close()
    with register_harness(tmp_path, database_url) as opened:
        shown = opened.client().get(path).json()
        assert shown["check_character_doubtful"] is False
        assert shown["versions"] == made["versions"]
        assert put(opened.client(), path, ENDING.enterprise())["changed"] is False
