"""import, expiring: the register on the command line, beside a running host or without one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from services.commands.terminal import AsJson, plain_errors, tell
from services.composition import make_context, migrate_all
from services.permits.api.imports import finding_view
from services.permits.handlers.imports import Importer
from services.permits.handlers.protection import expiring as permits_expiring
from services.permits.handlers.protection import expiring_view
from services.permits.handlers.publishing import Registrar
from services.permits.handlers.renewals import look_now
from services.permits.service import NAME, importer_of, registrar_of
from services.permits.store import imports as store
from services.permits.store.imports import ImportEntry, State
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.errors import Invalid
from shared.runtime.logs import set_up_logs
from shared.runtime.settings import load_settings

CALLER = Caller(Role.ADMIN, "command-line")
SHOWN = 20  # findings in the plain output; all of them with --json
PAGE = 500


@contextmanager
def _register() -> Iterator[tuple[Registrar, Database]]:
    """The register, its tables up to date in the embedded shape."""
    settings = load_settings()
    set_up_logs(settings.log_format, "WARNING")  # what is done is on standard output
    context = make_context(settings, exclusive=False)
    try:
        if not settings.distributed:
            migrate_all(context, [NAME])
        database = context.database(NAME)
        try:
            yield registrar_of(context), database
        finally:
            database.close()
    finally:
        context.log.close()


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, HTML, XLSX of the official list, or JSON documents")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="只检查不写入 / say what would happen, change nothing")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """导入名录 / Import the official list or documents; exit 1 when no row could be taken in."""
    with plain_errors(), _register() as (registrar, database):
        content = _content(file)
        importer = importer_of(registrar, database)
        name = importer.accept(CALLER, file.name, content, dry_run=dry_run).id
        _take(importer, name)
        with database.read() as session:
            entry = store.find(session, name)
            findings = list(_findings(session, name))
    assert entry is not None
    _report(entry, findings, as_json=as_json)
    taken = sum(number for what, number in entry.counts.items() if what != "refused")
    if entry.state is State.FAILED or not taken:
        sys.exit(1)


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as wrong:
        raise Invalid(
            f"{file} cannot be read: {wrong.strerror}", field="FILE", value=str(file), rule="a file"
        ) from wrong


def _take(importer: Importer, name: str) -> None:
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("导入 / importing", total=None)

        def moved(entry: ImportEntry) -> None:
            bar.update(task, total=entry.total, completed=entry.position)

        importer.take(name, progress=moved)


def _findings(session: Any, name: str) -> Iterator[dict[str, Any]]:
    after = 0
    while found := store.findings(session, name, after=after, limit=PAGE):
        yield from (finding_view(one) for _, one in found)
        after = found[-1][0]


def _report(entry: ImportEntry, findings: list[dict[str, Any]], *, as_json: bool) -> None:
    summary = {
        "id": entry.id,
        "state": entry.state.value,
        "dry_run": entry.dry_run,
        "rows": entry.total,
        **entry.counts,
        "failure": entry.failure,
    }
    if as_json:
        tell({**summary, "findings": findings}, as_json=True)
        return
    for one in findings[:SHOWN]:
        typer.echo(
            f"{entry.filename}:{one['line']}: {one['outcome']}: {one['field']} {one['value']!r}: {one['reason']}"
        )
    if len(findings) > SHOWN:
        typer.echo(f"… {len(findings) - SHOWN} more; all with --json")
    tell({name: value for name, value in summary.items() if value is not None}, as_json=False)


def expiring(
    on: Annotated[str | None, typer.Option(help="YYYY-MM-DD; today by default")] = None,
    within_days: Annotated[int, typer.Option(min=0, max=3650)] = 180,
    as_json: AsJson = False,
) -> None:
    """即将到期 / Permits with at most so many days left on a day, the first to end first."""
    with plain_errors(), _register() as (registrar, database), database.read() as session:
        look = look_now(registrar, session)
        day = _day(on) or look.today
        found = permits_expiring(session, CALLER, day, within_days=within_days, limit=sys.maxsize)
        rows = [expiring_view(one, day, look) for one in found]
    if as_json:
        tell({"on": day.isoformat(), "items": rows}, as_json=True)
        return
    for row in rows:
        provisional = " (暂定 provisional)" if row["provisional"] else ""
        typer.echo(
            f"{row['valid_to']}  {row['left_days']:>4}  {row['step'] or 'applied':<19}  {row['number']}  "
            f"{row['name']}  ≤{row['apply_by']}{provisional}"
        )
    typer.echo(
        f"{len(rows)} 个许可证在 {day} 剩余不超过 {within_days} 天 / permits with at most {within_days} days left"
    )


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as wrong:
        raise Invalid(f"--on {text!r} is no day", field="on", value=text, rule="YYYY-MM-DD") from wrong
