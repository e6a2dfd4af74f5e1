"""How a process behaves: stops within 5 s with a stream open, keeps secrets to itself, refuses what it cannot do plainly."""

from __future__ import annotations

import base64
import os
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx

from tests.support.ledger import Receiver
from tests.support.product import Logger, Process, Source, eventually, last_hour

ROOT = Path(__file__).resolve().parents[2]
PLANTED = "pw7Q9z"


def test_sigterm_with_an_open_stream_ends_within_5_s_with_exit_code_0(embedded: Process) -> None:
    opened = threading.Event()

    def listen() -> None:
        headers = {"Authorization": f"Bearer {embedded.token()}"}
        with httpx.stream("GET", f"{embedded.base_url}/alerts/v1/stream", headers=headers, timeout=30) as stream:
            opened.set()
            for _ in stream.iter_raw():
                continue

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    assert opened.wait(10)
    with Logger(embedded.gateway_port):
        began = time.monotonic()
        code = embedded.stop()
    assert time.monotonic() - began < 5
    assert code == 0, embedded.tail()
    thread.join(5)
    assert not thread.is_alive()


def test_planted_secrets_appear_in_no_topic_row_log_line_metric_or_error(embedded: Process, receiver: Receiver) -> None:
    source = Source(password=PLANTED)
    with embedded.client() as admin, Logger(embedded.gateway_port) as logger:
        source.register(admin)
        eventually(lambda: admin.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point")
        with embedded.client(source.token(admin)) as enterprise:
            receiver.register(enterprise)
        wrong = source.hour(last_hour(), 40.0)[:-6] + b"0000\r\n"
        logger.send(wrong)
        assert b"9014" in logger.ask(source.hour(last_hour(), 40.0))
        eventually(lambda: receiver.ledger.events(), what="webhook")
        bad = source.document(valid_to="1999-01-01")
        errors = admin.put(f"/permits/v1/permits/{source.permit}", json=bad).text
        errors += admin.get(f"/permits/v1/permits/{source.permit}").text
        errors += admin.get("/monitoring/v1/quarantine").text
        metrics = httpx.get(f"{embedded.base_url}/metrics", trust_env=False).text
    embedded.stop()
    (endpoint_secret,) = receiver.ledger.secrets.values()
    for secret in (PLANTED, endpoint_secret, endpoint_secret.removeprefix("whsec_"), embedded.token()):
        assert secret not in errors + metrics
        assert secret not in embedded.log_file.read_text()
        for file in (embedded.folder / "data").glob("*.sqlite"):
            assert not holds(file, secret), f"{file.name} holds a secret"


def holds(file: Path, secret: str) -> bool:
    """Whether any row of any table holds the secret, plainly or in base64."""
    needles = [secret.encode(), base64.b64encode(secret.encode())]
    with sqlite3.connect(file) as connection:
        connection.text_factory = bytes
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in connection.execute(f'SELECT * FROM "{table.decode()}"'):
                text = b"\x00".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in row)
                if any(needle in text for needle in needles) or secret.encode() in decoded(row):
                    return True
    return False


def decoded(row: tuple[object, ...]) -> bytes:
    """What JSON cells carry in base64 (`raw`)."""
    found = b""
    for cell in row:
        if isinstance(cell, bytes) and b'"raw":"' in cell:
            raw = cell.split(b'"raw":"')[1].split(b'"')[0]
            found += base64.b64decode(raw + b"=" * (-len(raw) % 4))
    return found


def test_a_second_host_on_the_same_folder_is_refused_plainly(embedded: Process) -> None:
    second = Process(embedded.folder)
    second.start(wait=False)
    assert eventually(lambda: second.exit_code() is not None and (second.exit_code(),), what="refusal") == (2,)
    assert "data" in second.tail()


def test_a_contradiction_in_the_settings_is_named_at_start(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services", "run"],
        env={**os.environ, "YUJING_DATA_DIR": str(tmp_path), "YUJING_KAFKA_BOOTSTRAP": "127.0.0.1:1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "YUJING_DATABASE_URL" in done.stderr
