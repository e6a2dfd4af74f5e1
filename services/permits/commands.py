"""import, expiring: the register on the command line, beside a running host or without one; `keys` is its neighbour's."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from sqlmodel import Session

from services.permits.domain.import_report import Finding, Outcome, failure_of
from services.permits.handlers.expiring import ExpiringPermit, expiring
from services.permits.handlers.imports import Importer
from services.permits.handlers.official_list import CHANGED, CREATED, UNCHANGED
from services.permits.handlers.renewals import as_of_now
from services.permits.key_commands import keys_commands
from services.permits.service import importer_of, registrar_of
from services.permits.store import imports as store
from services.permits.store.imports import ImportEntry, State
from shared.domain.errors import Invalid
from shared.runtime.service import OpenService
from shared.runtime.terminal import OWNER, AsJson, plain_errors, print_result

SHOWN = 20  # findings in the plain output; all of them with --json
BATCH = 500  # findings a query
TAKEN = (CREATED, CHANGED, UNCHANGED)

File = Annotated[Path, typer.Argument(help="CSV, HTML, XLSX of the official list, or JSON documents")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="只检查不写入 / check only, change nothing")]
On = Annotated[str | None, typer.Option(help="YYYY-MM-DD; today by default")]
WithinDays = Annotated[int, typer.Option(min=0, max=3650)]


def add_commands(app: typer.Typer, open_service: OpenService) -> None:
    """Add the verbs of this service. `open_service`: its context and its database, up to date."""

    @app.command("import")
    def import_file(file: File, dry_run: DryRun = False, as_json: AsJson = False) -> None:
        """导入名录 / Import the official list or documents; exit 1 when no row could be imported, 2 without a file."""
        with plain_errors():
            content = _content(file, as_json=as_json)
            with open_service() as (context, database):
                importer = importer_of(registrar_of(context), database)
                wrong = _import(importer, file.name, content, dry_run=dry_run, as_json=as_json)
        if wrong is not None:
            typer.echo(f"yujing: {file} 未导入 / was not imported: {wrong}", err=True)
            sys.exit(1)

    @app.command("expiring")
    def list_expiring(on: On = None, within_days: WithinDays = 180, as_json: AsJson = False) -> None:
        """即将到期 / Permits with at most so many days left on a day, the first to end first."""
        with plain_errors(), open_service() as (context, database), database.read() as session:
            as_of = as_of_now(registrar_of(context), session)
            day = _day(on) or as_of.today
            found = expiring(session, OWNER, day, as_of, within_days=within_days, limit=sys.maxsize)
        _print_expiring(found, day, within_days, as_json=as_json)

    app.add_typer(keys_commands(open_service), name="keys")


def _import(importer: Importer, name: str, content: bytes, *, dry_run: bool, as_json: bool) -> str | None:
    """Import the file and print the report; why no row was imported, None when one was."""
    try:
        accepted = importer.accept(OWNER, name, content, dry_run=dry_run)
    except Invalid as wrong:
        reason = failure_of(wrong).reason
        _print_failed(reason, dry_run=dry_run, as_json=as_json)
        return reason
    _run(importer, accepted.id)
    with importer.database.read() as session:
        entry = store.find(session, accepted.id)
        findings = list(_findings(session, accepted.id))
    assert entry is not None
    failure = _why_nothing(entry, findings)
    _print_report(entry, findings, failure, as_json=as_json)
    return failure


def _why_nothing(entry: ImportEntry, findings: Sequence[Finding]) -> str | None:
    """Why no row of the file is in the register; None when one is."""
    if entry.state is State.FAILED:
        return entry.failure
    if any(entry.counts.get(outcome) for outcome in TAKEN):
        return None
    refused = next((one for one in findings if one.outcome is Outcome.REFUSED), None)
    if refused is None:
        return "the file has no row; expected: at least one permit below the header"
    where = f"line {refused.line}, {refused.field} {refused.value!r}: {refused.reason}"
    return f"none of its {entry.total} rows could be imported; the first is refused: {where}"


def _content(file: Path, *, as_json: bool) -> bytes:
    """The file's bytes; raises Invalid, and prints it as JSON too, when there is none that can be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        wrong = Invalid(f"{file} cannot be read: {error.strerror}", field="FILE", value=str(file), rule="a file")
        if as_json:
            _print_failed(failure_of(wrong).reason, dry_run=False, as_json=True)
        raise wrong from error


def _print_failed(failure: str, *, dry_run: bool, as_json: bool) -> None:
    """The report of a file that was not accepted at all."""
    summary: dict[str, object] = {"state": State.FAILED.value, "dry_run": dry_run, "rows": 0, "failure": failure}
    print_result({**summary, "findings": []} if as_json else summary, as_json=as_json)


def _run(importer: Importer, name: str) -> None:
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("导入 / importing", total=None)

        def moved(entry: ImportEntry) -> None:
            bar.update(task, total=entry.total, completed=entry.position)

        importer.take(name, progress=moved)


def _findings(session: Session, name: str) -> Iterator[Finding]:
    after = 0
    while found := store.findings(session, name, after=after, limit=BATCH):
        yield from (stored.finding for stored in found)
        after = found[-1].number


def _print_report(entry: ImportEntry, findings: Sequence[Finding], failure: str | None, *, as_json: bool) -> None:
    summary = {
        "id": entry.id,
        "state": entry.state.value,
        "dry_run": entry.dry_run,
        "rows": entry.total,
        **entry.counts,
        "failure": failure,
    }
    if as_json:
        print_result({**summary, "findings": [_finding_fields(one) for one in findings]}, as_json=True)
        return
    for one in findings[:SHOWN]:
        typer.echo(f"{entry.filename}:{one.line}: {one.outcome.value}: {one.field} {one.value!r}: {one.reason}")
    if len(findings) > SHOWN:
        typer.echo(f"… {len(findings) - SHOWN} more; all with --json")
    print_result({name: value for name, value in summary.items() if value is not None}, as_json=False)


def _finding_fields(one: Finding) -> Mapping[str, object]:
    return {
        "line": one.line,
        "field": one.field,
        "value": one.value,
        "reason": one.reason,
        "outcome": one.outcome.value,
    }


def _print_expiring(found: Sequence[ExpiringPermit], day: date, within_days: int, *, as_json: bool) -> None:
    if as_json:
        print_result({"on": day.isoformat(), "items": [_expiring_fields(one) for one in found]}, as_json=True)
        return
    for one in found:
        provisional = " (暂定 provisional)" if one.provisional else ""
        typer.echo(
            f"{one.valid_to}  {one.left_days:>4}  {one.step or 'applied':<19}  {one.number}  "
            f"{one.name}  ≤{one.apply_by}{provisional}"
        )
    typer.echo(
        f"{len(found)} 个许可证在 {day} 剩余不超过 {within_days} 天 / permits with at most {within_days} days left"
    )


def _expiring_fields(one: ExpiringPermit) -> Mapping[str, object]:
    """As GET /permits/v1/expiring shows it."""
    return {
        "number": one.number,
        "credit_code": one.credit_code,
        "name": one.name,
        "region": one.region,
        "valid_to": one.valid_to,
        "left_days": one.left_days,
        "step": one.step,
        "apply_by": one.apply_by,
        "provisional": one.provisional,
        "renewal_applied_on": one.renewal_applied_on,
        "renewal_refused_on": one.renewal_refused_on,
    }


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as wrong:
        raise Invalid(f"--on {text!r} is no day", field="on", value=text, rule="YYYY-MM-DD") from wrong
