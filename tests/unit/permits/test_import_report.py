"""What an import reports: short texts that every database keeps, and attempts that are counted only when nobody ended them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.permits.domain.import_attempt import ATTEMPTS, LEASE, Attempt, Turn
from services.permits.domain.import_report import Failure, FailureKind, Finding, Outcome, failure_of, refusals
from shared.domain.errors import Conflict, Invalid

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
LATER = NOW + LEASE + timedelta(seconds=1)


def test_a_file_that_is_refused_says_what_was_expected() -> None:
    wrong = Invalid("the workbook has no sheet", field="file", value="0 sheets", rule="an XLSX workbook")
    assert failure_of(wrong) == Failure(FailureKind.REFUSED, "the workbook has no sheet; expected: an XLSX workbook")


def test_an_unexpected_error_is_known_by_its_kind_and_place_but_not_by_its_text() -> None:
    try:
        Attempt(begun="s3cret").begin("ours", NOW)  # type: ignore[arg-type]
    except TypeError as error:
        failure = failure_of(TypeError("s3cret").with_traceback(error.__traceback__))
    assert (failure.kind, "TypeError" in failure.reason, "s3cret" in str(failure)) == (FailureKind.ERROR, True, False)
    assert failure.places[-1].startswith("services.permits.domain.import_attempt:")
    assert failure.places[-1] in failure.reason


def test_a_finding_is_short_and_without_signs_that_a_database_refuses() -> None:
    finding = Finding(1, "a" * 9_999, "b\0\ud800" + "c" * 9_999, "d\x1b[31m" + "e" * 9_999, Outcome.REFUSED).printable()
    assert (len(finding.field), len(finding.value), len(finding.reason)) == (200, 200, 500)
    assert finding.value.startswith("b\ufffd\ufffdc") and finding.reason.startswith("d\ufffd[31m")


@pytest.mark.parametrize("field", ["password", "outlets[0].points[0].password", "Secret", "api_key"])
def test_a_value_under_the_name_of_a_secret_is_not_shown(field: str) -> None:
    (finding,) = refusals(3, Invalid("wrong", field=field, value="s3cret", rule="six digits"))
    assert (finding.value, finding.reason) == ("…", "expected: six digits")


@pytest.mark.parametrize("value", [{"password": "s3cret"}, ["s3cret"], b"s3cret"], ids=["object", "list", "bytes"])
def test_of_a_whole_object_only_its_type_is_shown(value: object) -> None:
    (finding,) = refusals(3, Invalid("wrong", field="points", value=value))
    assert finding.value == type(value).__name__


def test_a_conflict_is_reported_with_its_detail() -> None:
    (finding,) = refusals(3, Conflict("the point belongs to another permit"))
    assert (finding.line, finding.reason) == (3, "the point belongs to another permit")


def test_an_import_is_begun_once_more_after_a_crash_and_then_given_up() -> None:
    first = Attempt().begin("first", NOW)
    assert first.turn(NOW) is Turn.WAIT
    assert first.turn(LATER) is Turn.BEGIN
    second = first.begin("second", LATER)
    assert (second.begun, second.turn(LATER + LEASE)) == (ATTEMPTS, Turn.GIVE_UP)


def test_an_attempt_that_is_renewed_is_nobody_elses() -> None:
    assert Attempt().begin("ours", NOW).renew(LATER).turn(LATER) is Turn.WAIT


def test_an_attempt_that_is_stopped_is_not_counted_also_when_another_has_begun() -> None:
    ours = Attempt().begin("ours", NOW)
    assert ours.stop("ours") == Attempt()
    assert ours.begin("another", LATER).stop("ours") == Attempt().begin("another", LATER)
