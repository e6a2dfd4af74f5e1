"""wait, listen: whether the host is ready, and a receiver on this machine that verifies each webhook."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import httpx
import typer

from services.simulator.receiver import Message, Receiver
from shared.domain.clock import rfc3339, system_clock
from shared.domain.errors import Conflict, Invalid, Unreachable
from shared.runtime.settings import load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result

app = typer.Typer()

HERE = "http://127.0.0.1:8000"
OWNER = "listen"
LOOK_S = 0.2  # between two questions to a host that is not ready yet
ASK_S = 5.0  # of one question

Api = Annotated[str, typer.Option(envvar="YUJING_API", help="运行中服务的地址 / where the host answers")]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The endpoint that `listen` made for itself."""

    id: str
    secret: str


@app.command()
def wait(
    api: Annotated[str | None, typer.Option(help="地址；默认按设置 / address; by default that of the settings")] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="最多等候 / at most so long")] = 60,
    as_json: AsJson = False,
) -> None:
    """等待就绪 / Wait until the host is ready; exit 1 when it is not in time."""
    with plain_errors():
        settings = load_settings()
        address = api or f"http://127.0.0.1:{settings.http_port}"
        end = time.monotonic() + seconds
        state = _state(address)
        while state != "ready" and time.monotonic() < end:
            time.sleep(LOOK_S)
            state = _state(address)
    print_result({"host": address, "state": state}, as_json=as_json)
    if state != "ready":
        sys.exit(1)


@app.command()
def listen(
    token: Annotated[str, typer.Option(envvar="YUJING_TOKEN", help="企业或监管人员的令牌 / whose warnings to receive")],
    api: Api = HERE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: 任一空闲端口 / any free port")] = 0,
    count: Annotated[int | None, typer.Option(min=1, help="收到几条后结束 / end after so many")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="最多等候 / end after so long")] = None,
    as_json: AsJson = False,
) -> None:
    """接收并验签 / Receive the token's warnings on loopback and verify each; exit 1 when `--count` did not come in time.

    Makes an endpoint of its own at the host, which must allow pushes to 127.0.0.1 (YUJING_ALLOW_PRIVATE_TARGETS), and
    deletes it at the end.
    """
    with plain_errors():
        verified = _listen(token, api, port=port, count=count, seconds=seconds, as_json=as_json)
    if verified < (count or 0):
        sys.exit(1)


def _listen(token: str, api: str, *, port: int, count: int | None, seconds: float | None, as_json: bool) -> int:
    enough = threading.Event()
    receiver = Receiver(system_clock(), lambda message: None)

    def show(message: Message) -> None:
        _show(message, as_json=as_json)
        if count is not None and receiver.verified >= count:
            enough.set()

    receiver.on_message = show
    headers = {"Authorization": f"Bearer {token}"}
    receiver.start(port)
    url = receiver.url(OWNER)
    try:
        with (
            httpx.Client(base_url=api, headers=headers, timeout=ASK_S, trust_env=False) as client,
            _endpoint(client, url) as endpoint,
            contextlib.suppress(KeyboardInterrupt),  # the ordinary end
        ):
            receiver.trust(OWNER, endpoint.secret)
            typer.echo(f"接收 listening on {url}", err=True)
            enough.wait(seconds)
    finally:
        receiver.stop()
    typer.echo(f"已验签 verified {receiver.verified}  拒签 refused {len(receiver.refused)}", err=True)
    return receiver.verified


@contextmanager
def _endpoint(client: httpx.Client, url: str) -> Iterator[Endpoint]:
    """An endpoint for as long as the block runs."""
    try:
        answer = client.post("/alerts/v1/endpoints", json={"url": url})
    except httpx.TransportError as away:
        raise Unreachable(f"no host answers at {client.base_url} ({type(away).__name__})") from away
    if answer.status_code != 201:
        raise Conflict(f"the host made no endpoint ({answer.status_code}): {_detail(answer)}", code="no-endpoint")
    made = answer.json()
    if not made.get("secret"):
        raise Invalid(
            "this token is shown no secret", field="token", value=None, rule="an enterprise's or an officer's token"
        )
    try:
        yield Endpoint(str(made["id"]), str(made["secret"]))
    finally:
        try:
            client.delete(f"/alerts/v1/endpoints/{made['id']}")
        except httpx.TransportError:
            typer.echo(f"端点未注销 the endpoint {made['id']} could not be deleted: the host is gone", err=True)


def _show(message: Message, *, as_json: bool) -> None:
    event = message.event
    if as_json:
        typer.echo(json.dumps(event, ensure_ascii=False))
        return
    data = event.get("data", {})
    headline = data.get("headline", {}) if isinstance(data, dict) else {}
    words = headline.get("zh", "") if isinstance(headline, dict) else ""
    typer.echo(f"✓ 验签 verified {rfc3339(system_clock().wall_now())} {event.get('type')} {words}")


def _state(address: str) -> str:
    try:
        answer = httpx.get(f"{address}/readyz", timeout=ASK_S, trust_env=False)
    except httpx.TransportError as away:
        return f"no answer ({type(away).__name__})"
    except httpx.InvalidURL as wrong:
        raise Invalid(f"{address!r} is no address", field="api", value=address, rule=f"such as {HERE}") from wrong
    return "ready" if answer.status_code == 200 else f"not ready ({answer.status_code})"


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json().get("detail", answer.text[:200]))
    except ValueError:
        return answer.text[:200]
