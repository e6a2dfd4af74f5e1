"""What doctor finds of the data and the running host: keys, endpoints that fail, what the host answers, how far it is behind.

Databases are read without a change to any of their files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from services.alerts.domain.endpoint_state import EndpointState
from services.alerts.store.endpoint_states import count_by_state
from services.alerts.store.tables import ENDPOINT
from services.commands.machine import ahead_of
from services.composition import SERVICES, WIRING
from services.permits.handlers.tokens import check_signing_key
from shared.database import open_database
from shared.domain.clock import system_clock
from shared.domain.errors import DomainError
from shared.runtime.sealing_key import default_secret_key, place_of_secret_key
from shared.runtime.secrets import Sealer, sealer
from shared.runtime.settings import Settings

ASK_S = 5.0  # of one question
BEHIND_S = 60.0  # as YujingConsumerBehind has it
OURS = frozenset({"ready", "not ready"})  # what /readyz says; another program says something else


@dataclass(frozen=True, slots=True)
class RunningHost:
    """What answered at the settings' port. `state`: ok, or why not; `ahead`: of its clock, None where it named no time."""

    runs: bool
    state: str
    ahead: timedelta | None = None


def key_states(settings: Settings) -> dict[str, str]:
    """Whether the secret key opens what each service sealed, and the signing key may sign; changes and makes nothing."""
    if not settings.secret_key and not (settings.secret_key_file or default_secret_key(settings)).exists():
        return {"secret key": f"缺少密钥 / no key in {place_of_secret_key(settings)}: put the old key back"}
    key = sealer(settings)
    found = {f"{name} secret key": _key_state(settings, name, key) for name in SERVICES}
    return {**found, "signing key": _signing_key_state(settings)}


def _key_state(settings: Settings, name: str, key: Sealer) -> str:
    sealing_key = WIRING[name]().sealing_key
    with _reading(settings, name) as session:
        if not inspect(session.connection()).has_table(sealing_key.table.name):
            return "ok"
        try:
            sealing_key.check(session, key, place_of_secret_key(settings))
        except DomainError as wrong:
            return wrong.detail
    return "ok"


def _signing_key_state(settings: Settings) -> str:
    """Whether the tokens in force stay valid with the key that would sign."""
    try:
        with _reading(settings, "permits") as session:
            check_signing_key(session, settings.signing_key, system_clock().wall_now())
    except DomainError as wrong:
        return wrong.detail
    except SQLAlchemyError as wrong:
        return _unreadable(wrong)
    return "ok"


def endpoints_state(settings: Settings) -> str:
    """Whether pushes to some endpoints fail now."""
    try:
        with _reading(settings, "alerts") as session:
            if not inspect(session.connection()).has_table(ENDPOINT.name):
                return "ok"
            failing = count_by_state(session, system_clock().wall_now())[EndpointState.FAILING]
    except SQLAlchemyError as wrong:
        return _unreadable(wrong)
    if not failing:
        return "ok"
    return f"{failing} 个接收端推送失败 / pushes to {failing} endpoints fail: yujing endpoints list --state failing"


def database_ahead(settings: Settings) -> timedelta | None:
    """How far the database's clock is ahead of ours; None for a file, which has none."""
    if settings.database is None:
        return None
    now = system_clock().wall_now
    with _reading(settings, "permits") as session:
        session.connection()
        asked_at = now()
        theirs: datetime = session.connection().execute(text("SELECT clock_timestamp()")).scalar_one()
        return ahead_of(theirs, asked_at, now())


def _unreadable(wrong: SQLAlchemyError) -> str:
    return f"数据表无法读取，或须升级 / its tables cannot be read ({type(wrong).__name__}): `yujing migrate` if they are old"


@contextmanager
def _reading(settings: Settings, name: str) -> Iterator[Session]:
    """A service's database, for reading; the file is left as it lies."""
    engine = _engine(settings, name)
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def _engine(settings: Settings, name: str) -> Engine:
    if settings.database is not None:
        return open_database(settings.database, settings.data_dir, name).engine
    file = settings.data_dir / f"{name}.sqlite"
    how = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"  # which makes no file beside it
    return create_engine(f"sqlite:///file:{file}?{how}&uri=true")


def running_host(settings: Settings) -> RunningHost:
    """What the host at the settings' port answers to /readyz."""
    address, now = _address(settings, settings.http_port), system_clock().wall_now
    asked_at = now()
    try:
        answer = httpx.get(f"{address}/readyz", timeout=ASK_S, trust_env=False)
    except httpx.HTTPError as away:
        why = f"服务未运行 / no host answers at {address} ({type(away).__name__}): yujing run"
        return RunningHost(runs=False, state=why)
    if not _is_ours(answer):
        why = f"该地址上不是本服务 / what answers at {address} is another program ({answer.status_code})"
        return RunningHost(runs=False, state=why)
    ahead = _date_ahead(answer, asked_at, now())
    if answer.status_code == 200:
        return RunningHost(runs=True, state="ok", ahead=ahead)
    why = f"服务未就绪 / the host at {address} is not ready ({answer.status_code}): {answer.text[:500]}"
    return RunningHost(runs=True, state=why, ahead=ahead)


def _is_ours(answer: httpx.Response) -> bool:
    try:
        document = answer.json()
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("status") in OURS


def _date_ahead(answer: httpx.Response, asked_at: datetime, answered_at: datetime) -> timedelta | None:
    """By the header `Date`, which has whole seconds: its time lies up to one second later."""
    try:
        date = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return None
    return ahead_of(date, asked_at - timedelta(seconds=1), answered_at)


def lag_state(settings: Settings) -> str:
    """How far the running host is behind on the event log, by its metrics."""
    port = settings.http_port if settings.metrics_port is None else settings.metrics_port
    address = f"{_address(settings, port)}/metrics"
    try:
        answer = httpx.get(address, timeout=ASK_S, trust_env=False).raise_for_status()
        return lag_in(answer.text)
    except (httpx.HTTPError, ValueError) as away:
        return f"无法读取指标 / no metrics at {address} ({type(away).__name__}): is YUJING_METRICS_PORT the host's?"


def lag_in(metrics: str) -> str:
    """Which groups are behind, or leave partitions unread, by the text of /metrics; raises ValueError for another text."""
    wrong = []
    for family in text_string_to_metric_families(metrics):
        for sample in family.samples:
            where = f"{sample.labels.get('group')} on {sample.labels.get('topic')}"
            if sample.name == "yujing_log_consumer_lag_seconds" and sample.value > BEHIND_S:
                wrong.append(f"{where}: {sample.value:.0f} s")
            elif sample.name == "yujing_log_unread_partitions" and sample.value > 0:
                wrong.append(f"{where}: {sample.value:.0f} partitions unread")
    return f"处理滞后 / consumers are behind: {'; '.join(wrong)}" if wrong else "ok"


def _address(settings: Settings, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
