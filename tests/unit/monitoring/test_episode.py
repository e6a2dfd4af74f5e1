"""Episodes: where they begin and end, how grave they are, and which id stands for them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from services.monitoring.domain.episode import Assigned, Known, assign, followed
from services.monitoring.domain.exceedance import Condition, Decided, Run, condition, runs
from services.monitoring.domain.verdict import Status
from shared.domain.risk import Cleared, RiskState

H, D = 3_600, 86_400
STATUS = {"X": Status.OVER, ".": Status.COMPLIANT, "-": Status.NONE}


def hours(text: str, *, multiple: Fraction = Fraction(1, 10), begin: int = 0, length: int = H) -> list[Decided]:
    """X over, . compliant, - without verdict, space missing."""
    return [
        Decided(begin + n * length, STATUS[sign], multiple if sign == "X" else None, seen_s=n)
        for n, sign in enumerate(text)
        if sign != " "
    ]


def spans(found: list[Run]) -> list[tuple[int, int, int, Cleared | None]]:
    return [(run.start // H, run.last // H, len(run.windows), run.closed) for run in found]


@pytest.mark.parametrize(
    ("text", "assigned"),
    [
        ("XXX", [(0, 2, 3, None)]),
        ("XX.X", [(0, 1, 2, Cleared.COMPLIANT), (3, 3, 1, None)]),
        ("X-- X.", [(0, 4, 2, Cleared.COMPLIANT)]),
        ("X" + "-" * 23 + "X", [(0, 24, 2, None)]),
        ("X" + "-" * 24 + "X", [(0, 0, 1, Cleared.UNKNOWN), (25, 25, 1, None)]),
        ("X" + " " * 24 + ".", [(0, 0, 1, Cleared.UNKNOWN)]),
        ("X" + " " * 23 + ".", [(0, 0, 1, Cleared.COMPLIANT)]),
        ("...", []),
    ],
    ids=[
        "goes on",
        "a compliant hour closes",
        "no verdict neither extends nor closes",
        "23 without a verdict",
        "24 without a verdict",
        "24 missing",
        "23 missing",
        "nothing",
    ],
)
def test_where_a_run_begins_and_ends(text: str, assigned: list[tuple[int, int, int, Cleared | None]]) -> None:
    assert spans(runs(hours(text), "hour")) == assigned


def test_time_itself_closes_a_run_after_24_windows() -> None:
    assert runs(hours("X"), "hour", now_s=25 * H - 1)[0].closed is None
    closed = runs(hours("X"), "hour", now_s=25 * H)[0]
    assert (closed.closed, closed.closed_at_s) == (Cleared.UNKNOWN, 25 * H)


@pytest.mark.parametrize(
    ("windows", "assigned"),
    [
        (hours("XX"), Condition.FIRST),
        (hours("XXX"), Condition.LASTING),
        (hours("X-XX"), Condition.FIRST),
        (hours("X", multiple=Fraction(1, 2)), Condition.LASTING),
        (hours("X", multiple=Fraction(499_999, 1_000_000)), Condition.FIRST),
        (hours("X", multiple=Fraction(1)), Condition.GRAVE),
        (hours("X.X.X"), Condition.REPEATED),
    ],
    ids=["two hours", "three in a row", "three not in a row", "by half", "just under half", "twice", "third start"],
)
def test_how_grave_hours_are(windows: list[Decided], assigned: Condition) -> None:
    found = runs(windows, "hour")
    assert condition(found[-1], found) is assigned


@pytest.mark.parametrize(("gap_hours", "assigned"), [(167, Condition.REPEATED), (168, Condition.FIRST)])
def test_starts_count_for_seven_days(gap_hours: int, assigned: Condition) -> None:
    windows = [*hours("X.X."), *hours("X", begin=gap_hours * H)]
    found = runs(windows, "hour")
    assert condition(found[-1], found) is assigned


@pytest.mark.parametrize(
    ("text", "multiple", "assigned"),
    [
        ("X", Fraction(1, 10), Condition.GRAVE),
        ("X", Fraction(1), Condition.REPEATED),
        ("XX", Fraction(1, 10), Condition.REPEATED),
        ("X" + "." * 28 + "X", Fraction(1, 10), Condition.REPEATED),
        ("X" + "." * 29 + "X", Fraction(1, 10), Condition.GRAVE),
    ],
    ids=["a day", "twice the limit", "two days", "the second in 30 days", "31 days apart"],
)
def test_how_grave_days_are(text: str, multiple: Fraction, assigned: Condition) -> None:
    found = runs(hours(text, multiple=multiple, length=D), "day")
    assert condition(found[-1], found) is assigned


def known(risk_id: str, first: int, start: int, last: int, created: int = 0, **more: RiskState) -> Known:
    return Known(risk_id, first * H, start * H, last * H, (created, risk_id), more.get("state", RiskState.OPEN))


def outcomes(assigned: list[Assigned]) -> list[tuple[str | None, RiskState, int | None, str | None]]:
    return [(w.id, w.state, w.run.start // H if w.run else None, w.merged_into) for w in assigned]


def test_an_earlier_late_window_widens() -> None:
    found = assign(runs(hours(" XX"), "hour"), [known("a", 2, 2, 2)])
    assert outcomes(found) == [("a", RiskState.OPEN, 1, None)]
    assert found[0].first_window == 2 * H


def test_where_two_meet_the_older_lives_on() -> None:
    found = assign(runs(hours("XXX"), "hour"), [known("b", 2, 2, 2, created=2), known("a", 0, 0, 0, created=1)])
    assert outcomes(found) == [("a", RiskState.OPEN, 0, None), ("b", RiskState.MERGED, None, "a")]


def test_where_one_splits_the_id_stays_with_its_first_seen_window() -> None:
    found = assign(runs(hours("X.X"), "hour"), [known("a", 2, 0, 2)])
    assert outcomes(found) == [(None, RiskState.CLEARED, 0, None), ("a", RiskState.OPEN, 2, None)]


def test_a_window_taken_back_withdraws_or_leaves_the_rest() -> None:
    assert outcomes(assign(runs(hours("."), "hour"), [known("a", 0, 0, 0)])) == [("a", RiskState.WITHDRAWN, None, None)]
    rest = assign(runs(hours(".X"), "hour"), [known("a", 0, 0, 1)])
    assert outcomes(rest) == [("a", RiskState.OPEN, 1, None)] and rest[0].first_window == H


def test_a_closed_one_opens_again_when_its_closing_window_is_corrected() -> None:
    found = assign(runs(hours("XX"), "hour"), [known("a", 0, 0, 0, state=RiskState.CLEARED)])
    assert outcomes(found) == [("a", RiskState.OPEN, 0, None)]


def test_an_excess_within_a_week_follows_the_former_one() -> None:
    found = runs([*hours("X."), *hours("X", begin=100 * H), hours(".", begin=101 * H)[0]], "hour")
    assert followed(found[1], found) is found[0]
    late = runs([*hours("X."), *hours("X", begin=400 * H)], "hour")
    assert followed(late[1], late) is None
