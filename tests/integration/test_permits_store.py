"""Rows of the register on both databases: what is saved comes back as it was, lists go on where they stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from services.permits.domain.coverage_gap import MISSING, REGISTER_GAP, PublishedGap
from services.permits.domain.import_attempt import Attempt
from services.permits.domain.import_report import Finding, Outcome
from services.permits.domain.obligation import PublishedRisk, PublishedRisks
from services.permits.domain.renewal import Filing, Timeline
from services.permits.store import coverage_gaps, imports, register, renewals
from services.permits.store.coverage_gaps import GapEntry
from services.permits.store.imports import ImportEntry, State
from services.permits.store.register import RegionEntry
from services.permits.store.renewals import FIRST, Place, RenewalEntry
from shared.access import Caller, Role
from shared.database import Database
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, put, register_harness

NOW = datetime(2026, 11, 20, 1, 2, 3, tzinfo=UTC)
TODAY = date(2026, 11, 20)
SOURCES = tuple(Source(number=number, valid_to=f"203{number}-01-01") for number in range(1, 5))
ADMIN = Caller(Role.ADMIN, "admin")


@pytest.fixture
def opened(tmp_path: Path, database_url: str | None) -> Iterator[RegisterHarness]:
    """Four enterprises with a permit each, which end one after the other."""
    with register_harness(tmp_path, database_url) as harness:
        harness.register(*SOURCES)
        yield harness


@pytest.fixture
def database(opened: RegisterHarness) -> Database:
    return opened.service.database


def a_risk(step: str, **more: object) -> PublishedRisk:
    fields = {"revision": 3, "opened_at": NOW, "by": date(2026, 10, 16), **more}
    return PublishedRisk(step, **fields)  # type: ignore[arg-type]


def test_a_renewal_comes_back_with_every_filing_and_every_published_risk(database: Database) -> None:
    filing = Filing(date(2022, 1, 1), date(2021, 12, 16), date(2026, 12, 15))
    applied = replace(
        filing, applied_on=date(2026, 10, 9), accepted_on=date(2026, 10, 12), refused_on=date(2026, 11, 2)
    )
    entry = RenewalEntry(
        number=SOURCES[0].permit,
        credit_code=SOURCES[0].code,
        line=Timeline((filing, applied)),
        published=PublishedRisks(
            {
                date(2026, 12, 15): a_risk("late", refused_on=date(2026, 11, 2), open=False),
                date(2031, 12, 15): a_risk("left_180", provisional=True),
            },
            {date(2026, 12, 15): a_risk("pending", applied_on=date(2026, 10, 9))},
        ),
        valid_to=date(2026, 12, 15),
        next_check_on=date(2026, 12, 16),
        discharged_on=date(2026, 12, 17),
    )
    with database.transaction() as session:
        renewals.save(session, [entry])
    with database.read() as session:
        found = renewals.find(session, [entry.number])[entry.number]
    assert replace(found, holder=None) == entry
    assert found.holder is not None and found.holder.credit_code == SOURCES[0].code


def due_on(database: Database, *days: date | None) -> None:
    """Has the permits evaluated on these days, one after the other."""
    with database.transaction() as session:
        found = renewals.find(session, [source.permit for source in SOURCES])
        renewals.save(
            session, [replace(found[s.permit], next_check_on=day) for s, day in zip(SOURCES, days, strict=True)]
        )


def test_what_is_due_comes_the_longest_due_first_and_goes_on_behind_a_place(database: Database) -> None:
    due_on(database, TODAY, date(2026, 11, 1), date(2026, 11, 21), None)
    with database.transaction() as session:
        assert renewals.oldest_due(session) == date(2026, 11, 1)
        first = renewals.due(session, TODAY, limit=1)
        assert [entry.number for entry in first] == [SOURCES[1].permit]
        behind = Place(date(2026, 11, 1), first[0].number)
        assert [entry.number for entry in renewals.due(session, TODAY, limit=9, after=behind)] == [SOURCES[0].permit]


def test_permits_that_end_by_a_day_come_page_by_page(database: Database) -> None:
    with database.read() as session:
        last, place, numbers = date(2033, 1, 1), FIRST, []
        while page := renewals.ending_by(session, ADMIN, last, limit=1, after=place):
            numbers += [entry.number for entry in page]
            place = Place(page[-1].valid_to, page[-1].number)
    assert numbers == [source.permit for source in SOURCES[:3]]


def test_ends_of_a_span_are_checked_today_and_what_is_due_earlier_stays_so(database: Database) -> None:
    due_on(database, date(2026, 11, 1), None, date(2027, 1, 1), date(2027, 1, 1))
    with database.transaction() as session:
        assert renewals.schedule_checks_of_ends(session, date(2031, 1, 1), date(2033, 1, 1), TODAY) == 3
    with database.read() as session:
        found = renewals.find(session, [source.permit for source in SOURCES])
    days = [found[source.permit].next_check_on for source in SOURCES]
    assert days == [date(2026, 11, 1), TODAY, TODAY, date(2027, 1, 1)]


def test_a_gap_comes_back_and_is_due_on_its_day_or_when_its_division_is_scheduled(opened: RegisterHarness) -> None:
    source, database = SOURCES[0], opened.service.database
    mn = "A110000_0077"
    put(opened.client(), f"/permits/v1/points/{mn}", {"system": "31", "credit_code": source.code, "outlet": "DA077"})
    published = {MISSING: PublishedGap(1, NOW), REGISTER_GAP: PublishedGap(2, NOW, open=False)}
    entry = GapEntry(mn, source.code, published, date(2026, 12, 1))
    with database.transaction() as session:
        coverage_gaps.save(session, [entry])
    with database.transaction() as session:
        assert coverage_gaps.find(session, [mn]) == {mn: entry}
        assert coverage_gaps.due(session, date(2026, 11, 30), limit=9) == []
        assert coverage_gaps.due(session, date(2026, 12, 1), limit=9) == [source.code]
        coverage_gaps.schedule_checks_in(session, "11", TODAY)
        assert coverage_gaps.due(session, TODAY, limit=9) == []
        coverage_gaps.schedule_checks_in(session, "1501", TODAY)
        assert coverage_gaps.due(session, TODAY, limit=9) == [source.code]


def an_import(name: str = "imp_1", **more: object) -> ImportEntry:
    fields = {"total": 3, "position": 1, "counts": {"created": 1}, "created_at": NOW, **more}
    caller = Caller(Role.OFFICER, "officer:15", region="15", scopes=("register",))
    return ImportEntry(name, "list.csv", False, State.RUNNING, caller, **fields)  # type: ignore[arg-type]


def test_an_import_comes_back_with_its_caller_and_attempt_and_drops_its_file_when_it_is_over(
    database: Database,
) -> None:
    entry = an_import(attempt=Attempt(1, "att_1", NOW + timedelta(seconds=10)))
    with database.transaction() as session:
        imports.add(session, entry, b"content")
    with database.transaction() as session:
        assert imports.find(session, entry.id) == entry
        assert imports.content_of(session, entry.id) == b"content"
        assert imports.unfinished(session) == [entry.id]
        done = replace(
            imports.moved(entry, rows=2, counts={"created": 1, "refused": 1}), state=State.DONE, finished_at=NOW
        )
        imports.save(session, done)
    with database.read() as session:
        assert imports.find(session, entry.id) == done
        assert (done.position, done.counts) == (3, {"created": 2, "refused": 1})
        assert imports.content_of(session, entry.id) is None
        assert imports.unfinished(session) == []


def test_findings_come_in_order_and_go_on_behind_the_last_one(database: Database) -> None:
    found = [Finding(line, "name", f"value {line}", "expected: text", Outcome.REFUSED) for line in (2, 3, 5)]
    with database.transaction() as session:
        imports.add_findings(session, "imp_1", found[:2])
        imports.add_findings(session, "imp_2", [replace(found[0], line=9)])
        imports.add_findings(session, "imp_1", found[2:])
    with database.read() as session:
        first = imports.findings(session, "imp_1", after=0, limit=2)
        rest = imports.findings(session, "imp_1", after=first[-1].number, limit=2)
        assert [stored.finding for stored in (*first, *rest)] == found
        assert imports.count_findings(session, "imp_1") == 3


@pytest.mark.parametrize(
    ("declared", "complete"),
    [("150102", True), ("150100", True), ("150000", True), ("150105", False), ("110000", False)],
    ids=["itself", "its city", "its province", "its neighbour", "elsewhere"],
)
def test_a_register_is_complete_when_a_division_that_holds_it_was_declared_so(
    database: Database, declared: str, complete: bool
) -> None:
    with database.transaction() as session:
        register.save_region(session, RegionEntry(declared, True, 1))
        assert register.register_complete(session, "150102") is complete
        register.save_region(session, RegionEntry(declared, False, 2))
        assert not register.register_complete(session, "150102")


def test_permits_and_points_of_many_enterprises_come_by_enterprise(opened: RegisterHarness) -> None:
    codes = [source.code for source in SOURCES[:2]]
    with opened.service.database.read() as session:
        permits = register.permits_of_all(session, codes)
        points = register.points_of_all(session, codes, opened.context.sealer)
    assert {code: [one.number for one in found] for code, found in permits.items()} == {
        source.code: [source.permit] for source in SOURCES[:2]
    }
    assert {code: [one.mn for one in found] for code, found in points.items()} == {
        source.code: [source.mn] for source in SOURCES[:2]
    }
