"""How the simulator calls the product: pages to the end, streams over a break, problems as errors."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from services.simulator.api_client import ApiClient
from shared.domain.errors import Conflict, Unreachable


class SmallProduct(BaseHTTPRequestHandler):
    """Two pages of alerts; a stream that breaks after each event and goes on behind the last one seen."""

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if self.headers["authorization"] != "Bearer t":
            self._answer(401, b'{"code": "unauthorized", "detail": "a bearer token is needed"}')
        elif address.path == "/busy":
            self.server.asked += 1  # type: ignore[attr-defined]
            refused = self.server.asked < 3  # type: ignore[attr-defined]
            self._answer(429 if refused else 200, b'{"items": [{"n": 1}], "next": null}', {"retry-after": "0"})
        elif address.path == "/alerts/v1/alerts":
            second = parse_qs(address.query).get("cursor") == ["behind-2"]
            page = (
                {"items": [{"n": 3}], "next": None} if second else {"items": [{"n": 1}, {"n": 2}], "next": "behind-2"}
            )
            self._answer(200, json.dumps(page).encode())
        elif address.path == "/alerts/v1/stream":
            number = int(self.headers.get("last-event-id", "0")) + 1
            event = json.dumps({"subject": f"alr_{number}", "data": {}}, indent=1).replace("\n", "\ndata: ")
            self._answer(200, f": comment\n\nid: {number}\nevent: alert\ndata: {event}\n\n".encode())
        else:
            self._answer(503, b'{"code": "unreachable", "detail": "the database is away"}')

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def base_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), SmallProduct)
    server.asked = 0  # type: ignore[attr-defined]
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    serving.join()
    server.server_close()


@asynccontextmanager
async def api(base_url: str, token: str = "t") -> AsyncIterator[ApiClient]:
    async with httpx.AsyncClient(base_url=base_url) as client:
        yield ApiClient(client, token)


def test_a_list_is_read_to_its_last_page(base_url: str) -> None:
    async def read() -> list[Any]:
        async with api(base_url) as found:
            return await found.all("/alerts/v1/alerts")

    assert [one["n"] for one in asyncio.run(read())] == [1, 2, 3]


def test_a_call_over_the_budget_is_made_again(base_url: str) -> None:
    async def read() -> list[Any]:
        async with api(base_url) as found:
            return await found.all("/busy")

    assert asyncio.run(read()) == [{"n": 1}]


def test_the_stream_goes_on_behind_the_last_event_after_a_break(base_url: str) -> None:
    async def read() -> list[Mapping[str, Any]]:
        seen = []
        async with api(base_url) as found:
            async for event in found.events():
                seen.append(event)
                if len(seen) == 3:
                    break
        return seen

    assert [event["subject"] for event in asyncio.run(read())] == ["alr_1", "alr_2", "alr_3"]


@pytest.mark.parametrize(
    ("path", "token", "error", "says"),
    [
        ("/monitoring/v1/exceedances", "t", Unreachable, "the database is away"),
        ("/alerts/v1/alerts", "wrong", Conflict, "a bearer token is needed"),
    ],
    ids=["the product is away", "the token is wrong"],
)
def test_a_problem_is_shown_in_its_own_words(
    base_url: str, path: str, token: str, error: type[Exception], says: str
) -> None:
    async def read() -> None:
        async with api(base_url, token) as found:
            await found.all(path)

    with pytest.raises(error, match=says):
        asyncio.run(read())


def test_a_host_that_is_not_there_is_unreachable() -> None:
    async def read() -> None:
        async with api("http://127.0.0.1:9") as found:
            await found.all("/alerts/v1/alerts")

    with pytest.raises(Unreachable, match="does not answer"):
        asyncio.run(read())
