"""doctor on real data in both databases, with and without something at the ports; what it finds is named, and nothing is made."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from sqlalchemy import update
from sqlmodel import Session

from services.alerts.store.tables import ENDPOINT
from services.commands import health
from services.commands.doctor import CHINESE
from services.permits.store import tokens as token_store
from services.permits.store.tokens import Issuance
from shared.domain.clock import system_clock
from shared.runtime.settings import load_settings
from tests.support.commands import quiet_commands, run
from tests.support.server_process import free_port
from tests.support.servers import KafkaServer, PostgresServer
from tests.support.whole import Whole, whole

NO_HOST = "服务未运行 / no host answers"


@pytest.fixture
def product(tmp_path: Path, database_url: str | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Whole]:
    """The product's data; nothing listens at the settings' ports."""
    data = tmp_path / "data"
    env = {"YUJING_HTTP_PORT": str(free_port()), "YUJING_GATEWAY_PORT": str(free_port())}
    if database_url:
        env["YUJING_DATABASE_URL"] = database_url
    with whole(data, database_url) as made, quiet_commands(monkeypatch, tmp_path, data, **env):
        yield made


def found() -> dict[str, str]:
    """What doctor finds; everything but ok."""
    done = run("doctor", "--json")
    assert done.exit_code == 1, done.output
    states: dict[str, str] = json.loads(done.stdout)
    assert set(states) <= set(CHINESE)
    return {name: state for name, state in states.items() if state != "ok"}


def session_of(product: Whole, name: str) -> Session:
    (database,) = [service.database for service in product.host.services if service.name == name]
    return Session(database.engine)


def test_an_endpoint_that_fails_and_a_key_that_does_not_sign_are_named_beside_the_host_that_is_away(
    product: Whole,
) -> None:
    (only,) = found().items()
    assert only[0] == "host" and only[1].startswith(NO_HOST)

    product.client().post("/alerts/v1/endpoints", json={"url": "http://127.0.0.1:9/", "owner": {"operators": True}})
    now = system_clock().wall_now()
    with session_of(product, "alerts") as session:
        session.connection().execute(update(ENDPOINT).values(failing_since=now - timedelta(minutes=3)))
        session.commit()
    with session_of(product, "permits") as session:
        token_store.save_issuance(session, Issuance("a" * 24, "ops", "o", "admin", now, now + timedelta(days=1)))
        session.commit()
    key = load_settings().signing_key
    key.rename(key.with_suffix(".old"))
    states = found()
    assert set(states) == {"host", "endpoints", "signing key"}
    assert states["endpoints"].startswith("1 个接收端推送失败 / pushes to 1 endpoints fail")
    assert "yujing keys accept" in states["signing key"] and "1 token" in states["signing key"]
    assert not key.exists(), "doctor makes no key"

    plain = run("doctor").output.splitlines()
    assert "磁盘 / disk: 正常 / ok" in plain and "时钟 / clock: 正常 / ok" in plain
    assert any(line.startswith("服务 / host: 服务未运行") for line in plain)


def test_another_program_at_the_ports_is_not_taken_for_our_host(product: Whole) -> None:
    settings = load_settings()
    with socket.create_server(("127.0.0.1", settings.gateway_port)), another_program(settings.http_port):
        states = found()
    assert set(states) == {"http port", "gateway port", "host"}
    for name, port in (("http port", settings.http_port), ("gateway port", settings.gateway_port)):
        assert states[name].startswith("端口已被占用") and f"127.0.0.1:{port}" in states[name]
    assert "another program (200)" in states["host"]


def test_the_database_s_clock_is_compared(product: Whole, database_url: str | None) -> None:
    ahead = health.database_ahead(load_settings())
    assert ahead is None if database_url is None else ahead == timedelta(0)


def test_a_place_where_nothing_can_listen_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = {"YUJING_HTTP_PORT": str(free_port()), "YUJING_GATEWAY_PORT": "9212", "YUJING_METRICS_PORT": "0"}
    with quiet_commands(monkeypatch, tmp_path, tmp_path / "data", YUJING_GATEWAY_HOST="192.0.2.1", **env):
        states = {name: state for name, state in found().items() if not state.startswith("尚未建立")}
    assert set(states) == {"gateway port"}
    assert states["gateway port"].startswith("无法监听") and "EADDRNOTAVAIL" in states["gateway port"]
    assert list(tmp_path.iterdir()) == []


def test_tables_that_are_not_there_yet_are_named_in_the_distributed_shape_and_made_by_migrate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kafka: KafkaServer, postgres: PostgresServer
) -> None:
    env = {
        "YUJING_HTTP_PORT": str(free_port()),
        "YUJING_GATEWAY_PORT": str(free_port()),
        "YUJING_DATABASE_URL": postgres.new_database(),
        "YUJING_KAFKA_BOOTSTRAP": kafka.bootstrap,
        "YUJING_KAFKA_TOPIC_PREFIX": "doctor-",
        "YUJING_SECRET_KEY": "A" * 43 + "=",
    }
    with quiet_commands(monkeypatch, tmp_path, tmp_path / "data", **env):
        before = found()
        assert set(before) >= {"host", "signing key"} and "yujing migrate" in before["signing key"]
        assert run("migrate").exit_code == 0
        assert set(found()) == {"host"}


class _Answers(BaseHTTPRequestHandler):
    """Another program: it answers everything with 200."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """No line a request."""


@contextmanager
def another_program(port: int) -> Iterator[None]:
    """An HTTP server that is not ours, for as long as the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join(10)
