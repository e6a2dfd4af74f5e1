"""Real Apache Kafka and PostgreSQL for tests and benches, each on a loopback port of its own with its own data.

Says plainly why one is missing. `YUJING_TEST_KAFKA_BOOTSTRAP` and `YUJING_TEST_DATABASE_URL` may name running ones:
those are used as they are and never stopped. Which test needs which server is the fixtures' matter.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError
from sqlalchemy import URL, make_url

from tests.support.server_process import Finding, Server, free_port, group_of, missing
from tests.support.templates import make_all_tables

__all__ = [
    "Finding",
    "KafkaServer",
    "PostgresServer",
    "find_kafka",
    "find_postgres",
    "free_port",
    "kafka_broker",
    "missing",
    "postgres_server",
]

KAFKA_RUN = Path(__file__).resolve().parents[2] / "deploy" / "kafka" / "run.py"
KAFKA_JARS = KAFKA_RUN.parents[2] / ".run" / "kafka" / "jars"


@dataclass(kw_only=True)
class KafkaServer(Server):
    bootstrap: str


def find_kafka() -> Finding:
    if named := os.environ.get("YUJING_TEST_KAFKA_BOOTSTRAP"):
        return Finding(True, f"Kafka at {named}")
    if shutil.which("java") is None:
        return Finding(False, "Kafka needs a Java 17 runtime, and there is no `java` here")
    if not (KAFKA_JARS / ".pom.xml").exists():
        return Finding(False, "Kafka's jars were not fetched: `make kafka-jars` (needs maven)")
    return Finding(True, "Apache Kafka from its own jars")


@contextlib.contextmanager
def kafka_broker(folder: Path) -> Iterator[KafkaServer]:
    """A running broker; skips or fails when there is none to be had."""
    if not (finding := find_kafka()):
        missing(finding.reason)
    if named := os.environ.get("YUJING_TEST_KAFKA_BOOTSTRAP"):
        yield KafkaServer(
            name="Kafka", command=[], log=Path(os.devnull), bootstrap=named, answers=lambda: kafka_answers(named)
        )
        return
    server = _own_kafka(folder)
    try:
        yield server
    finally:
        server.kill()  # its data go with it; to be stopped gently takes it ten seconds


def _own_kafka(folder: Path) -> KafkaServer:
    folder.mkdir(parents=True, exist_ok=True)
    port, controller_port = free_port(), free_port()
    bootstrap = f"127.0.0.1:{port}"
    ports = ["--port", str(port), "--controller-port", str(controller_port)]
    server = KafkaServer(
        name="Kafka",
        command=[sys.executable, str(KAFKA_RUN), "--folder", str(folder.resolve()), *ports],
        log=folder / "kafka.log",
        bootstrap=bootstrap,
        answers=lambda: kafka_answers(bootstrap),
    )
    server.start()
    return server


def kafka_answers(bootstrap: str) -> bool:
    """Whether a broker is there and has joined its cluster (a fenced one is not listed)."""
    host, port = bootstrap.split(",")[0].rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), 1).close()
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    except (OSError, KafkaError):
        return False
    try:
        return bool(admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class PostgresServer(Server):
    url: str
    gentle: signal.Signals = signal.SIGINT  # its "fast": open sessions are rolled back and ended
    _at_head: str | None = None  # the database that those at head are copied from

    def stop_at_once(self) -> None:
        """Its "immediate": no checkpoint, the next start recovers."""
        self._end(signal.SIGQUIT)

    def new_database(self) -> str:
        """The address of an empty database on this server, so that one test does not see another's rows."""
        return self._created(f"t_{uuid.uuid4().hex[:12]}", "template1")

    def new_database_at_head(self) -> str:
        """The address of a database with the tables of every service at their newest version, and no rows."""
        if self._at_head is None:
            self._at_head = f"head_{uuid.uuid4().hex[:12]}"
            make_all_tables(self._created(self._at_head, "template1"))
        return self._created(f"t_{uuid.uuid4().hex[:12]}", self._at_head)

    def _created(self, name: str, template: str) -> str:
        with psycopg.connect(_plain(self.url), autocommit=True) as session:
            session.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return make_url(self.url).set(database=name).render_as_string(hide_password=False)


def find_postgres() -> Finding:
    if os.environ.get("YUJING_TEST_DATABASE_URL"):
        return Finding(True, "PostgreSQL named by YUJING_TEST_DATABASE_URL")
    if _postgres_programs() is None:
        return Finding(False, "PostgreSQL is not installed: no `initdb` on the path nor under /usr/lib/postgresql")
    if os.geteuid() == 0 and _postgres_user() is None:
        return Finding(False, "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody`")
    return Finding(True, f"PostgreSQL from {_postgres_programs()}")


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[PostgresServer]:
    """A running server with an empty database `yujing`; skips or fails when there is none to be had.

    Run by root, its data stand in a folder of its own user (pytest's are closed to others), removed at the end.
    """
    if not (finding := find_postgres()):
        missing(finding.reason)
    if named := os.environ.get("YUJING_TEST_DATABASE_URL"):
        yield PostgresServer(
            name="PostgreSQL", command=[], log=Path(os.devnull), url=named, answers=lambda: postgres_answers(named)
        )
        return
    with _postgres_home(folder) as home:
        server = _own_postgres(home)
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def _postgres_home(folder: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        return
    home = Path(tempfile.mkdtemp(prefix="yujing-postgres-"))
    user = pwd.getpwnam(_postgres_user() or "nobody")
    os.chown(home, user.pw_uid, user.pw_gid)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _own_postgres(home: Path) -> PostgresServer:
    user = _postgres_user() if os.geteuid() == 0 else None
    port, data = free_port(), home / "data"
    if not data.exists():
        _initdb(data, user)
    url = f"postgresql+psycopg://yujing@127.0.0.1:{port}/yujing"
    settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on"]
    server = PostgresServer(
        name="PostgreSQL",
        command=[_program("postgres"), "-D", str(data), *(part for one in settings for part in ("-c", one))],
        log=home / "postgres.log",
        url=url,
        as_user=user,
        answers=lambda: postgres_answers(url),
    )
    server.start()
    return server


def _initdb(data: Path, user: str | None) -> None:
    how = ["--username=yujing", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
    subprocess.run(
        [_program("initdb"), "-D", str(data), *how],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=data.parent,
        user=user,
        group=group_of(user),
        extra_groups=[] if user else None,
    )


def postgres_answers(url: str) -> bool:
    """Whether the database can be asked; a new server is given the database that the address names."""
    try:
        psycopg.connect(_plain(url), connect_timeout=3).close()
    except psycopg.OperationalError as problem:
        return f'database "{make_url(url).database}" does not exist' in str(problem) and _create_database(url)
    return True


def _create_database(url: str) -> bool:
    with psycopg.connect(_plain(make_url(url).set(database="postgres")), autocommit=True) as session:
        session.execute(f'CREATE DATABASE "{make_url(url).database}"')
    return True


def _plain(url: str | URL) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _postgres_programs() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


def _program(name: str) -> str:
    programs = _postgres_programs()
    assert programs is not None, "find_postgres() was not asked first"
    return str(programs / name)


def _postgres_user() -> str | None:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in ("postgres", "nobody") if name in known), None)
