"""Imports as the product runs them: a file is uploaded, and the service's own worker takes it in beside the web server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from services.permits.service import importer_of, registrar_of
from services.permits.store import imports as store
from services.permits.store.imports import ImportEntry
from tests.support.product import Source, eventually
from tests.support.register_harness import RegisterHarness

IMPORTS = "/permits/v1/imports"
HEADER = "许可证编号,单位名称,行业类别,有效期限,管理类别,省/直辖市"
VALID = "2022-01-01至2026-12-31"


def list_row(number: int, *, valid: str = VALID, name: str = "企业") -> str:
    return f"{Source(number=number).permit},{name},火力发电,{valid},简化管理,内蒙古自治区"


def a_list(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode()


def enterprises(*numbers: int) -> bytes:
    """Documents, one a line."""
    return "\n".join(json.dumps(Source(number=number).enterprise()) for number in numbers).encode()


def upload(opened: RegisterHarness, content: bytes, *, dry_run: bool = False) -> str:
    """The id of the import."""
    answer = opened.client().post(IMPORTS, content=content, params={"dry_run": dry_run})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def take_in(opened: RegisterHarness, content: bytes, *, dry_run: bool = False) -> dict[str, Any]:
    """Upload, have it taken in on this thread, and the import as it is shown at the end."""
    name = upload(opened, content, dry_run=dry_run)
    importer_of(registrar_of(opened.context), opened.service.database).take(name)
    return shown(opened, name)


def shown(opened: RegisterHarness, name: str) -> dict[str, Any]:
    return dict(opened.client().get(f"{IMPORTS}/{name}").json())


def report(opened: RegisterHarness, name: str) -> list[dict[str, Any]]:
    return list(opened.client().get(f"{IMPORTS}/{name}/report").json()["items"])


def entry_of(opened: RegisterHarness, name: str) -> ImportEntry:
    """The import's row, with what the API does not show."""
    with opened.service.database.read() as session:
        entry = store.find(session, name)
    assert entry is not None
    return entry


@contextmanager
def worker(opened: RegisterHarness) -> Iterator[None]:
    """The worker that takes imports in, on its own thread."""
    (found,) = (one for one in opened.service.workers if one.name == "imports")
    found.start()
    try:
        yield
        assert found.health.unwell() is None
    finally:
        found.stop()


def at_end(opened: RegisterHarness, name: str) -> dict[str, Any]:
    """The import as it is shown when it is over."""
    return dict(eventually(lambda: _over(opened, name), what=f"the end of {name}"))


def _over(opened: RegisterHarness, name: str) -> dict[str, Any] | None:
    found = shown(opened, name)
    return found if found["state"] in ("done", "failed") else None


def failures(opened: RegisterHarness, reason: str) -> float:
    """How many imports failed for this reason, as the metric says."""
    labels = {"reason": reason}
    return opened.context.metrics.registry.get_sample_value("yujing_import_failures_total", labels) or 0.0
