"""Another key than the data were made with stops a start, in both shapes, with what to do; the right one starts it again."""

from __future__ import annotations

import secrets
import subprocess
import sys
from base64 import urlsafe_b64encode
from pathlib import Path

import httpx
import pytest

from shared.runtime.auth import signing_key
from tests.support.distributed import Distributed
from tests.support.product import Process, Source, eventually

ROOT = Path(__file__).resolve().parents[2]


def end_of(process: Process, **env: str) -> tuple[int | None, str]:
    """Start it, wait for its end; exit code and last lines."""
    process.start(wait=False, **env)
    eventually(lambda: process.exit_code() is not None, within_s=60, what="its end")  # a busy machine starts it slowly
    return process.exit_code(), process.tail(5)


def another_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


def test_an_embedded_host_with_another_secret_key_is_refused_and_starts_with_the_old_one(embedded: Process) -> None:
    with embedded.client() as admin:
        Source().register(admin)
    embedded.stop()
    file = embedded.folder / "data" / "secret.key"
    old = file.read_text()
    file.write_text(another_key())
    code, lines = end_of(embedded)
    assert code == 2 and str(file) in lines and "put the old key back" in lines and "恢复原密钥" in lines, lines
    assert old not in embedded.log_file.read_text()
    file.write_text(old)
    embedded.start()


def test_an_embedded_host_that_lost_its_signing_key_is_refused_until_the_new_one_is_accepted(embedded: Process) -> None:
    source = Source()
    with embedded.client() as admin:
        source.register(admin)
        token = source.token(admin)
    embedded.stop()
    file = embedded.folder / "data" / "signing.key"
    before = (embedded.folder / "data" / "admin.token").read_text()
    file.rename(file.with_suffix(".away"))
    code, lines = end_of(embedded)
    assert code == 2 and str(file) in lines and "yujing keys accept" in lines, lines
    assert not file.exists() and (embedded.folder / "data" / "admin.token").read_text() == before
    command = [sys.executable, "-m", "services", "keys", "accept"]
    done = subprocess.run(command, env=embedded.environment(), cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and signing_key(file).kid in done.stdout, done.stderr
    embedded.start()
    with embedded.client(token) as enterprise, embedded.client() as admin:
        assert enterprise.get(f"/permits/v1/permits/{source.permit}").status_code == 200, "the old token stays valid"
        assert admin.get("/permits/v1/keys").status_code == 200, "the new key's token is valid"


@pytest.mark.slow
def test_services_apart_with_another_key_are_refused_and_start_with_the_old_one(distributed: Distributed) -> None:
    with distributed.client() as admin:
        source = Source()
        source.register(admin)
        source.token(admin)
        eventually(lambda: admin.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point")
    for process in distributed.processes.values():
        process.stop()
        code, lines = end_of(process, YUJING_SECRET_KEY=another_key())
        assert code == 2 and "YUJING_SECRET_KEY" in lines and "put the old key back" in lines, lines
    permits = distributed.processes["permits"]
    new_key = distributed.folder / "new.key"
    code, lines = end_of(permits, YUJING_SIGNING_KEY_FILE=str(new_key))
    assert code == 2 and "there is no file" in lines and not new_key.exists(), lines
    signing_key(new_key)
    code, lines = end_of(permits, YUJING_SIGNING_KEY_FILE=str(new_key))
    assert code == 2 and "yujing keys accept" in lines, lines
    for process in distributed.processes.values():
        process.start(wait=False)
    for process in distributed.processes.values():
        process.await_ready()
    assert httpx.get(f"{permits.base_url}/healthz", trust_env=False).status_code == 200
