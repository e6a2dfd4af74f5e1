"""doctor: whether what `run` needs is there and what runs is well; a line for each thing, in Chinese and English."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import typer

from services.commands import health, machine
from services.commands.health import RunningHost
from services.composition import SERVICES, check, make_clock, make_log
from shared.database import open_database
from shared.eventlog.embedded_file import unwell
from shared.runtime.settings import Settings, load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result

app = typer.Typer()
OK = "ok"
NOT_MADE = "尚未建立 / not made yet: `yujing run` makes it"
CHINESE = {
    "http port": "HTTP 端口",
    "gateway port": "网关端口",
    "metrics port": "指标端口",
    "disk": "磁盘",
    "log": "事件日志",
    "permits database": "许可数据库",
    "monitoring database": "监测数据库",
    "alerts database": "预警数据库",
    "secret key": "密钥",
    "permits secret key": "许可密钥",
    "monitoring secret key": "监测密钥",
    "alerts secret key": "预警密钥",
    "signing key": "签名密钥",
    "endpoints": "接收端",
    "host": "服务",
    "lag": "处理滞后",
    "clock": "时钟",
}


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """体检 / Whether ports, disk, data, keys, clock and the running host are well; exit 1 when one is not. Makes nothing."""
    with plain_errors():
        settings = load_settings()
        check(settings, SERVICES)
        found = _found(settings)
    if as_json:
        print_result(found, as_json=True)
    else:
        for name, state in found.items():
            typer.echo(f"{CHINESE[name]} / {name}: {'正常 / ok' if state == OK else state}")
    if any(state not in (OK, NOT_MADE) for state in found.values()):
        sys.exit(1)


def _found(settings: Settings) -> dict[str, str]:
    host = health.running_host(settings)
    data = _data_state(settings)
    found = {
        **machine.port_states(settings, host_runs=host.runs),
        "disk": machine.disk_state(settings.data_dir, machine.space_of(settings.data_dir)),
        **data,
    }
    ahead = {"host": host.ahead}
    if all(state == OK for state in data.values()):
        found |= health.key_states(settings)
        found["endpoints"] = health.endpoints_state(settings)
        ahead["database"] = health.database_ahead(settings)
    if NOT_MADE not in data.values():
        found |= _host_states(settings, host)
    return {**found, "clock": _clock_state(ahead)}


def _host_states(settings: Settings, host: RunningHost) -> dict[str, str]:
    if not host.runs:
        return {"host": host.state}
    return {"host": host.state, "lag": health.lag_state(settings)}


def _clock_state(ahead: Mapping[str, timedelta | None]) -> str:
    return machine.clock_state({whose: by for whose, by in ahead.items() if by is not None})


def _data_state(settings: Settings) -> dict[str, str]:
    """Log and databases; files are looked at without a change to any of them."""
    folder = settings.data_dir
    found = {"log": _log_state(settings) if settings.distributed else _file_state(folder / "log.sqlite")}
    for name in SERVICES:
        of_files = settings.database is None
        found[f"{name} database"] = _file_state(folder / f"{name}.sqlite") if of_files else _ping(settings, name)
    return found


def _file_state(path: Path) -> str:
    if not path.exists():
        return NOT_MADE
    return _named("文件损坏或无法打开", f"{path}: {why}" if (why := unwell(path)) else None)


def _log_state(settings: Settings) -> str:
    event_log = make_log(settings, make_clock(settings))
    try:
        return _named("事件日志不可用", event_log.healthy())
    finally:
        event_log.close()


def _ping(settings: Settings, name: str) -> str:
    database = open_database(settings.database, settings.data_dir, name)
    try:
        return _named("数据库不可用", database.ping())
    finally:
        database.close()


def _named(chinese: str, why: str | None) -> str:
    return f"{chinese} / {why}" if why else OK
