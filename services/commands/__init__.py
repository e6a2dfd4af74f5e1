"""The verbs of the `yujing` command, one file a group of verbs; a service's own verbs are in its `commands.py`."""

from __future__ import annotations

from typing import Annotated

import typer

from services.commands import checking, doctor, listening, running, sample
from services.composition import COMMANDS
from shared.runtime.host import VERSION

app = typer.Typer(
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


app.command("run")(running.run)
app.command("migrate")(running.migrate)
app.command("replay")(running.replay)
for add_commands in COMMANDS:
    add_commands(app)
app.command("wait")(listening.wait)
app.command("listen")(listening.listen)
app.command("demo")(sample.demo)
app.command("simulate")(sample.simulate)
app.command("check-config")(checking.check_config)
app.command("doctor")(doctor.doctor)
app.command("openapi")(checking.openapi)
