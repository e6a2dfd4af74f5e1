"""Settings are checked at start; contradictions are named; secrets never show."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from shared.domain.errors import Invalid
from shared.runtime.environment import unknown_names
from shared.runtime.secrets import sealer
from shared.runtime.settings import Settings, load_settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_defaults_run_the_embedded_product() -> None:
    settings = load_settings()
    assert not settings.distributed
    assert (settings.http_port, settings.gateway_port, settings.host) == (8000, 9212, "127.0.0.1")


@pytest.mark.parametrize(
    ("env", "named"),
    [
        ({"YUJING_KAFKA_BOOTSTRAP": "k:9092"}, "YUJING_DATABASE_URL"),
        ({"YUJING_KAFKA_BOOTSTRAP": "k:9092", "YUJING_DATABASE_URL": "postgresql://x"}, "YUJING_SECRET_KEY"),
        ({"YUJING_HTTP_PORT": "eighty"}, "YUJING_HTTP_PORT"),
        ({"YUJING_ALLOW_PRIVATE_TARGETS": "10.0.0.0/99"}, "YUJING_ALLOW_PRIVATE_TARGETS"),
        ({"YUJING_PUSH_PORTS": "https:444,80"}, "YUJING_PUSH_PORTS.*'80'"),
        ({"YUJING_GATEWAY_UNIDENTIFIED_PER_ADDRESS": "0"}, "YUJING_GATEWAY_UNIDENTIFIED_PER_ADDRESS"),
        ({"YUJING_GATEWAY_CONNECTIONS": "10"}, "YUJING_GATEWAY_UNIDENTIFIED_PER_ADDRESS .20. is more than"),
        ({"YUJING_METRICS_PORT": "8000"}, "YUJING_HTTP_PORT and YUJING_METRICS_PORT are both 8000"),
        ({"YUJING_METRICS_PORT": "9212"}, "YUJING_METRICS_PORT and YUJING_GATEWAY_PORT are both 9212"),
        ({"YUJING_HTTP_PORT": "9212", "YUJING_HOST": "0.0.0.0"}, "YUJING_HTTP_PORT and YUJING_GATEWAY_PORT"),
        ({"YUJING_METRICS_PORT": "70000"}, "YUJING_METRICS_PORT"),
    ],
    ids=[
        "Kafka without PostgreSQL",
        "Kafka without a secret key",
        "a port that is no number",
        "a network that is none",
        "a port without a scheme",
        "no connection for whoever comes first",
        "an address that could take every connection",
        "metrics on the HTTP port",
        "metrics on the gateway's port",
        "the gateway's port on one of all addresses",
        "a port that is too high",
    ],
)
def test_what_contradicts_is_named(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], named: str) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Invalid, match=named):
        load_settings()


def test_equal_ports_of_two_hosts_and_free_ports_are_no_contradiction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUJING_HTTP_PORT", "9212")
    monkeypatch.setenv("YUJING_HOST", "127.0.0.2")
    assert load_settings().http_port == load_settings().gateway_port
    for name in ("HTTP", "METRICS", "GATEWAY"):
        monkeypatch.setenv(f"YUJING_{name}_PORT", "0")
    assert load_settings().metrics_port == 0


def test_a_secret_may_come_from_a_file_and_never_shows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:pa55word@h/d\n")
    monkeypatch.setenv("YUJING_DATABASE_URL_FILE", str(tmp_path / "url"))
    settings = load_settings()
    assert settings.database == "postgresql://u:pa55word@h/d"
    assert "pa55word" not in repr(settings) + settings.model_dump_json()


def test_a_sealed_secret_opens_only_for_its_purpose_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUJING_DATA_DIR", str(tmp_path / "a"))
    one = sealer(load_settings())
    monkeypatch.setenv("YUJING_DATA_DIR", str(tmp_path / "b"))
    other = sealer(load_settings())
    sealed = one.seal("123456", "point-password")
    assert "123456" not in sealed
    assert one.open(sealed, "point-password") == "123456"
    assert sealer(load_settings(data_dir=tmp_path / "a")).open(sealed, "point-password") == "123456"
    for opener, purpose in ((one, "endpoint-secret"), (other, "point-password")):
        with pytest.raises(Invalid):
            opener.open(sealed, purpose)
    assert stat.S_IMODE((tmp_path / "a" / "secret.key").stat().st_mode) == 0o600


def test_a_name_that_is_no_setting_is_refused_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YUJING_HTPP_PORT", "8001")
    with pytest.raises(Invalid, match=r"^YUJING_HTPP_PORT is no setting: did you mean YUJING_HTTP_PORT\?$"):
        load_settings()


def test_so_is_one_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OTHER=1\nYUJING_HTTP_PUBLISH=127.0.0.1:8000\nYUJING_DATADIR=x\n", encoding="utf-8")
    with pytest.raises(Invalid, match="YUJING_DATADIR is no setting: did you mean YUJING_DATA_DIR"):
        load_settings()


@pytest.mark.parametrize("name", ["YUJING_TOKEN", "YUJING_API", "YUJING_HTTP_PUBLISH", "yujing_http_port"])
def test_names_that_somebody_reads_are_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "8123")
    load_settings()


def test_every_name_of_the_example_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    example = Path(__file__).resolve().parents[3] / "deploy/env.example"
    names = re.findall(r"^#? ?(YUJING_[A-Z_]+)=", example.read_text(encoding="utf-8"), flags=re.M)
    assert len(names) > 15
    assert unknown_names(Settings.model_fields, Path("none"), dict.fromkeys(names, "x")) == []


@pytest.mark.parametrize("name", ["SECRET_KEY_FILE", "SIGNING_KEY_FILE", "KAFKA_CA_FILE", "DATABASE_URL_FILE"])
def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv(f"YUJING_{name}", str(tmp_path / "mistyped"))
    with pytest.raises(Invalid, match="mistyped"):
        load_settings()
    assert not (tmp_path / "mistyped").exists()
