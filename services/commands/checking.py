"""check-config, doctor, openapi: what is set, whether it can work, what the APIs look like."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from services.composition import BUILD, make_context
from shared.runtime.host import openapi as openapi_of
from shared.runtime.settings import load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result


def check_config(as_json: AsJson = False) -> None:
    """检查设置 / Say what is set; secrets are masked. Exit 2 when something contradicts."""
    with plain_errors():
        settings = load_settings()
    shape = "distributed" if settings.distributed else "embedded"
    print_result({"shape": shape, **settings.model_dump(mode="json")}, as_json=as_json)


def doctor(as_json: AsJson = False) -> None:
    """体检 / Whether log and databases answer; exit 1 when one does not."""
    with plain_errors():
        context = make_context(load_settings(), exclusive=False)
        found = {"log": context.log.healthy() or "ok"}
        for name in BUILD:
            found[f"{name} database"] = context.database(name).ping() or "ok"
        context.log.close()
    print_result(found, as_json=as_json)
    if any(state != "ok" for state in found.values()):
        sys.exit(1)


def openapi(service: Annotated[str, typer.Argument(help="permits, monitoring, alerts")]) -> None:
    """接口文档 / The OpenAPI document of one service, on standard output."""
    with plain_errors():
        context = make_context(load_settings(), exclusive=False)
        document = openapi_of(BUILD[service](context))
        context.log.close()
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1))
