"""The quickstart as a newcomer pastes it: all its blocks in one shell, in a folder of their own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.product import Process, Source
from tests.support.server_process import free_port

ROOT = Path(__file__).resolve().parents[2]
DOCS = [ROOT / "docs" / "quickstart.md", ROOT / "docs" / "quickstart.zh-CN.md"]


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)


def pasted(page: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a shell prints to which every block was pasted; ports are free ones, the environment is the set-up one."""
    script = "\n".join(blocks(page.read_text("utf-8"))).replace("make setup\n", "")
    port, gateway = free_port(), free_port()
    script = script.replace("8000", str(port))
    script = script.replace("python3 ", f"{sys.executable} ").replace(
        ".venv/bin/yujing", f"{sys.executable} -m services"
    )
    own = {"YUJING_HTTP_PORT": str(port), "YUJING_GATEWAY_PORT": str(gateway), "PYTHONPATH": str(ROOT)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("YUJING_")}
    return subprocess.run(
        ["bash", "-em", "-c", script],
        cwd=folder,
        env={**kept, **own},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
    )


@pytest.mark.parametrize("page", DOCS, ids=["en", "zh"])
def test_the_quickstart_runs_as_one_paste(page: Path, tmp_path: Path) -> None:
    done = pasted(page, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "已验签 verified 1  拒签 refused 0" in done.stderr
    (verified,) = [line for line in done.stdout.splitlines() if line.startswith("✓ 验签 verified")]
    assert "yujing.alert.issued.v1" in verified and "示例热电" in verified
    listed, refused = map(json.loads, done.stdout.splitlines()[-2:])
    assert [one["level"] for one in listed["items"]] == ["yellow"]
    shown = json.loads(re.findall(r"^```json\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)[0])
    assert refused == {**shown, "request_id": refused["request_id"]}


def test_both_languages_have_the_same_commands() -> None:
    english, chinese = ([re.sub(r"#.*", "", one) for one in blocks(page.read_text("utf-8"))] for page in DOCS)
    assert english == chinese


def listening(host: Process, token: str, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "services", "listen", "--api", host.base_url, "--token", token, *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_listen_says_so_when_nothing_came_in_time_and_leaves_no_endpoint(embedded: Process) -> None:
    with embedded.client() as admin:
        source = Source(number=1)
        source.register(admin)
        token = source.token(admin)
        out, err = listening(embedded, token, "--count", "1", "--seconds", "0.5").communicate(timeout=30)
        assert out == "" and "verified 0" in err
        with embedded.client(token) as enterprise:
            assert enterprise.get("/alerts/v1/endpoints").json()["items"] == []


def test_listen_and_wait_say_in_one_line_that_no_host_answers(tmp_path: Path) -> None:
    port = free_port()
    for verb, options, code in (("listen", ["--token", "x"], 2), ("wait", ["--seconds", "0.1"], 1)):
        command = [sys.executable, "-m", "services", verb, "--api", f"http://127.0.0.1:{port}", *options]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30)
        assert done.returncode == code
        assert "no host answers" in done.stderr or "no answer" in done.stdout
        assert "Traceback" not in done.stderr
