"""What doctor finds beside log and databases: whether the keys are those of the data, and what the running host answers."""

from __future__ import annotations

import httpx
from sqlalchemy import create_engine, inspect
from sqlmodel import Session

from services.composition import BUILD, SEALING_KEYS
from shared.database import open_database
from shared.domain.errors import DomainError
from shared.runtime.sealing_key import default_secret_key, place_of_secret_key
from shared.runtime.secrets import Sealer, sealer
from shared.runtime.settings import Settings

ASK_S = 5.0  # of one question


def key_states(settings: Settings) -> dict[str, str]:
    """Whether the secret key opens what each service sealed; changes and makes nothing."""
    if not settings.secret_key and not (settings.secret_key_file or default_secret_key(settings)).exists():
        return {"secret key": f"缺少密钥 / no key in {place_of_secret_key(settings)}: put the old key back"}
    key = sealer(settings)
    return {f"{name} secret key": _key_state(settings, name, key) for name in BUILD}


def _key_state(settings: Settings, name: str, key: Sealer) -> str:
    if settings.database is None:
        file = settings.data_dir / f"{name}.sqlite"
        how = (
            "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"
        )  # which makes no file beside it
        engine = create_engine(f"sqlite:///file:{file}?{how}&uri=true")
    else:
        engine = open_database(settings.database, settings.data_dir, name).engine
    try:
        with Session(engine) as session:
            if inspect(session.connection()).has_table(SEALING_KEYS[name].table.name):
                SEALING_KEYS[name].check(session, key, place_of_secret_key(settings))
    except DomainError as wrong:
        return wrong.detail
    finally:
        engine.dispose()
    return "ok"


def host_state(settings: Settings) -> str:
    """What the host at the settings' port answers to /readyz."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
    address = f"http://{host}:{settings.http_port}"
    try:
        answer = httpx.get(f"{address}/readyz", timeout=ASK_S, trust_env=False)
    except httpx.HTTPError as away:
        return f"服务未运行 / no host answers at {address} ({type(away).__name__}): yujing run"
    if answer.status_code == 200:
        return "ok"
    return f"服务未就绪 / the host at {address} is not ready ({answer.status_code}): {answer.text[:500]}"
