"""The verbs of the `yujing` command, one file a group of verbs; a service's own verbs are in its `commands.py`.

A verb's file is imported when the verb is called: `yujing --version` need not wait for a web framework.
"""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_group

from shared.gc_pause import gc_paused
from shared.version import VERSION

FILE_OF = {
    "run": "running",
    "migrate": "running",
    "replay": "running",
    "import": "register",
    "expiring": "register",
    "keys": "register",
    "archive": "readings",
    "capacity": "readings",
    "alerts": "inbox",
    "deliveries": "inbox",
    "endpoints": "inbox",
    "wait": "listening",
    "listen": "listening",
    "demo": "sample",
    "simulate": "sample",
    "check-config": "checking",
    "doctor": "doctor",
    "openapi": "checking",
}  # each verb's file; in the order of the help


class Verbs(TyperGroup):
    """All verbs, each read from its file when it is asked for."""

    def list_commands(self, _ctx: object) -> list[str]:
        return list(FILE_OF)

    def get_command(self, _ctx: object, cmd_name: str) -> TyperCommand | TyperGroup | None:
        if cmd_name in FILE_OF:
            return _verb(cmd_name)
        self.commands.update({name: _verb(name) for name in FILE_OF})  # the error names the nearest of them
        return None


def _verb(name: str) -> TyperCommand | TyperGroup:
    with gc_paused():  # what an import makes stays
        verbs: typer.Typer = import_module(f"{__name__}.{FILE_OF[name]}").app
    found = get_group(verbs).commands[name]
    assert isinstance(found, TyperCommand | TyperGroup)
    return found


app = typer.Typer(
    cls=Verbs,
    name="yujing",
    help="预警 Yujing: warns enterprises before they break their discharge permit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"yujing {VERSION}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="版本 / the version")
    ] = False,
) -> None:
    """预警 Yujing: warns enterprises before they break their discharge permit."""
