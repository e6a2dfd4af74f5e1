"""How commands print: JSON with `--json`, else lines; expected errors as one clear line, Chinese / English, and exit code 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer

from shared.access import Caller, Role
from shared.domain.error_words import error_zh
from shared.domain.errors import DomainError, Invalid

# who has the data folder, or the database's password, has everything: decision 0008 is about callers of the API
OWNER = Caller(Role.ADMIN, "command-line")
AsJson = Annotated[bool, typer.Option("--json", help="机器可读 / machine-readable output")]


def print_result(result: Mapping[str, object], *, as_json: bool) -> None:
    """The result of a command, on standard output."""
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, default=str))
        return
    for key, value in result.items():
        typer.echo(f"{key}: {value}")


@contextmanager
def plain_errors() -> Iterator[None]:
    """An expected error ends the command with one line, Chinese / English, that names the value and the rule."""
    try:
        yield
    except DomainError as wrong:
        rule = f" (expected: {wrong.rule})" if isinstance(wrong, Invalid) and wrong.rule else ""
        zh = error_zh(wrong)
        typer.echo(f"yujing: {zh} / {wrong.detail}{rule}" if zh else f"yujing: {wrong.detail}{rule}", err=True)
        sys.exit(2)
