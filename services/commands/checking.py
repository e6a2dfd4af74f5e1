"""check-config, openapi: what is set and whether `run` would start with it, what the APIs look like."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from services.commands.running import Services
from services.composition import build_service, check, chosen, make_context
from shared.runtime.host import openapi as openapi_of
from shared.runtime.settings import load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result

app = typer.Typer()


@app.command()
def check_config(services: Services = None, as_json: AsJson = False) -> None:
    """检查设置 / Say what is set; secrets are masked. Exit 2 when `run` would not start with it. Makes nothing."""
    with plain_errors():
        settings = load_settings()
        check(settings, chosen(services or []))
    shape = "distributed" if settings.distributed else "embedded"
    print_result({"shape": shape, **settings.model_dump(mode="json")}, as_json=as_json)


@app.command()
def openapi(service: Annotated[str, typer.Argument(help="permits, monitoring, alerts")]) -> None:
    """接口文档 / The OpenAPI document of one service, on standard output."""
    with plain_errors():
        (name,) = chosen([service])
        context = make_context(load_settings(), exclusive=False)
        document = openapi_of(build_service(context, name))
        context.log.close()
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1))
