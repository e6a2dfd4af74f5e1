"""The product as its callers see it: HTTP paths of the register, tokens, endpoints, lists and the event stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import httpx

from shared.domain.errors import Conflict, Unreachable
from shared.domain.json import JsonObject, as_object, read_objects, read_text

from .officers import divisions_of, wishes
from .region import SampleEnterprise, SampleRegion
from .terms import Term

AT_ONCE = 8
PAGES = 100  # of a list, at most
MOST_WAITS = 20  # for the token's budget, with one call
SAMPLE_SUBJECT = "sample"
Thing = TypeVar("Thing")


@dataclass
class ApiClient:
    """`client` has the base URL; `token` is an admin's."""

    client: httpx.AsyncClient
    token: str
    _last_event: str | None = None

    async def register(self, region: SampleRegion) -> None:
        """Enterprises first, then their permits, outlets and points with them."""

        async def put(enterprise: SampleEnterprise) -> None:
            path = f"/permits/v1/enterprises/{enterprise.credit_code}"
            await self._send("PUT", path, enterprise.document())
            if enterprise.term is Term.NONE:
                for point in enterprise.points:
                    body = {**point.document(), "credit_code": enterprise.credit_code, "outlet": point.outlet}
                    await self._send("PUT", f"/permits/v1/points/{point.mn}", body)
            else:
                await self.permit(enterprise)

        await _each(region.enterprises, put)

    async def permit(self, enterprise: SampleEnterprise, *, applied_on: date | None = None) -> None:
        """Registers the permit; `applied_on`: an application to renew it is on file."""
        body = enterprise.permit(applied_on=applied_on)
        await self._send("PUT", f"/permits/v1/permits/{enterprise.permit_number}", body)

    async def complete(self, division: str) -> None:
        """Says that every permit holder of the division is registered."""
        await self._send("PUT", f"/permits/v1/regions/{division}", {"register_complete": True})

    async def known(self, mns: Iterable[str], *, within_s: float) -> bool:
        """Whether monitoring knows these points by then."""
        deadline = asyncio.get_running_loop().time() + within_s
        for mn in mns:
            while (await self._ask(f"/monitoring/v1/points/{mn}/latest")).status_code == 404:
                if asyncio.get_running_loop().time() > deadline:
                    return False
                await asyncio.sleep(0.1)
        return True

    async def enterprise_token(self, credit_code: str) -> str:
        body = {"role": "enterprise", "subject": SAMPLE_SUBJECT, "credit_codes": [credit_code]}
        return read_text(await self._send("POST", "/permits/v1/keys", body), "token")

    async def officer_token(self, region: str) -> str:
        body = {"role": "officer", "subject": SAMPLE_SUBJECT, "region": region}
        return read_text(await self._send("POST", "/permits/v1/keys", body), "token")

    async def endpoint(self, url: str, token: str) -> tuple[str, str]:
        """Registers a webhook endpoint of the token's owner; its id and secret."""
        made = await self._send("POST", "/alerts/v1/endpoints", {"url": url}, token)
        return read_text(made, "id"), read_text(made, "secret")

    async def subscribe(self, wish: JsonObject, token: str) -> None:
        await self._send("POST", "/alerts/v1/subscriptions", wish, token)

    async def all(self, path: str, *, token: str | None = None, **query: str) -> list[JsonObject]:
        """Every item of a list, page after page; as the token's owner sees it."""
        found: list[JsonObject] = []
        for _ in range(PAGES):
            answer = as_object(_good(await self._ask(path, query, token)).json(), path)
            found += read_objects(answer, "items")
            if not answer.get("next"):
                break
            query["cursor"] = read_text(answer, "next")
        return found

    async def events(self) -> AsyncIterator[JsonObject]:
        """The public event stream, from now on, over any break of the connection."""
        while True:
            try:
                async for event in self._stream():
                    yield event
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.5)

    async def _stream(self) -> AsyncIterator[JsonObject]:
        headers = self._headers() | {"accept": "text/event-stream"}
        if self._last_event:
            headers["last-event-id"] = self._last_event
        timeout = httpx.Timeout(10, read=None)
        async with self.client.stream("GET", "/alerts/v1/stream", headers=headers, timeout=timeout) as answer:
            if answer.is_error:
                await answer.aread()
            _good(answer)
            data: list[str] = []
            async for line in answer.aiter_lines():
                name, _, value = line.partition(":")
                if name == "id":
                    self._last_event = value.strip()
                elif name == "data":
                    data.append(value.removeprefix(" "))
                elif not line and data:
                    yield as_object(json.loads("\n".join(data)), "an event")
                    data = []

    async def _ask(self, path: str, query: Mapping[str, str] | None = None, token: str | None = None) -> httpx.Response:
        return await self._answer(lambda: self.client.get(path, params=query, headers=self._headers(token)))

    async def _send(self, verb: str, path: str, body: JsonObject, token: str | None = None) -> JsonObject:
        headers = self._headers(token)
        answer = await self._answer(lambda: self.client.request(verb, path, json=body, headers=headers))
        return as_object(_good(answer).json(), path) if answer.content else {}

    async def _answer(self, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """The answer to a call. While the token's budget is used up, it waits as long as the answer names and is made again."""
        try:
            for _ in range(MOST_WAITS):
                answer = await call()
                if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                    break
                await asyncio.sleep(int(answer.headers["retry-after"]))
            return answer
        except httpx.TransportError as wrong:
            raise Unreachable(f"{self.client.base_url} does not answer: {wrong!r}") from wrong

    def _headers(self, token: str | None = None) -> dict[str, str]:
        return {"authorization": f"Bearer {token or self.token}"}


def _good(answer: httpx.Response) -> httpx.Response:
    """The answer when it is a good one; else what the problem+json says."""
    if answer.is_success:
        return answer
    detail = f"{answer.request.method} {answer.request.url.path} → {answer.status_code}: {answer.text[:500]}"
    raise (Unreachable if answer.status_code >= 500 else Conflict)(detail)


async def _each(things: Iterable[Thing], act: Callable[[Thing], Awaitable[None]]) -> None:
    """All of them, some at once; the first failure ends it."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(thing: Thing) -> None:
        async with gate:
            await act(thing)

    await asyncio.gather(*(one(thing) for thing in things))


async def endpoints_for(
    api: ApiClient, region: SampleRegion, url: Callable[[str], str], trust: Callable[[str, str], None]
) -> None:
    """One endpoint an enterprise, made with its own token, and the officers' with what they subscribe to."""

    async def enterprise(found: SampleEnterprise) -> None:
        token = await api.enterprise_token(found.credit_code)
        _, secret = await api.endpoint(url(found.credit_code), token)
        trust(found.credit_code, secret)

    await _each(region.enterprises, enterprise)
    for owner, division in divisions_of(region).items():
        token = await api.officer_token(division)
        endpoint, secret = await api.endpoint(url(owner), token)
        trust(owner, secret)
        for wish in wishes(region):
            if wish.owner == owner:
                await api.subscribe(wish.document(endpoint), token)
