"""Who works on an import: one process at a time, and once more after a crash."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.permits.domain.import_attempt import ATTEMPTS, LEASE, Attempt, Turn

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def begun(times: int) -> Attempt:
    """An import that was begun so often by processes that crashed."""
    attempt = Attempt()
    for _ in range(times):
        attempt = attempt.begin("crashed", NOW)
    return attempt


def test_an_import_that_nobody_has_may_be_begun() -> None:
    assert Attempt().turn(NOW) is Turn.BEGIN


def test_an_import_that_another_process_has_is_waited_for_until_the_lease_ends() -> None:
    attempt = Attempt().begin("ours", NOW)
    assert attempt.turn(NOW + LEASE - SECOND) is Turn.WAIT
    assert attempt.turn(NOW + LEASE) is Turn.BEGIN


def test_a_renewed_lease_is_waited_for_longer() -> None:
    attempt = Attempt().begin("ours", NOW).renew(NOW + LEASE - SECOND)
    assert attempt.turn(NOW + LEASE) is Turn.WAIT
    assert (attempt.begun, attempt.holder) == (1, "ours")


def test_after_the_last_crash_an_import_is_given_up() -> None:
    assert begun(ATTEMPTS - 1).turn(NOW + LEASE) is Turn.BEGIN
    assert begun(ATTEMPTS).turn(NOW + LEASE) is Turn.GIVE_UP


def test_the_last_attempt_is_not_given_up_while_its_process_lives() -> None:
    assert begun(ATTEMPTS).turn(NOW + LEASE - SECOND) is Turn.WAIT


def test_a_clean_stop_is_no_attempt_and_leaves_the_import_free() -> None:
    stopped = Attempt().begin("ours", NOW).stop("ours")
    assert stopped == Attempt()
    assert stopped.turn(NOW) is Turn.BEGIN


def test_a_stop_of_a_process_that_was_taken_for_crashed_counts_back_and_leaves_the_new_holder() -> None:
    taken_over = Attempt().begin("slow", NOW).begin("new", NOW + LEASE)
    stopped = taken_over.stop("slow")
    assert (stopped.begun, stopped.holder, stopped.held_until) == (1, "new", NOW + 2 * LEASE)


def test_an_import_that_is_over_has_no_holder() -> None:
    ended = begun(1).end()
    assert (ended.begun, ended.holder, ended.held_until) == (1, None, None)


@given(st.lists(st.sampled_from(["crash", "stop"]), max_size=20))
def test_an_import_is_given_up_after_its_second_crash_and_however_often_it_was_stopped(ends: list[str]) -> None:
    attempt, at, crashes = Attempt(), NOW, 0
    for end in ends:
        if attempt.turn(at) is Turn.GIVE_UP:
            break
        attempt = attempt.begin("one", at)
        crashes += end == "crash"
        attempt = attempt.stop("one") if end == "stop" else attempt
        at += LEASE
    assert (attempt.turn(at) is Turn.GIVE_UP) == (crashes == ATTEMPTS)
    assert crashes <= ATTEMPTS
