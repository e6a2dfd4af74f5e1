"""Lines that others can cause: one a minute for each subject, a bound for all, and none is left out without being counted."""

from __future__ import annotations

from shared.runtime.bounded_lines import MOST_SUBJECTS, BoundedLines


class Lines:
    def __init__(self) -> None:
        self.now = 0.0
        self.written: list[dict[str, object]] = []
        self.bounded = BoundedLines(lambda message, **fields: self.written.append(fields), lambda: self.now)

    def write(self, subject: str) -> None:
        self.bounded.write(subject, "refused", address=subject)


def test_a_subject_has_one_line_a_minute_and_the_next_counts_the_rest() -> None:
    lines = Lines()
    for _ in range(5):
        lines.write("a")
    lines.write("b")
    lines.now = 61.0
    lines.write("a")
    assert lines.written == [{"address": "a"}, {"address": "b", "left_out": 4}, {"address": "a"}]


def test_many_subjects_together_are_bounded() -> None:
    lines = Lines()
    for n in range(1000):
        lines.write(str(n))
    assert len(lines.written) == MOST_SUBJECTS
    lines.now = 61.0
    lines.write("a")
    assert lines.written[-1] == {"address": "a", "left_out": 1000 - MOST_SUBJECTS}
