"""When digests are due, and of what."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.catalogue import Level
from services.alerts.domain.digest import Cadence, Line, Span, Waiting, due, event, last_moment
from shared.domain.clock import SHANGHAI


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def waiting(cadence: Cadence, first: str, last: str | None = None) -> Waiting:
    return Waiting("end_1", cadence, at(first), at(last or first))


@pytest.mark.parametrize(
    ("cadence", "first", "now", "span"),
    [
        (Cadence.DAILY, "2026-11-20 09:00", "2026-11-21 08:29:59", None),
        (Cadence.DAILY, "2026-11-20 09:00", "2026-11-21 08:30", ("2026-11-20 08:30", "2026-11-21 08:30")),
        (Cadence.DAILY, "2026-11-20 08:30", "2026-11-20 08:30", None),  # it opens the next one
        (Cadence.DAILY, "2026-12-31 23:59", "2027-01-01 08:31", ("2026-12-31 08:30", "2027-01-01 08:30")),
        (Cadence.DAILY, "2028-02-29 08:29", "2028-02-29 12:00", ("2028-02-28 08:30", "2028-02-29 08:30")),
        # three days away: one digest
        (Cadence.DAILY, "2026-11-17 09:00", "2026-11-20 10:00", ("2026-11-17 08:30", "2026-11-20 08:30")),
        (Cadence.WEEKLY, "2026-11-17 09:00", "2026-11-22 23:00", None),  # Sunday
        (Cadence.WEEKLY, "2026-11-17 09:00", "2026-11-23 08:30", ("2026-11-16 08:30", "2026-11-23 08:30")),
    ],
)
def test_a_digest_is_due_at_half_past_eight(
    cadence: Cadence, first: str, now: str, span: tuple[str, str] | None
) -> None:
    assert due(waiting(cadence, first), at(now)) == (Span(at(span[0]), at(span[1])) if span else None)


def test_historical_ones_wait_until_no_more_came_for_a_minute() -> None:
    found = waiting(Cadence.HISTORICAL, "2026-11-20 09:00:00", "2026-11-20 09:00:30")
    assert due(found, at("2026-11-20 09:01:29")) is None
    span = due(found, at("2026-11-20 09:01:30"))
    assert span is not None and span.start == at("2026-11-20 09:00") and span.end > at("2026-11-20 09:00:30")


@given(st.integers(0, 3 * 366 * 86_400), st.sampled_from([Cadence.DAILY, Cadence.WEEKLY]))
def test_the_last_moment_is_never_in_the_future_nor_a_whole_period_ago(seconds: int, cadence: Cadence) -> None:
    now = at("2026-01-01 00:00") + timedelta(seconds=seconds)
    moment = last_moment(cadence, now)
    assert moment <= now < moment + timedelta(days=7 if cadence is Cadence.WEEKLY else 1)
    assert moment.astimezone(SHANGHAI).strftime("%H:%M") == "08:30"


def test_a_digest_names_its_reason_span_and_alerts() -> None:
    span = Span(at("2026-11-20 08:30"), at("2026-11-21 08:30"))
    line = Line("alr_1", {"zh": "一", "en": "one"}, "emission.exceeded", Level.RED)
    published = event("sub_1", Cadence.DAILY, span, [line], public_url="https://yujing.example/")
    assert published.type == "yujing.digest.v1"
    assert published.source == "https://yujing.example/alerts"
    assert published.dataschema == "https://yujing.example/alerts/v1/schemas/digest.json"
    assert published.data == {
        "reason": "daily",
        "from": "2026-11-20T08:30:00+08:00",
        "to": "2026-11-21T08:30:00+08:00",
        "counts": {"blue": 0, "yellow": 0, "orange": 0, "red": 1},
        "alerts": [
            {
                "id": "alr_1",
                "headline": {"zh": "一", "en": "one"},
                "kind": "emission.exceeded",
                "level": "red",
                "href": "https://yujing.example/alerts/v1/alerts/alr_1",
            }
        ],
    }
    assert published.id == event("sub_1", Cadence.DAILY, span, []).id != event("sub_2", Cadence.DAILY, span, []).id
