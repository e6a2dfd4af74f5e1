"""`check-config` and `doctor` as processes: they decide what `run` decides, and leave nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.composition import SERVICES, make
from shared.runtime.settings import Settings
from shared.version import VERSION
from tests.support.server_process import free_port

ROOT = Path(__file__).resolve().parents[2]


def yujing(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command, started in `folder` with its data below it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("YUJING_")}
    settings = {"PYTHONPATH": str(ROOT), "YUJING_DATA_DIR": str(folder / "data"), "YUJING_LOG_FORMAT": "json"}
    command = [sys.executable, "-m", "services", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**kept, **settings, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def free_ports() -> dict[str, str]:
    """The ports of a host that does not run."""
    return {"YUJING_HTTP_PORT": str(free_port()), "YUJING_GATEWAY_PORT": str(free_port())}


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*")}


@pytest.mark.parametrize("command", ["check-config", "doctor"])
def test_a_look_at_a_product_that_never_ran_makes_nothing(tmp_path: Path, command: str) -> None:
    done = yujing(tmp_path, command, "--json", **free_ports())
    assert done.returncode == 0, done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_look_at_files_that_are_there_changes_none_and_names_one_that_is_broken(tmp_path: Path) -> None:
    data = tmp_path / "data"
    made = make(Settings(_env_file=None, data_dir=data, gateway_port=0), SERVICES)
    made.context.log.close()
    for service in made.services:
        service.database.close()
    before = listing(tmp_path)
    done = yujing(tmp_path, "doctor", "--json", **free_ports())
    assert (done.returncode, listing(tmp_path)) == (1, before), done.stdout + done.stderr
    states = json.loads(done.stdout)
    assert [name for name, state in states.items() if state != "ok"] == ["host"] and len(states) == 14
    assert "服务未运行 / no host answers" in done.stdout
    key = data / "secret.key"
    old = key.read_text()
    key.write_text("A" * 43 + "=")
    other = yujing(tmp_path, "doctor", "--json", **free_ports())
    assert other.stdout.count("恢复原密钥") == 3 and str(key) in other.stdout and old not in other.stdout
    key.unlink()
    lost = yujing(tmp_path, "doctor", "--json", **free_ports())
    assert "缺少密钥" in lost.stdout and not key.exists()
    (data / "alerts.sqlite").write_bytes(b"no database" * 100)
    broken = yujing(tmp_path, "doctor", "--json", **free_ports())
    assert broken.returncode == 1
    assert "not a database" in broken.stdout


@pytest.mark.parametrize(
    ("env", "arguments", "named"),
    [
        ({"YUJING_HTPP_PORT": "1"}, (), "YUJING_HTTP_PORT"),
        ({"YUJING_SIGNING_KEY_FILE": "absent.pem"}, (), "absent.pem"),
        ({"YUJING_SECRET_KEY": "c2hvcnQ="}, (), "32 bytes"),
        ({"YUJING_FIELD_CLOCK": "yesterday"}, (), "yesterday"),
        ({}, ("alerts",), "distributed"),
        ({}, ("alert",), "alert"),
        ({"YUJING_SIGNING_KEY_FILE": "broken.pem"}, (), "broken.pem"),
    ],
    ids=["unknown name", "absent key", "short key", "clock", "one service", "no service", "broken key"],
)
def test_what_run_refuses_check_config_refuses_with_the_same_words(
    tmp_path: Path, env: dict[str, str], arguments: tuple[str, ...], named: str
) -> None:
    (tmp_path / "broken.pem").write_text("no key", encoding="utf-8")
    checked = yujing(tmp_path, "check-config", *arguments, **env)
    ran = yujing(tmp_path, "run", *arguments, YUJING_GATEWAY_PORT="0", YUJING_HTTP_PORT="0", **env)
    assert checked.returncode != 0
    assert named in checked.stderr
    assert (ran.returncode, ran.stderr) == (checked.returncode, checked.stderr)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.pem"]


def test_the_version_is_shown_and_an_unknown_service_is_one_line(tmp_path: Path) -> None:
    assert yujing(tmp_path, "--version").stdout == f"yujing {VERSION}\n"
    unknown = yujing(tmp_path, "openapi", "foo")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert "'foo' is not a service" in unknown.stderr
    assert list(tmp_path.iterdir()) == []
