"""The `yujing` command: each verb is found in its file, and no file has a verb that the command does not know."""

from __future__ import annotations

from importlib import import_module

from typer.main import get_group
from typer.testing import CliRunner

from services.commands import FILE_OF, app


def test_the_files_have_the_verbs_that_the_command_knows() -> None:
    files = {name: set(get_group(import_module(f"services.commands.{name}").app).commands) for name in FILE_OF.values()}
    known = {name: {verb for verb, file in FILE_OF.items() if file == name} for name in files}
    assert files == known


def test_a_misspelt_verb_is_named_with_the_nearest() -> None:
    answer = CliRunner().invoke(app, ["docter"])
    assert answer.exit_code == 2
    assert "No such command 'docter'. Did you mean 'doctor'" in " ".join(answer.output.replace("│", " ").split())
