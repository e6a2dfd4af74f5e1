"""What a command prints: lines or JSON for a result, one line in two languages for an expected error."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from shared.domain.errors import Conflict, DomainError, Invalid, NotFound, Unreachable
from shared.runtime.terminal import plain_errors, print_result


def shown(capsys: pytest.CaptureFixture[str], error: DomainError) -> str:
    with pytest.raises(SystemExit) as ended, plain_errors():
        raise error
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    return printed.err.rstrip("\n")


def test_a_result_is_a_line_for_each_name(capsys: pytest.CaptureFixture[str]) -> None:
    print_result({"created": 2, "state": "done"}, as_json=False)
    assert capsys.readouterr().out == "created: 2\nstate: done\n"


def test_as_json_a_result_is_one_document_with_chinese_as_it_is_and_times_as_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_result({"name": "示例企业", "day": date(2026, 11, 20), "folder": Path("/srv")}, as_json=True)
    printed = capsys.readouterr().out
    assert "示例企业" in printed
    assert json.loads(printed) == {"name": "示例企业", "day": "2026-11-20", "folder": "/srv"}


def test_a_wrong_value_is_named_with_what_was_expected(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = Invalid("quiet.from '25:00' is no time", field="quiet.from", value="25:00", rule="HH:MM, Shanghai time")
    line = shown(capsys, wrong)
    assert line.startswith("yujing: ")
    assert line.endswith("quiet.from '25:00' is no time (expected: HH:MM, Shanghai time)")


@pytest.mark.parametrize(
    "error",
    [
        NotFound("no such alert alr_x"),
        Conflict("one service alone needs the distributed shape: set YUJING_KAFKA_BOOTSTRAP and YUJING_DATABASE_URL"),
        Unreachable("the database is unavailable"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_expected_error_is_one_line_that_keeps_the_english_sentence(
    capsys: pytest.CaptureFixture[str], error: DomainError
) -> None:
    assert shown(capsys, error).endswith(error.detail)


def test_a_mistake_of_ours_is_not_hidden_behind_a_line() -> None:
    with pytest.raises(ZeroDivisionError), plain_errors():
        _ = 1 // 0


def test_without_an_error_nothing_is_printed_and_the_command_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    with plain_errors():
        print_result({"ok": True}, as_json=False)
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("ok: True\n", "")
