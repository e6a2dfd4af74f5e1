"""Which version of a permit governs on a day, and what a PUT adds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.permits.domain.permit import Change, Listed, Period, PermitHistory, PutOutcome, Wish, merge_listed, put
from services.permits.domain.permit_document import PermitDocument, PermitOutlet
from shared.domain.errors import Invalid

NUMBER = "91150102MA0N0AAA1B001P"
TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 1, 0, 0, 123_456, tzinfo=UTC)


def a_document(valid_from: str = "2021-12-16", valid_to: str = "2026-12-15", **more: Any) -> PermitDocument:
    first, last = date.fromisoformat(valid_from), date.fromisoformat(valid_to)
    return PermitDocument(number=NUMBER, credit_code=NUMBER[:18], valid_from=first, valid_to=last, **more)


def a_history(*documents: PermitDocument) -> PermitHistory:
    history = PermitHistory(NUMBER, NUMBER[:18])
    for document in documents:
        history = put(history, Wish(document), today=TODAY, now=NOW).history
    return history


def put_into(history: PermitHistory, document: PermitDocument, **wish: Any) -> PutOutcome:
    return put(history, Wish(document, **wish), today=TODAY, now=NOW)


def test_the_first_version_holds_from_its_valid_from_although_that_is_past() -> None:
    outcome = put_into(PermitHistory(NUMBER, NUMBER[:18]), a_document())
    assert outcome.change is Change.FIRST
    assert outcome.version.effective_from == date(2021, 12, 16)
    assert outcome.history.in_force(date(2021, 12, 15)) is None
    assert outcome.history.in_force(date(2021, 12, 16)) == outcome.version


def test_a_changed_document_holds_from_today_and_leaves_the_past_alone() -> None:
    before, after = a_document(authority="A"), a_document(authority="B")
    history = a_history(before)
    outcome = put_into(history, after)
    assert outcome.change is Change.NEW_VERSION
    assert outcome.version.effective_from == TODAY
    yesterday = outcome.history.in_force(TODAY - timedelta(days=1))
    assert yesterday is not None and yesterday.document == before


def test_the_same_document_again_changes_nothing() -> None:
    history = a_history(a_document())
    outcome = put_into(history, a_document())
    assert outcome.change is Change.NONE
    assert outcome.history is history


def test_the_first_put_repeated_with_its_own_past_day_changes_nothing() -> None:
    history = a_history(a_document())
    assert put_into(history, a_document(), effective_from=date(2022, 1, 1)).change is Change.NONE


def test_of_two_versions_of_one_day_the_later_recorded_governs() -> None:
    history = a_history(a_document(authority="A"), a_document(authority="B"), a_document(authority="C"))
    governing = history.in_force(TODAY)
    assert governing is not None and governing.document.authority == "C"
    assert len(history.versions) == 3


def test_the_later_recorded_governs_even_when_the_clock_was_set_back() -> None:
    history = a_history(a_document(authority="A"), a_document(authority="B"))
    earlier = NOW - timedelta(hours=5)
    history = put(history, Wish(a_document(authority="C")), today=TODAY, now=earlier).history
    governing = history.in_force(TODAY)
    assert governing is not None and governing.document.authority == "C"


def test_a_renewal_governs_from_its_own_first_day() -> None:
    renewal = a_document("2026-12-16", "2031-12-15")
    outcome = put_into(a_history(a_document()), renewal)
    assert outcome.change is Change.RENEWAL
    assert outcome.version.effective_from == date(2026, 12, 16)
    assert outcome.history.gaps() == ()


def test_a_renewal_that_does_not_join_tells_the_gap() -> None:
    outcome = put_into(a_history(a_document()), a_document("2027-01-01", "2031-12-31"))
    assert outcome.history.gaps() == (Period(date(2026, 12, 16), date(2026, 12, 31)),)


def test_a_gap_is_gone_when_a_correction_of_the_renewal_closes_it() -> None:
    history = a_history(a_document(), a_document("2027-01-01", "2031-12-31"))
    corrected = put_into(history, a_document("2026-12-16", "2031-12-31")).history
    assert corrected.gaps() == ()


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        pytest.param({"effective_from": date(2026, 11, 19)}, "effective_from", id="yesterday without a correction"),
        pytest.param({"effective_from": date(2026, 1, 1), "correction": True}, "reason", id="without a reason"),
        pytest.param({"reason": "typing error", "correction": True}, "effective_from", id="without its day"),
        pytest.param(
            {"effective_from": date(2020, 1, 1), "correction": True, "reason": "?"},
            "effective_from",
            id="before the validity begins",
        ),
    ],
)
def test_the_past_changes_only_by_a_whole_correction(wish: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        put_into(a_history(a_document()), a_document(authority="B"), **wish)
    assert refused.value.field == field
    assert refused.value.rule


def test_a_correction_changes_the_past_and_says_why() -> None:
    outcome = put_into(
        a_history(a_document(authority="A")),
        a_document(authority="B"),
        correction=True,
        reason="the limit was mistyped",
        effective_from=date(2026, 3, 1),
    )
    assert outcome.change is Change.CORRECTION
    february, march = outcome.history.in_force(date(2026, 2, 28)), outcome.history.in_force(date(2026, 3, 1))
    assert february is not None and february.document.authority == "A"
    assert march is not None and march.document.authority == "B"
    assert march.reason == "the limit was mistyped"


def test_a_correction_from_29_february_governs_from_that_day() -> None:
    outcome = put_into(
        a_history(a_document(authority="A")),
        a_document(authority="B"),
        correction=True,
        reason="leap day",
        effective_from=date(2024, 2, 29),
    )
    assert outcome.history.in_force(date(2024, 2, 29)) == outcome.version
    assert outcome.history.in_force(date(2024, 2, 28)) != outcome.version


@given(st.lists(st.integers(1, 400), min_size=1, max_size=6, unique=True), st.randoms())
def test_the_order_in_which_different_days_are_put_does_not_matter(days: list[int], random: Any) -> None:
    """Oracle: the document of the last day that is not after the asked one."""
    start = date(2025, 12, 1)
    by_day = {start + timedelta(days=n): a_document("2025-12-01", "2030-11-30", authority=f"day {n}") for n in days}
    order = list(by_day)
    random.shuffle(order)
    history = PermitHistory(NUMBER, NUMBER[:18])
    for day in order:
        wish = Wish(by_day[day], effective_from=day, correction=True, reason="any order")
        history = put(history, wish, today=TODAY, now=NOW).history
    for offset in range(-1, 402):
        asked = start + timedelta(days=offset)
        begun = [day for day in by_day if day <= asked]
        governing = history.in_force(asked)
        assert (governing.document if governing else None) == (by_day[max(begun)] if begun else None)


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from("ABC")), min_size=1, max_size=8))
def test_a_put_twice_changes_nothing_the_second_time(puts: list[tuple[int, str]]) -> None:
    history = PermitHistory(NUMBER, NUMBER[:18])
    for offset, name in puts:
        wish = Wish(a_document(authority=name), TODAY + timedelta(days=offset))
        history = put(history, wish, today=TODAY, now=NOW).history
        again = put(history, wish, today=TODAY, now=NOW)
        assert again.change is Change.NONE
        assert again.history is history


@pytest.mark.parametrize("order", list(permutations(["2021-12-16", "2026-12-16", "2031-12-16"])), ids=str)
def test_gaps_do_not_depend_on_the_order_of_periods(order: tuple[str, ...]) -> None:
    ends = {"2021-12-16": "2026-12-15", "2026-12-16": "2031-11-30", "2031-12-16": "2036-12-15"}
    history = PermitHistory(NUMBER, NUMBER[:18])
    for first in order:
        wish = Wish(a_document(first, ends[first]), date.fromisoformat(first), True, "any order")
        history = put(history, wish, today=TODAY, now=NOW).history
    assert history.gaps() == (Period(date(2031, 12, 1), date(2031, 12, 15)),)


def test_a_row_of_the_official_list_never_replaces_what_is_richer() -> None:
    rich = a_document(category="key", authority="A", outlets=(PermitOutlet(code="DA001"),))
    merged = merge_listed(rich, Listed(NUMBER, date(2026, 12, 16), date(2031, 12, 15)))
    assert merged == replace(rich, valid_from=date(2026, 12, 16), valid_to=date(2031, 12, 15))


def test_a_row_of_the_official_list_alone_leaves_the_rest_unknown() -> None:
    merged = merge_listed(None, Listed(NUMBER, date(2021, 12, 16), date(2026, 12, 15), "simplified"))
    assert merged.category == "simplified"
    assert merged.outlets is None and merged.authority is None
    assert merged.credit_code == NUMBER[:18]
