"""Settings from the environment (or a `.env`), checked once at start and passed down; only `services/__main__.py` makes one."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.domain.errors import Invalid
from shared.runtime.environment import unknown_names

ENV_FILE = ".env"  # of the folder where the process starts
FILES = ("database_url_file", "secret_key_file", "signing_key_file", "kafka_sasl_password_file", "kafka_ca_file")
EVERY_ADDRESS = frozenset({"0.0.0.0", "::"})
SECRETS = ("database_url", "secret_key", "kafka_sasl_password")


class Settings(BaseSettings):
    """Defaults run the embedded product with no variable set."""

    model_config = SettingsConfigDict(env_prefix="YUJING_", env_file=ENV_FILE, extra="ignore", frozen=True)

    data_dir: Path = Path("data")
    archive_dir: Path | None = None  # None: `archive` in the data folder (embedded), no archive (distributed)
    archive_frames: bool = True  # records of the log as they came go into the archive's folder too
    readings_days: int = Field(35, ge=1, le=36_500)  # full days of packet rows in the database, before the archive
    host: str = "127.0.0.1"
    http_port: int = Field(8000, ge=0, le=65535)
    metrics_port: int | None = Field(None, ge=0, le=65535)  # None: /metrics is on http_port
    gateway_host: str = "127.0.0.1"
    gateway_port: int = Field(9212, ge=0, le=65535)
    gateway_connections: int = Field(12_000, ge=1, le=1_000_000)  # all of them
    gateway_unidentified_per_address: int = Field(20, ge=1, le=100_000)  # without a right password so far
    gateway_connections_per_point: int = Field(20, ge=1, le=100_000)  # that one point's password identifies
    # what one token may ask of one process; a page of a console makes some ten calls
    token_calls_per_s: int = Field(50, ge=1, le=1_000_000)
    token_calls_burst: int = Field(200, ge=1, le=1_000_000)  # a client that starts, or catches up
    # bodies of packets: one token may send for all 12,000 points of a gateway, one by one each minute (200 a second)
    token_packet_bodies_per_s: int = Field(500, ge=1, le=1_000_000)
    token_packet_bodies_burst: int = Field(2_000, ge=1, le=1_000_000)
    public_url: str | None = None
    database_url: SecretStr | None = None
    database_url_file: Path | None = None
    secret_key: SecretStr | None = None
    secret_key_file: Path | None = None
    signing_key_file: Path | None = None
    kafka_bootstrap: str | None = None
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_sasl_password_file: Path | None = None
    kafka_ca_file: Path | None = None
    kafka_topic_prefix: str = ""
    kafka_session_timeout_ms: int = Field(45_000, ge=1_000)
    allow_private_targets: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    push_ports: Annotated[frozenset[str], NoDecode] = frozenset()  # `scheme:port`, beside the ordinary ones
    field_clock: str | None = None
    max_batch: int = Field(500, ge=1, le=10_000)  # records a handler is given at once
    log_format: str = Field("auto", pattern="^(auto|json|text)$")
    access_log: str = Field("all", pattern="^(off|errors|all)$")  # a line a request; errors: from status 400
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    crash_at: str | None = None

    @field_validator("allow_private_targets", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        return value

    @field_validator("push_ports", mode="before")
    @classmethod
    def _ports(cls, value: str | Iterable[object]) -> frozenset[str]:
        entries = value.split(",") if isinstance(value, str) else value
        return frozenset(_scheme_and_port(str(entry).strip()) for entry in entries if str(entry).strip())

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, values: dict[str, object]) -> dict[str, object]:
        for name in SECRETS:
            file = values.get(f"{name}_file")
            if not file or name == "secret_key":  # read by whoever opens and seals
                continue
            if values.get(name):
                raise ValueError(f"set YUJING_{name.upper()} or YUJING_{name.upper()}_FILE, not both")
            values[name] = Path(str(file)).read_text(encoding="utf-8").strip()
        return values

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in FILES:
            file: Path | None = getattr(self, name)
            if file is not None and not file.is_file():
                raise ValueError(f"YUJING_{name.upper()}: there is no file {file}; one that is named is never made")
        distributed = self.kafka_bootstrap is not None
        if distributed and self.database_url is None:
            raise ValueError("YUJING_KAFKA_BOOTSTRAP needs YUJING_DATABASE_URL: the distributed shape has both")
        if distributed and self.secret_key is None and self.secret_key_file is None:
            raise ValueError(
                "YUJING_KAFKA_BOOTSTRAP needs YUJING_SECRET_KEY (or _FILE): every process opens the same secrets"
            )
        if distributed and self.field_clock:
            raise ValueError("YUJING_FIELD_CLOCK is for one embedded host only, not for the distributed shape")
        self._refuse_equal_ports()
        if self.gateway_unidentified_per_address > self.gateway_connections:
            raise ValueError(
                f"YUJING_GATEWAY_UNIDENTIFIED_PER_ADDRESS ({self.gateway_unidentified_per_address}) is more than"
                f" YUJING_GATEWAY_CONNECTIONS ({self.gateway_connections}): one address could take them all"
            )
        return self

    def _refuse_equal_ports(self) -> None:
        places = (
            ("HTTP_PORT", self.host, self.http_port),
            ("METRICS_PORT", self.host, self.metrics_port),
            ("GATEWAY_PORT", self.gateway_host, self.gateway_port),
        )
        for (one, host, port), (other, other_host, other_port) in combinations(places, 2):
            same_host = host == other_host or not {host, other_host}.isdisjoint(EVERY_ADDRESS)
            if port and port == other_port and same_host:  # 0: any free one
                raise ValueError(f"YUJING_{one} and YUJING_{other} are both {port}: expected two different ports")

    @property
    def distributed(self) -> bool:
        return self.kafka_bootstrap is not None

    @property
    def archive_folder(self) -> Path | None:
        """Where the archive's files lie. All replicas of monitoring share it, so the distributed shape has it named: a
        data folder of one process may be gone with it."""
        return self.archive_dir or (None if self.distributed else self.data_dir / "archive")

    @property
    def database(self) -> str | None:
        """The database URL in clear, None for SQLite files."""
        return self.database_url.get_secret_value() if self.database_url else None

    @property
    def signing_key(self) -> Path:
        """Where the key that signs tokens lies."""
        return self.signing_key_file or self.data_dir / "signing.key"

    def kafka_security(self) -> dict[str, str | None]:
        """The security arguments of a kafka-python client."""
        arguments: dict[str, str | None] = {"security_protocol": self.kafka_security_protocol}
        if self.kafka_sasl_mechanism:
            password = self.kafka_sasl_password.get_secret_value() if self.kafka_sasl_password else None
            arguments |= {
                "sasl_mechanism": self.kafka_sasl_mechanism,
                "sasl_plain_username": self.kafka_sasl_username,
                "sasl_plain_password": password,
            }
        if self.kafka_ca_file:
            arguments["ssl_cafile"] = str(self.kafka_ca_file)
        return arguments


def _scheme_and_port(entry: str) -> str:
    scheme, _, port = entry.partition(":")
    number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else 0
    if scheme not in ("http", "https") or not 1 <= number <= 65535:
        raise ValueError(f"{entry!r}: expected a scheme and a port such as http:80")
    return f"{scheme}:{number}"


def load_settings(**overrides: Any) -> Settings:
    """The settings, or Invalid that names each wrong variable without showing secrets."""
    strange = unknown_names(Settings.model_fields, Path(ENV_FILE))
    if strange:
        raise Invalid("; ".join(strange), field="settings", rule="see deploy/env.example")
    try:
        return Settings(**overrides)
    except ValidationError as wrong:
        lines = []
        for error in wrong.errors(include_input=False, include_url=False):
            name = "_".join(str(part) for part in error["loc"]).upper()
            lines.append(f"YUJING_{name}: {error['msg']}" if name else error["msg"])
        raise Invalid("; ".join(lines), field="settings", rule="see deploy/env.example") from wrong
    except (OSError, ValueError) as wrong:
        raise Invalid(str(wrong), field="settings", rule="see deploy/env.example") from wrong
