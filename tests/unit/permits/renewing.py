"""A permit's dates and what an evaluation of them says, for the tests of renewals."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from services.permits.domain.calendar import WorkCalendar
from services.permits.domain.obligation import (
    Evaluation,
    PublishedRisks,
    evaluate,
)
from services.permits.domain.renewal import Filing, Timeline
from services.permits.importing.holidays import seeded_notices

VALID_FROM, VALID_TO = date(2021, 12, 16), date(2026, 12, 15)
NOTICES = seeded_notices()
CALENDAR = WorkCalendar(
    {day: worked for one in NOTICES for day, worked in one.differing().items()}, frozenset(one.year for one in NOTICES)
)
NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
ONE_DAY = timedelta(days=1)


def a_timeline(valid_to: date = VALID_TO, **more: date | None) -> Timeline:
    return Timeline((a_filing(valid_to, **more),))


def a_filing(valid_to: date = VALID_TO, valid_from: date = VALID_FROM, **more: date | None) -> Filing:
    effective = more.pop("effective_from", None) or valid_from
    return Filing(effective, valid_from, valid_to, **more)


def evaluated(
    line: Timeline, published: PublishedRisks, today: date, *, discharged_on: date | None = None
) -> Evaluation:
    return evaluate(line, published, today=today, now=NOW, calendar=CALENDAR, discharged_on=discharged_on)


def news(evaluation: Evaluation) -> list[tuple[str, str]]:
    return [(one.kind, one.cleared.value if one.cleared else one.risk.step) for one in evaluation.changes]
