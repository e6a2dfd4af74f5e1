"""The product as a user runs it: real processes, real TCP, real HTTP. Ends only the processes it started."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import httpx
from stdnum.cn import uscc

from shared.domain.clock import SHANGHAI
from shared.hj212.reply import encode
from tests.support.server_process import free_port

READY_S = 40.0
LOOPBACK = "127.0.0.0/8"
UNLIMITED = {
    "YUJING_TOKEN_CALLS_PER_S": "1000000",
    "YUJING_TOKEN_CALLS_BURST": "1000000",
}  # a test calls as fast as it can


def eventually(ask: Callable[[], Any], *, within_s: float = 20.0, what: str | Callable[[], str] = "it") -> Any:
    """The first true answer of `ask`; fails when there is none in time, naming `what` was waited for."""
    end = time.monotonic() + within_s
    answer = ask()
    while not answer:
        if time.monotonic() > end:
            text = what if isinstance(what, str) else what()
            raise AssertionError(f"{text} did not happen within {within_s:.0f} s; last answer: {answer!r}")
        time.sleep(0.02)
        answer = ask()
    return answer


@dataclass
class Process:
    """One `yujing run …`."""

    folder: Path
    services: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    http_port: int = field(default_factory=free_port)
    gateway_port: int = field(default_factory=free_port)
    child: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def log_file(self) -> Path:
        return self.folder / f"host-{'-'.join(self.services) or 'all'}.log"

    def environment(self) -> dict[str, str]:
        own = {
            "YUJING_DATA_DIR": str(self.folder / "data"),
            "YUJING_HTTP_PORT": str(self.http_port),
            "YUJING_GATEWAY_PORT": str(self.gateway_port),
            "YUJING_ALLOW_PRIVATE_TARGETS": LOOPBACK,
            "YUJING_LOG_FORMAT": "json",
            **UNLIMITED,
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith("YUJING_")}
        return {**kept, **own, **self.env}

    def start(self, *, wait: bool = True, **more_env: str) -> None:
        """Start it and, unless asked not to, wait until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-m", "services", "run", *self.services],
                env={**self.environment(), **more_env},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).resolve().parents[2],
                umask=0o022,  # an ordinary one: whatever is private is so by the product itself
            )
        self.starts += 1
        if wait:
            self.await_ready()

    def await_ready(self) -> None:
        eventually(self._ready_or_dead, within_s=READY_S, what=f"ready ({self.tail()})")
        if self.exit_code() is not None:
            raise AssertionError(f"the host ended with {self.exit_code()}: {self.tail()}")

    def _ready_or_dead(self) -> bool:
        return self.exit_code() is not None or self.ready()

    def ready(self) -> bool:
        asked = HTTPConnection(
            "127.0.0.1", self.http_port, timeout=2
        )  # a start is asked often: no client with TLS each time
        try:
            asked.request("GET", "/readyz")
            return asked.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            asked.close()

    def exit_code(self) -> int | None:
        return self.child.poll() if self.child else None

    def kill(self) -> None:
        """SIGKILL, as a power cut would."""
        assert self.child is not None
        self.child.kill()
        self.child.wait(10)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        if self.child is None or self.child.poll() is not None:
            return self.exit_code() or 0
        self.child.send_signal(signal.SIGTERM)
        try:
            return self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.wait(10)

    def tail(self, lines: int = 15) -> str:
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    def token(self) -> str:
        """The admin's token, written at the first start."""
        path = Path(self.environment()["YUJING_DATA_DIR"]) / "admin.token"
        return str(eventually(lambda: path.exists() and path.read_text().strip(), what="admin.token"))

    def client(self, token: str | None = None) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=20, trust_env=False)


@contextmanager
def running(folder: Path, *services: str, **env: str) -> Iterator[Process]:
    """A host that is ready, stopped at the end."""
    process = Process(folder, services, env)
    try:
        process.start()
        yield process
    finally:
        process.stop()


def credit_code(number: int, region: str = "150102") -> str:
    """An invented credit code with the right check character."""
    body = f"91{region}MA{number:07d}"
    return body + str(uscc.calc_check_digit(body))


