"""check-config, doctor, openapi: what is set, whether it can work, what the APIs look like."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.commands.health import host_state, key_states
from services.commands.running import Services
from services.composition import BUILD, check, chosen, make_clock, make_context, make_log
from shared.database import open_database
from shared.eventlog.embedded import nearly_full
from shared.eventlog.embedded_file import unwell
from shared.runtime.host import openapi as openapi_of
from shared.runtime.settings import Settings, load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result

NOT_MADE = "尚未建立 / not made yet: `yujing run` makes it"


def check_config(services: Services = None, as_json: AsJson = False) -> None:
    """检查设置 / Say what is set; secrets are masked. Exit 2 when `run` would not start with it. Makes nothing."""
    with plain_errors():
        settings = load_settings()
        check(settings, chosen(services or []))
    shape = "distributed" if settings.distributed else "embedded"
    print_result({"shape": shape, **settings.model_dump(mode="json")}, as_json=as_json)


def doctor(as_json: AsJson = False) -> None:
    """体检 / Whether log, databases and host answer and the keys are right; exit 1 when not. Makes nothing."""
    with plain_errors():
        settings = load_settings()
        check(settings, tuple(BUILD))
        found = _distributed_state(settings) if settings.distributed else _embedded_state(settings.data_dir)
        if settings.distributed or NOT_MADE not in found.values():
            if all(state == "ok" for state in found.values()):
                found |= key_states(settings)
            found["host"] = host_state(settings)
    print_result(found, as_json=as_json)
    if any(state not in ("ok", NOT_MADE) for state in found.values()):
        sys.exit(1)


def _embedded_state(folder: Path) -> dict[str, str]:
    """The files of the embedded shape, looked at without a change to any of them."""
    found = {"log": folder / "log.sqlite", **{f"{name} database": folder / f"{name}.sqlite" for name in BUILD}}
    states = {name: (unwell(path) or "ok") if path.exists() else NOT_MADE for name, path in found.items()}
    if folder.is_dir():
        states["disk"] = nearly_full(folder) or "ok"
    return states


def _distributed_state(settings: Settings) -> dict[str, str]:
    event_log = make_log(settings, make_clock(settings))
    found = {"log": event_log.healthy() or "ok"}
    event_log.close()
    for name in BUILD:
        database = open_database(settings.database, settings.data_dir, name)
        found[f"{name} database"] = database.ping() or "ok"
        database.close()
    return found


def openapi(service: Annotated[str, typer.Argument(help="permits, monitoring, alerts")]) -> None:
    """接口文档 / The OpenAPI document of one service, on standard output."""
    with plain_errors():
        (name,) = chosen([service])
        context = make_context(load_settings(), exclusive=False)
        document = openapi_of(BUILD[name](context))
        context.log.close()
    typer.echo(json.dumps(document, ensure_ascii=False, indent=1))
