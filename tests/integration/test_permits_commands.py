"""The register's verbs of the command line on an empty data folder: keys, import, expiring; what each prints and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from typer.testing import CliRunner, Result

from services.commands import app
from tests.support.commands import quiet_commands
from tests.support.importing import a_list, enterprises, list_row
from tests.support.product import Source

CODE = Source().code


@pytest.fixture
def yujing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    """The command with an empty data folder."""
    with quiet_commands(monkeypatch, tmp_path, tmp_path / "data"):
        yield CliRunner()


def run(yujing: CliRunner, *arguments: str) -> Result:
    return yujing.invoke(app, list(arguments), catch_exceptions=True)


def printed(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def claims(result: Result) -> dict[str, Any]:
    return dict(jwt.decode(printed(result)["token"], options={"verify_signature": False}))


def test_a_key_of_an_officer_has_its_region_and_scopes(yujing: CliRunner) -> None:
    made = run(yujing, "keys", "create", "--role", "officer", "--region", "15", "--scope", "register", "--json")
    body = claims(made)
    assert (body["role"], body["region"], body["scopes"]) == ("officer", "15", ["register"])
    assert body["jti"] == printed(made)["jti"]


def test_a_token_that_the_register_cannot_keep_is_made_all_the_same_and_named(yujing: CliRunner) -> None:
    asked = ["keys", "create", "--role", "ops", "--json"]
    assert run(yujing, *asked).stderr == "", "there is no register here"
    printed(run(yujing, "expiring", "--json"))  # makes one, which knows no key yet
    unknown = run(yujing, *asked)
    assert printed(unknown)["token"] and "not in `keys list`" in unknown.stderr and "keys accept" in unknown.stderr
    printed(run(yujing, "keys", "accept", "--json"))
    known = run(yujing, *asked)
    assert known.stderr == ""
    assert [one["jti"] for one in printed(run(yujing, "keys", "list", "--json"))["tokens"]] == [printed(known)["jti"]]


def test_a_key_holds_for_so_many_days(yujing: CliRunner) -> None:
    made = run(yujing, "keys", "create", "--role", "enterprise", "--credit-code", CODE, "--days", "3", "--json")
    body = claims(made)
    assert body["exp"] - body["iat"] == 3 * 86_400
    assert body["credit_codes"] == [CODE]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--role", "inspector"], "enterprise, officer, device, ops, admin"),
        (["--role", "enterprise"], "--credit-code"),
        (["--role", "enterprise", "--credit-code", CODE[:-1] + "0"], CODE[:-1]),
        (["--role", "officer", "--region", "150"], "2, 4 or 6 digits"),
        (["--role", "officer"], "2, 4 or 6 digits"),
        (["--role", "device"], "--mn"),
        (["--role", "device", "--mn", "A#1"], "A#1"),
    ],
    ids=["role", "no code", "a wrong code", "an odd region", "no region", "no MN", "a wrong MN"],
)
def test_a_key_that_fits_nobody_is_refused_with_what_was_expected(
    yujing: CliRunner, arguments: list[str], named: str
) -> None:
    refused = run(yujing, "keys", "create", *arguments)
    assert refused.exit_code != 0
    assert named in refused.output
    assert "Traceback" not in refused.output


def test_a_key_for_a_code_that_was_issued_with_a_wrong_check_character_is_made_when_that_is_accepted(
    yujing: CliRunner,
) -> None:
    wrong = CODE[:-1] + ("0" if CODE[-1] != "0" else "1")
    asked = ["keys", "create", "--role", "enterprise", "--credit-code"]
    refused = run(yujing, *asked, wrong)
    assert refused.exit_code != 0 and "--accept-check-character" in " ".join(refused.output.split())
    assert claims(run(yujing, *asked, wrong, "--accept-check-character", "--json"))["credit_codes"] == [wrong]
    assert run(yujing, *asked, wrong[:-2] + "I0", "--accept-check-character").exit_code != 0


def test_an_import_reports_what_became_of_its_rows_and_expiring_lists_them(yujing: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_bytes(a_list(list_row(1), list_row(2, valid="2022-01-01至2030-12-31"), list_row(3, valid="no span")))
    done = printed(run(yujing, "import", str(file), "--json"))
    assert (done["state"], done["created"], done["refused"], done["rows"]) == ("done", 2, 1, 3)
    (finding,) = done["findings"]
    assert (finding["line"], finding["field"], finding["outcome"]) == (4, "validity", "refused")
    listed = printed(run(yujing, "expiring", "--on", "2026-12-31", "--within-days", "0", "--json"))
    (item,) = listed["items"]
    assert (item["number"], item["left_days"], item["step"]) == (Source(number=1).permit, 0, "late")
    plain = run(yujing, "expiring", "--on", "2026-12-31")
    assert Source(number=1).permit in plain.stdout and Source(number=2).permit not in plain.stdout


def test_a_dry_run_changes_nothing(yujing: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "enterprises.ndjson"
    file.write_bytes(enterprises(1, 2))
    for _ in range(2):
        tried = printed(run(yujing, "import", str(file), "--dry-run", "--json"))
        assert (tried["dry_run"], tried["created"]) == (True, 2)
    assert printed(run(yujing, "import", str(file), "--json"))["created"] == 2
    assert printed(run(yujing, "import", str(file), "--json"))["unchanged"] == 2


@pytest.mark.parametrize(
    ("content", "named"),
    [(b"a,b\n1,2", "expected"), (None, "cannot be read"), (b"", "empty")],
    ids=["other columns", "no file", "an empty file"],
)
def test_a_file_of_which_no_row_is_taken_exits_with_1_and_its_reason(
    yujing: CliRunner, tmp_path: Path, content: bytes | None, named: str
) -> None:
    file = tmp_path / "list.csv"
    if content is not None:
        file.write_bytes(content)
    failed = run(yujing, "import", str(file))
    assert failed.exit_code != 0
    assert named in failed.output
    assert "Traceback" not in failed.output


def test_a_day_that_is_none_is_refused_with_its_form(yujing: CliRunner) -> None:
    refused = run(yujing, "expiring", "--on", "31.12.2026")
    assert refused.exit_code != 0
    assert "YYYY-MM-DD" in refused.output
