"""The proxy of the distributed shape, with a real nginx and a real host behind it: what passes, and what it answers itself."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.product import Process, Source, last_hour
from tests.support.server_process import Server, free_port, missing

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "deploy" / "proxy" / "nginx.conf"


@dataclass(frozen=True)
class Proxy:
    host: Process
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def on_this_machine(conf: str, *, port: int, behind: int, folder: Path) -> str:
    """The same file with the container network's names, port and folders replaced by this machine's."""
    conf = conf.replace("listen 8080;", f"listen 127.0.0.1:{port};").replace("/tmp/", f"{folder}/")
    conf = conf.replace("http://$service:8000", f"http://127.0.0.1:{behind}")
    return re.sub(r"^\s*resolver .*$", "", conf, flags=re.M)


@pytest.fixture
def proxy(embedded: Process, tmp_path: Path) -> Iterator[Proxy]:
    program = shutil.which("nginx")
    if program is None:
        missing("the proxy is tested with nginx, which is not installed (Debian: nginx-light)")
    port = free_port()
    own = tmp_path / "nginx.conf"
    own.write_text(
        on_this_machine(CONF.read_text("utf-8"), port=port, behind=embedded.http_port, folder=tmp_path), "utf-8"
    )
    command = [program, "-c", str(own), "-g", "daemon off;", "-e", str(tmp_path / "error.log")]
    server = Server(name="nginx", command=command, log=tmp_path / "nginx.log", answers=lambda: answers(port))
    server.start()
    try:
        yield Proxy(embedded, port)
    finally:
        server.stop()


def the_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert (body["status"], body["code"]) == (status, code)
    assert body["detail"].isascii() and not body["detail_zh"].isascii() and not body["title_zh"].isascii()


def test_what_the_services_answer_passes_as_it_is(proxy: Proxy) -> None:
    source = Source(number=1)
    headers = {"Authorization": f"Bearer {proxy.host.token()}"}
    with httpx.Client(base_url=proxy.url, headers=headers, trust_env=False) as client:
        source.register(client)
        packet = {"mn": source.mn, "command": "2061", "data_time": last_hour().isoformat(), "factors": {}}
        assert client.post("/monitoring/v1/packets", json=[packet]).status_code in (202, 422)
        assert client.get("/alerts/v1/alerts").json()["items"] == []
        missing_one = client.get("/permits/v1/permits/none")
        assert missing_one.status_code == 404 and "code" in missing_one.json()
        import_of_ten_megabytes = client.post("/permits/v1/imports?dry_run=true", content=b"x" * 10_000_000)
        assert import_of_ten_megabytes.status_code != 413


def test_what_belongs_to_a_process_is_not_passed_on(proxy: Proxy) -> None:
    for path in ("/", "/metrics", "/readyz", "/healthz", "/permits/v2/x"):
        the_problem(httpx.get(f"{proxy.url}{path}", trust_env=False), 404, "not-found")


def test_while_the_host_is_gone_callers_are_asked_to_come_again(proxy: Proxy) -> None:
    proxy.host.stop()
    answer = httpx.get(f"{proxy.url}/alerts/v1/alerts", trust_env=False)
    the_problem(answer, 503, "service-unavailable")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("request_line", "headers", "status"),
    [
        ("GET /alerts/v1/alerts?x=" + "a" * 40_000, "", 414),
        ("GET /alerts/v1/alerts", "X-Long: " + "a" * 40_000 + "\r\n", 431),
        ("POST /permits/v1/imports", "Content-Length: 70000000\r\n", 413),
        ("GET /alerts/v1/alerts", "Content-Length: -1\r\n", 400),
        ("##2061", "", 400),
    ],
    ids=["a long address", "a long header", "a large body", "a header that is none", "no request at all"],
)
def test_a_request_that_the_proxy_refuses_is_a_problem_too(
    proxy: Proxy, request_line: str, headers: str, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), 10) as line:
        line.sendall(f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n".encode())
        raw = b"".join(iter(lambda: line.recv(65536), b"")).decode()
    head, _, body = raw.partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert "application/problem+json" in head
    assert f'"status": {status}, "code": ' in body
