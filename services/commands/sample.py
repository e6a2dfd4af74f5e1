"""demo, simulate: a living sample region, its loggers and a receiver."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from services.simulator.demo import simulate_command
from services.simulator.host_process import demo_command
from shared.runtime.terminal import AsJson, plain_errors

app = typer.Typer()


@app.command()
def demo(
    seconds: Annotated[int | None, typer.Option(min=5, help="结束于 / end after so many seconds")] = None,
    seed: Annotated[int, typer.Option(help="样本区域的种子 / seed of the sample region")] = 7,
    keep: Annotated[Path | None, typer.Option(help="保留数据的文件夹 / keep the data in this folder")] = None,
    as_json: AsJson = False,
) -> None:
    """演示 / A living sample region: frames in, verified webhooks out."""
    with plain_errors():
        code = demo_command(seconds=seconds, seed=seed, keep=keep, as_json=as_json)
    sys.exit(code)


@app.command()
def simulate(
    base_url: Annotated[str, typer.Option(help="e.g. http://127.0.0.1:8000")] = "http://127.0.0.1:8000",
    token: Annotated[str, typer.Option(envvar="YUJING_TOKEN", help="an admin's token")] = "",
    gateway: Annotated[str, typer.Option(help="host:port of the HJ 212 gateway")] = "127.0.0.1:9212",
    seconds: Annotated[int | None, typer.Option(min=5)] = None,
    seed: Annotated[int, typer.Option()] = 7,
    as_json: AsJson = False,
) -> None:
    """模拟数采仪 / Simulated loggers against a running host."""
    with plain_errors():
        code = simulate_command(
            base_url=base_url, token=token, gateway=gateway, seconds=seconds, seed=seed, as_json=as_json
        )
    sys.exit(code)
