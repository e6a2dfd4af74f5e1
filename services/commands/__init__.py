"""The verbs of the `yujing` command, one file a group of verbs."""

from __future__ import annotations

import typer

from services.commands import checking, keys, register, running, sample

app = typer.Typer(
    name="yujing",
    help="预警 Yujing: warns enterprises before they break their discharge permit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("run")(running.run)
app.command("migrate")(running.migrate)
app.command("replay")(running.replay)
app.command("import")(register.import_file)
app.command("expiring")(register.expiring)
app.command("demo")(sample.demo)
app.command("simulate")(sample.simulate)
app.command("check-config")(checking.check_config)
app.command("doctor")(checking.doctor)
app.command("openapi")(checking.openapi)
app.add_typer(keys.app, name="keys", help="令牌 / Tokens.")
