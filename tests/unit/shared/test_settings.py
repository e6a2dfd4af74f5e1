"""Settings are checked at start; contradictions are named; secrets never show."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from shared.domain.errors import Invalid
from shared.runtime.secrets import sealer
from shared.runtime.settings import load_settings


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
    ],
    ids=[
        "Kafka without PostgreSQL",
        "Kafka without a secret key",
        "a port that is no number",
        "a network that is none",
        "a port without a scheme",
        "no connection for whoever comes first",
        "an address that could take every connection",
    ],
)
def test_what_contradicts_is_named(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], named: str) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Invalid, match=named):
        load_settings()


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