@dataclass(frozen=True)
class Source:
    """One sample enterprise with a permit, an outlet and a point."""

    number: int = 1
    region: str = "150102"
    limit: str = "35"
    averaging: str = "hour"
    factor: str = "a21026"
    reference_o2_pct: str | None = "6"
    valid_from: str = "2024-01-01"
    valid_to: str = "2028-12-31"
    password: str | None = "123456"
    strict: bool = False

    @property
    def code(self) -> str:
        return credit_code(self.number, self.region)

    @property
    def permit(self) -> str:
        return f"{self.code}001P"

    @property
    def mn(self) -> str:
        return f"A{self.region}_{self.number:04d}"

    def enterprise(self) -> dict[str, Any]:
        name = f"示例热电{self.number}号"
        return {"credit_code": self.code, "name": name, "industry": "D4411", "region": self.region}

    def document(self, **changes: Any) -> dict[str, Any]:
        limit = {"factor": self.factor, "averaging": self.averaging, "limit": self.limit, "unit": "mg/m3"}
        if self.reference_o2_pct:
            limit["reference_o2_pct"] = self.reference_o2_pct
        point = {"mn": self.mn, "system": "31", "password": self.password, "strict": self.strict}
        outlet = {"code": "DA001", "medium": "air", "name": "1号锅炉烟囱", "points": [point], "limits": [limit]}
        return {
            "number": self.permit,
            "credit_code": self.code,
            "category": "key",
            "valid_from": self.valid_from,
            "valid_to": self.valid_to,
            "authority": "示例市生态环境局",
            "outlets": [outlet],
            **changes,
        }

    def register(self, client: httpx.Client) -> None:
        for path, body in (
            (f"/permits/v1/enterprises/{self.code}", self.enterprise()),
            (f"/permits/v1/permits/{self.permit}", self.document()),
        ):
            answer = client.put(path, json=body)
            assert answer.status_code in (200, 201), answer.text

    def token(self, client: httpx.Client) -> str:
        answer = client.post("/permits/v1/keys", json={"role": "enterprise", "credit_codes": [self.code]})
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["token"])

    def hour(self, start: datetime, value: float, *, o2: float | None = 6.0, qn: str | None = None) -> bytes:
        """An hour packet (2061) whose window begins at `start`."""
        cp = f"DataTime={stamp(start)};{self.factor}-Avg={value:.3f},{self.factor}-Flag=N"
        if o2 is not None:
            cp += f";a19001-Avg={o2},a19001-Flag=N"
        return frame(self, "2061", cp, qn=qn)


def stamp(at: datetime) -> str:
    """Shanghai local, as loggers write it."""
    return at.astimezone(SHANGHAI).strftime("%Y%m%d%H%M%S")


def frame(source: Source, command: str, cp: str, *, qn: str | None = None, flag: int = 5) -> bytes:
    """A frame of 2017 that asks for an answer."""
    qn = qn or datetime.now(SHANGHAI).strftime("%Y%m%d%H%M%S%f")[:17]
    segment = f"QN={qn};ST=31;CN={command};PW={source.password or '000000'};MN={source.mn};Flag={flag};CP=&&{cp}&&"
    return encode(segment.encode())


class Logger:
    """A data logger's connection."""

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout_s)
        self._rest = b""

    def send(self, *frames: bytes) -> None:
        self.socket.sendall(b"".join(frames))

    def answer(self) -> bytes:
        """The next answer, without CRLF; b"" when the connection ended."""
        while b"\r\n" not in self._rest:
            got = self.socket.recv(65536)
            if not got:
                return b""
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\r\n")
        return line

    def ask(self, one: bytes) -> bytes:
        self.send(one)
        return self.answer()

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Logger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def last_hour(before: int = 1) -> datetime:
    """The start of the whole hour that ended at most `before` hours ago."""
    now = datetime.now(SHANGHAI).replace(minute=0, second=0, microsecond=0)
    return now - timedelta(hours=before)


def pages(client: httpx.Client, path: str, **params: Any) -> list[dict[str, Any]]:
    """Every item of a list, page by page."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        answer = client.get(path, params={**params, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        body = json.loads(answer.text)
        items += body["items"]
        cursor = body["next"]
        if cursor is None:
            return items
