"""Query parameters, headers, and requests written byte by byte: wrong lengths, wrong chunks, two at once, no end."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from random import Random
from urllib.parse import quote

import httpx

from tests.fuzz.inputs import Broken, Input
from tests.fuzz.mutations import NUMBERS, ODD_TEXTS, bytes_mutated, nested
from tests.fuzz.oracle import Oracle
from tests.fuzz.site import TARGET, Site
from tests.fuzz.sockets import exchanged
from tests.fuzz.web import Unsendable, WebEntrance

RAW = "raw"
ANSWER_S = 20.0
HEADERS = (
    "last-event-id",
    "content-encoding",
    "accept",
    "accept-encoding",
    "if-none-match",
    "range",
    "x-forwarded-for",
    "cookie",
    "content-type",
    "expect",
    "upgrade",
    "forwarded",
    "host",
    "te",
)
PACKETS = b"POST /monitoring/v1/packets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
LIST = b"GET /alerts/v1/alerts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
STREAM = "GET /alerts/v1/stream"
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) [^\r\n]*\r\n(.*?)\r\n\r\n", re.DOTALL)
VALUES = (*ODD_TEXTS, *NUMBERS)


class Requests(WebEntrance):
    """With the target `raw`, `payload` is the whole of what is sent; else it is a query string."""

    name = "requests"

    def __init__(self, site: Site, oracle: Oracle) -> None:
        super().__init__(site, oracle)
        self._routes = [route for route in site.routes if route.verb == "GET" and not route.path.endswith("/stream")]
        self._token = site.product.token().encode()

    def known(self) -> Sequence[Input]:
        streams = [Input(STREAM, b"", (("last-event-id", text.encode("utf-8", "replace")),)) for text in VALUES]
        return [*streams, *(Input(RAW, text) for text in _known())]

    def make(self, random: Random) -> Input:
        make: Callable[[Random], Input] = random.choice(
            (self._query, self._query, self._query, self._headed, self._path, _raw, _raw)
        )
        return make(random)

    def _query(self, random: Random) -> Input:
        route = random.choice(self._routes)
        names = [
            name for name in route.parameters("query") if name != "wait"
        ]  # a long poll waits as long as it is asked to
        asked = {name: TARGET.factor if name == "factor" else "1" for name in route.needed()}
        for name in random.sample(names, min(len(names), random.choice((1, 1, 2, 4)))):
            asked[name] = random.choice(VALUES)
        text = "&".join(
            f"{name}={quote(value.encode('utf-8', 'surrogatepass'), safe='')}" for name, value in asked.items()
        )
        written = bytes_mutated(text.encode(), random) if random.random() < 0.1 else text.encode()
        return Input(f"GET {_with_names(route.path)}", written)

    def _path(self, random: Random) -> Input:
        route = random.choice(self._routes)
        odd = quote(random.choice(VALUES).encode("utf-8", "surrogatepass"), safe="")
        return Input(f"GET {re.sub('{[^}]*}', lambda _: odd, route.path)}", b"")

    def _headed(self, random: Random) -> Input:
        route = random.choice(self._routes)
        value = random.choice(
            (*VALUES, "gzip", "br", "bytes=0-", "websocket", "100-continue", "chunked", "deflate, gzip")
        )
        target = random.choice((STREAM, f"GET {_with_names(route.path)}", "POST /monitoring/v1/packets"))
        return Input(target, b"", ((random.choice(HEADERS), value.encode("utf-8", "replace")),))

    def send(self, one: Input) -> str:
        if one.target == RAW:
            return self._exchanged((one.payload or b"").replace(b"{token}", self._token))
        query = quote(one.payload or b"", safe="&=%+")
        asked = Input(f"{one.target}?{query}" if query else one.target, None, one.headers)
        try:
            return self._listened(asked) if one.target == STREAM else self.oracle.answer(self.ask(asked))
        except Unsendable:
            return "not sendable"

    def _listened(self, one: Input) -> str:
        """A stream that is good does not end: its head is the answer."""
        try:
            with self.site.client.stream("GET", one.target.removeprefix("GET "), headers=list(one.headers)) as answer:  # type: ignore[arg-type]
                if answer.status_code >= 400:
                    answer.read()
                    return self.oracle.answer(answer)
                return f"{answer.status_code} stream"
        except httpx.LocalProtocolError as unsendable:
            raise Unsendable(str(unsendable)) from unsendable
        except httpx.TransportError as wrong:
            raise Broken(f"no answer from the stream: {wrong!r}") from wrong

    def _exchanged(self, request: bytes) -> str:
        path = [*request.split(b" ", 2), b"", b""][1].decode("latin-1")
        try:
            with socket.create_connection(("127.0.0.1", self.site.process_of(path).http_port), ANSWER_S) as line:
                answers = exchanged(line, request)
        except TimeoutError as late:
            raise Broken(f"a connection that ended was neither answered nor closed within {ANSWER_S:.0f} s") from late
        return self._judged(path, answers)

    def _judged(self, path: str, answers: bytes) -> str:
        found = STATUS.search(answers)
        if found is None:
            return "raw closed"
        status, body = int(found[1]), answers[found.end() :]
        if status == 400 and body.startswith(b"Invalid HTTP request"):
            return "raw 400"  # the web server's own words: it was no request
        media = re.search(rb"(?im)^content-type: *([^\r\n]*)", found[2])
        chunked = re.search(rb"(?im)^transfer-encoding: *chunked", found[2])
        if chunked or status < 400:
            return f"raw {status}"
        length = re.search(rb"(?im)^content-length: *(\d+)", found[2])
        whole = body[: int(length[1])] if length else body
        return f"raw {self.oracle.judge(path, status, media[1].decode() if media else '', whole)}"


def _with_names(path: str) -> str:
    """Each parameter of the path as something that is there."""
    known = {
        "mn": TARGET.mn,
        "code": TARGET.region,
        "credit_code": TARGET.code,
        "number": TARGET.permit,
        "year": "2026",
        "id": "{import}",
    }
    known |= {
        "alert_id": "{alert}",
        "endpoint_id": "{endpoint}",
        "subscription_id": "{subscription}",
        "kept_id": "{quarantined}",
    }
    return re.sub("{([^}]*)}", lambda found: known.get(found[1], "x"), path)


def _raw(random: Random) -> Input:
    seed = random.choice(_known())
    return Input(RAW, bytes_mutated(seed, random, random.choice(_known())))


def _known() -> list[bytes]:
    body = b'[{"mn":"x"}]'
    close = b"Connection: close\r\n"
    chunked = PACKETS + close + b"Transfer-Encoding: chunked\r\n\r\n"
    lengths = [
        PACKETS + close + b"Content-Length: " + text + b"\r\n\r\n" + body
        for text in (
            b"12",
            b"1",
            b"0",
            b"100",
            b"-1",
            b"9" * 30,
            b"9" * 5000,
            b"1e3",
            b"",
            b"12, 12",
            b"0x5",
            b"12\r\nContent-Length: 3",
        )
    ]
    chunks = [
        chunked + text
        for text in (
            b"c\r\n" + body + b"\r\n0\r\n\r\n",
            b"ffffffffffffffff\r\n",
            b"-1\r\n",
            b"zz\r\n",
            b"c\r\n" + body,
            b"c;" + b"x" * 5000 + b"\r\n",
            b"0\r\nA: b\r\n\r\n",
            b"5\r\n" + body + b"\r\n0\r\n\r\n",
            b"\r\n",
            b"c\n" + body + b"\n0\n\n",
        )
    ]
    heads = [
        LIST + close + text
        for text in (
            b"\r\n",
            b"X: \x00\r\n\r\n",
            b"X: " + b"y" * 100_000 + b"\r\n\r\n",
            b" folded\r\n\r\n",
            b"\xff: x\r\n\r\n",
            b"X: y\r\n" * 3000 + b"\r\n",
            b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            b"Upgrade: websocket\r\n\r\n",
            b"Expect: 100-continue\r\n\r\n",
            b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            b"Host: y\r\n\r\n",
        )
    ]
    lines = [
        b"",
        b"\x00",
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  / HTTP/1.1\r\n\r\n",
        b"GET /%ff%00 HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"X" * 100_000,
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n",
        b"GET http://x/alerts/v1/alerts HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n",
        b"GET //alerts/v1//alerts HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n",
        b"GET /alerts/v1/../v1/alerts HTTP/1.1\r\n\r\n",
        b"TRACE /alerts/v1/alerts HTTP/1.1\r\nHost: x\r\n" + close + b"\r\n",
        b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\n\r\n",
    ]
    twice = [LIST + b"\r\n" + LIST + close + b"\r\n", PACKETS + b"Content-Length: 2\r\n\r\n[]" + LIST + close + b"\r\n"]
    packed = [
        PACKETS + close + b"Content-Encoding: gzip\r\nContent-Length: 12\r\n\r\n" + body,
        PACKETS + close + b"Content-Length: 4000\r\n\r\n" + nested(2000).encode(),
    ]
    return [*lengths, *chunks, *heads, *lines, *twice, *packed]
