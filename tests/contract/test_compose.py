"""docker-compose.yml and the proxy against the compose schema and our own promises; nothing is run, there is no engine here.

The schema is the one that the program `docker-compose` carries and checks by; our promises are read from the file itself.
"""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.runtime.auth import signing_key
from shared.runtime.secrets import sealer
from shared.runtime.settings import load_settings
from tests.support.server_process import missing

ROOT = Path(__file__).resolve().parents[2]
OURS = ("migrate", "permits", "monitoring", "alerts")


@cache
def described() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return document


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = described()["services"][name]
    return found


def compose_says(file: Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("docker-compose")
    if program is None:
        missing("the compose schema comes with `docker-compose`, which is not installed (Debian: docker-compose)")
    command = [program, "--file", str(file), "config", "--quiet"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("file", ["docker-compose.yml", "deploy/embedded/docker-compose.yml"])
def test_the_compose_file_fits_the_schema(file: str) -> None:
    answer = compose_says(ROOT / file)
    assert answer.returncode == 0, answer.stderr


def test_each_image_that_is_not_built_here_names_its_version() -> None:
    images = [one["image"] for one in described()["services"].values() if "build" not in one]
    assert len(images) == 4
    assert all(re.search(r":v?\d+[\w.-]*$", image) for image in images)


def test_the_one_process_container_promises_what_those_of_the_services_do() -> None:
    text = (ROOT / "deploy/embedded/docker-compose.yml").read_text(encoding="utf-8")
    (one,) = yaml.safe_load(text)["services"].values()
    assert one["command"] == ["run"]
    assert one["read_only"] is True and one["cap_drop"] == ["ALL"]
    for part in ("user", "security_opt", "init", "healthcheck"):
        assert one[part] == service("permits")[part]
    assert one["volumes"] == ["data:/data"]


def test_the_systemd_unit_runs_what_is_installed_and_writes_its_own_folder_only() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(ROOT / "deploy/embedded/yujing.service", encoding="utf-8")
    own = unit["Service"]
    assert own["ExecStartPre"].split()[1:] == ["check-config"] and own["ExecStart"].split()[1:] == ["run"]
    assert own["User"] == "yujing"
    assert f"YUJING_DATA_DIR=/var/lib/{own['StateDirectory']}" in own["Environment"].split()
    assert (own["ProtectSystem"], own["StateDirectoryMode"], own["UMask"]) == ("strict", "0700", "0077")
    assert own["CapabilityBoundingSet"] == "" and own["NoNewPrivileges"] == "true"


def test_the_schema_check_refuses_a_wrong_file(tmp_path: Path) -> None:
    wrong = tmp_path / "docker-compose.yml"
    wrong.write_text("services:\n  permits:\n    image: yujing\n    helthcheck: {disable: true}\n")
    answer = compose_says(wrong)
    assert answer.returncode != 0
    assert "helthcheck" in answer.stderr


@pytest.mark.parametrize("name", sorted(described()["services"]))
def test_no_container_runs_as_root_or_may_gain_rights(name: str) -> None:
    user = str(service(name)["user"])
    assert user.split(":")[0] not in ("0", "root")
    assert service(name)["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service(name)["security_opt"]


@pytest.mark.parametrize("name", sorted(set(described()["services"]) - {"kafka"}))
def test_file_systems_are_read_only_where_the_image_allows(name: str) -> None:
    assert service(name)["read_only"] is True


def test_secrets_come_by_files_only() -> None:
    for name, one in described()["services"].items():
        environment = one.get("environment", {})
        named = [key for key in environment if re.search("PASSWORD|SECRET|SIGNING|DATABASE_URL", key)]
        assert all(key.endswith("_FILE") for key in named), name
        given = {Path(environment[key]).name for key in named}
        assert given <= set(one.get("secrets", [])), f"{name} reads a secret that it is not given"


def test_services_wait_for_the_schemas_and_topics() -> None:
    assert service("migrate")["command"] == ["migrate"]
    for name in OURS[1:]:
        assert service(name)["command"] == ["run", name]
        assert service(name)["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert "/readyz" in " ".join(service(name)["healthcheck"]["test"])


def test_the_broker_is_the_version_that_the_tests_run() -> None:
    pom = (ROOT / "deploy/kafka/pom.xml").read_text(encoding="utf-8")
    version = re.search("<kafka.version>(.+)</kafka.version>", pom)
    assert version is not None
    assert service("kafka")["image"] == f"apache/kafka:{version[1]}"


def test_the_proxy_passes_each_service_on_and_nothing_else() -> None:
    proxy = (ROOT / "deploy/proxy/nginx.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"~\^/(\w+)/v1/\s+(\w+);", proxy)) == {(name, name) for name in OURS[1:]}
    assert not re.search(r"location[^{]*/(metrics|readyz|healthz)", proxy)


def test_the_image_takes_only_locked_packages() -> None:
    everything = _pins(ROOT / "requirements.lock")
    image = _pins(ROOT / "deploy/requirements.lock")
    assert image.items() <= everything.items(), "run `make lock`: both files are made together"
    assert {"pytest", "mypy", "uv"}.isdisjoint(image)


@pytest.mark.parametrize("lock", ["requirements.lock", "deploy/requirements.lock"])
def test_a_lock_has_hashes_and_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text
    assert len(re.findall(r"==.*\\\n    --hash=sha256:", text)) == len(_pins(ROOT / lock))


def _pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_secret_files_are_ones_that_a_service_takes(tmp_path: Path) -> None:
    make = [sys.executable, str(ROOT / "deploy/make_secrets.py"), str(tmp_path)]
    subprocess.run(make, check=True)
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    subprocess.run(make, check=True)
    assert first == {file.name: file.read_bytes() for file in tmp_path.iterdir()}, "made once, then kept"
    assert set(first) == set(described()["secrets"])
    settings = load_settings(
        _env_file=None,
        database_url_file=tmp_path / "database_url",
        secret_key_file=tmp_path / "secret_key",
        kafka_bootstrap="kafka:9092",
    )
    assert (tmp_path / "database_password").read_text() in str(settings.database)
    assert sealer(settings).open(sealer(settings).seal("123456", "logger"), "logger") == "123456"
    assert signing_key(tmp_path / "signing_key").kid
