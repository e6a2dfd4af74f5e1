"""A real server under bodies that are too large, too slow, not permitted or broken: its memory, and what a plain client reads."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from shared.runtime.web import MEDIA
from tests.support.product import Process, eventually, running

MB = 1024 * 1024
OPENAPI = Path(__file__).resolve().parents[2] / "docs/openapi"
KEYS, IMPORTS, PACKETS = "/permits/v1/keys", "/permits/v1/imports", "/monitoring/v1/packets"
MOST_GROWTH_MB = 150


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    problem: dict[str, Any]


@dataclass(frozen=True)
class Server:
    """The product as a process, and plain connections to it."""

    process: Process

    def headers(self, token: str | None, **more: str) -> dict[str, str]:
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return {**bearer, "Content-Type": "application/json", **more}

    def token(self, role: str, **scope: Any) -> str:
        with self.process.client() as client:
            return str(client.post(KEYS, json={"role": role, **scope}).json()["token"])

    @contextmanager
    def connection(self) -> Iterator[HTTPConnection]:
        with closing(HTTPConnection("127.0.0.1", self.process.http_port, timeout=20)) as connection:
            yield connection

    def post(self, path: str, body: bytes, token: str | None, **headers: str) -> Answer:
        """One request, written wholly and then answered: an answer that is reset on its way raises."""
        with self.connection() as connection:
            connection.request("POST", path, body, self.headers(token, **headers))
            return read(connection.getresponse())

    def post_chunks(self, path: str, megabytes: int, token: str | None) -> Answer:
        """A body in chunks that the server may refuse at any time; the answer is there to be read all the same."""
        chunks, headers = repeat(b"x" * MB, megabytes), self.headers(token, **{"Transfer-Encoding": "chunked"})
        with self.connection() as connection:
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request("POST", path, chunks, headers, encode_chunked=True)
            return read(connection.getresponse())

    def post_only_headers(self, verb: str, path: str, length: int, token: str | None) -> Answer:
        """The server waits for a body that never comes, or answers without it."""
        with self.connection() as connection:
            connection.putrequest(verb, path)
            for name, value in self.headers(token, **{"Content-Length": str(length)}).items():
                connection.putheader(name, value)
            connection.endheaders()
            return read(connection.getresponse())

    def send_raw(self, path: str, token: str | None, headers: str, body: bytes) -> bytes:
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        with socket.create_connection(("127.0.0.1", self.process.http_port), 20) as line:
            line.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\n{bearer}{headers}\r\n\r\n".encode() + body)
            return line.recv(65536)

    def refused(self, code: str) -> float:
        """How many bodies were refused with this code."""
        with self.process.client() as client:
            count = re.search(
                rf'^yujing_http_refused_total{{reason="{code}"}} (.+)$', client.get("/metrics").text, re.M
            )
        return float(count[1]) if count else 0.0

    def memory_mb(self, name: str) -> int:
        assert self.process.child is not None
        status = Path(f"/proc/{self.process.child.pid}/status").read_text()
        (kilobytes,) = re.findall(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)
        return int(kilobytes) // 1024

    def forget_peak(self) -> None:
        assert self.process.child is not None
        Path(f"/proc/{self.process.child.pid}/clear_refs").write_text("5")


def read(response: HTTPResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    body = response.read()
    assert headers["content-type"] == MEDIA, body[:200]
    return Answer(response.status, headers, json.loads(body))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("costs")) as process:
        yield Server(process)


@pytest.fixture(scope="module")
def admin(server: Server) -> str:
    return server.process.token()


def operations_with_a_body() -> list[tuple[str, str]]:
    return [
        (verb.upper(), re.sub(r"\{\w+\}", "x", path))
        for document in sorted(OPENAPI.glob("*.json"))
        for path, operations in json.loads(document.read_text(encoding="utf-8"))["paths"].items()
        for verb, operation in operations.items()
        if "requestBody" in operation
    ]


@pytest.mark.parametrize("path", [KEYS, IMPORTS, PACKETS])
@pytest.mark.parametrize("known", [False, True], ids=["without a token", "with a token"])
def test_ten_bodies_of_150_mb_cost_little_memory_and_are_answered(
    server: Server, admin: str, path: str, known: bool
) -> None:
    server.forget_peak()
    before_mb = server.memory_mb("VmRSS")
    token = admin if known else None
    with ThreadPoolExecutor(10) as clients:
        answers = list(clients.map(lambda _: server.post_chunks(path, 150, token), range(10)))
    growth_mb = server.memory_mb("VmHWM") - before_mb
    assert growth_mb < MOST_GROWTH_MB
    if not known:
        assert {answer.status for answer in answers} == {401}
    elif path == KEYS:
        assert {(answer.status, answer.problem["code"]) for answer in answers} == {(413, "body-too-large")}
    else:  # ten of them reach their own limit together only when they do not meet the limit of all
        assert 413 in {answer.status for answer in answers} <= {413, 503}


@pytest.mark.parametrize(("verb", "path"), operations_with_a_body(), ids=" ".join)
def test_who_has_no_token_is_answered_before_the_body_is_sent(server: Server, verb: str, path: str) -> None:
    answer = server.post_only_headers(verb, path, 500_000, None)
    assert (answer.status, answer.problem["code"]) == (401, "unauthorized")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize(("path", "role"), [(IMPORTS, "device"), (PACKETS, "officer")])
def test_who_has_the_wrong_role_is_answered_before_a_large_body_is_sent(server: Server, path: str, role: str) -> None:
    token = server.token(role, **({"mns": ["M"]} if role == "device" else {"region": "15"}))
    assert server.post_only_headers("POST", path, 4 * MB, token).status == 403


@pytest.mark.parametrize(("path", "most_mb"), [(KEYS, 1), (PACKETS, 5), (IMPORTS, 64)])
def test_a_declared_length_over_the_limit_is_answered_before_the_body_is_sent(
    server: Server, admin: str, path: str, most_mb: int
) -> None:
    answer = server.post_only_headers("POST", path, most_mb * MB + 1, admin)
    assert (answer.status, answer.problem["code"]) == (413, "body-too-large")
    assert f"{most_mb} MB" in answer.problem["detail"]


@pytest.mark.parametrize(("path", "size_mb"), [(KEYS, 3), (PACKETS, 20)])
def test_a_plain_client_reads_the_refusal_of_a_body_that_it_sent_wholly(
    server: Server, admin: str, path: str, size_mb: int
) -> None:
    for token, status in ((None, 401), (admin, 413)):
        assert server.post(path, b"x" * (size_mb * MB), token).status == status


def test_a_body_up_to_the_limit_is_taken(server: Server, admin: str) -> None:
    spaces = b" " * (5 * MB - 2)
    with server.process.client() as client:
        assert client.post(PACKETS, content=b"[" + spaces + b"]").status_code == 202


@pytest.mark.parametrize("coding", ["gzip", "br, gzip", "é", "x" * 1000], ids=["gzip", "two", "no ASCII", "long"])
@pytest.mark.parametrize("path", [KEYS, IMPORTS, PACKETS])
def test_a_coded_body_is_refused_by_name(server: Server, admin: str, path: str, coding: str) -> None:
    answer = server.post(path, b"\x1f\x8b", admin, **{"Content-Encoding": coding})
    assert (answer.status, answer.problem["code"]) == (415, "content-encoding-unknown")


BROKEN = {
    "no length of a chunk": ("Transfer-Encoding: chunked", b"zz\r\nhello\r\n"),
    "a second chunk without length": ("Transfer-Encoding: chunked", b"5\r\nhello\r\nzz\r\n"),
    "a chunk longer than declared": ("Transfer-Encoding: chunked", b"2\r\nhello\r\n0\r\n\r\n"),
    "an unknown coding": ("Transfer-Encoding: gzip, chunked", b"5\r\nhello\r\n0\r\n\r\n"),
    "two lengths": ("Content-Length: 5\r\nContent-Length: 6", b"hello"),
    "a length of 5000 digits": ("Content-Length: " + "9" * 5000, b"hello"),
    "a length of 20 digits": ("Content-Length: " + "9" * 20, b"hello"),
    "a length below nothing": ("Content-Length: -5", b"hello"),
}


@pytest.mark.parametrize("known", [False, True], ids=["without a token", "with a token"])
@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_framing_is_the_clients_fault(server: Server, admin: str, how: str, known: bool) -> None:
    headers, body = BROKEN[how]
    for path in (KEYS, IMPORTS, PACKETS):
        answer = server.send_raw(path, admin if known else None, f"Content-Type: application/json\r\n{headers}", body)
        assert answer[:10] == b"HTTP/1.1 4", answer[:100]


def test_a_client_that_goes_away_within_its_body_leaves_no_error(server: Server, admin: str) -> None:
    for path in (KEYS, IMPORTS, PACKETS):
        with socket.create_connection(("127.0.0.1", server.process.http_port), 20) as line:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {admin}\r\nContent-Length: 500\r\n\r\n"
            line.sendall(head.encode() + b"half")
    eventually(lambda: server.refused("body-incomplete") >= 3, what="three broken bodies")
    assert "failed unexpectedly" not in server.process.log_file.read_text()
    assert "Traceback" not in server.process.log_file.read_text()


def test_what_was_refused_is_counted_by_its_code(server: Server, admin: str) -> None:
    before = server.refused("body-too-large")
    server.post_only_headers("POST", KEYS, 2 * MB, admin)
    assert server.refused("body-too-large") == before + 1
