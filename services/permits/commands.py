"""import, expiring, keys create: the register on the command line, beside a running host or without one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from sqlmodel import Session

from services.permits.domain.import_report import Finding, Outcome, failure_of
from services.permits.handlers.enterprises import enterprise_code, issued_code
from services.permits.handlers.expiring import ExpiringPermit, expiring
from services.permits.handlers.imports import Importer
from services.permits.handlers.official_list import CHANGED, CREATED, UNCHANGED
from services.permits.handlers.renewals import as_of_now
from services.permits.handlers.tokens import publish_key
from services.permits.service import importer_of, registrar_of
from services.permits.store import imports as store
from services.permits.store.imports import ImportEntry, State
from shared.access import Caller, Role
from shared.database import Database
from shared.domain import identity
from shared.domain.clock import rfc3339, system_clock
from shared.domain.errors import Invalid
from shared.runtime.auth import claims, signing_key
from shared.runtime.service import Context
from shared.runtime.settings import load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result

OpenService = Callable[[], AbstractContextManager[tuple[Context, Database]]]
CALLER = Caller(Role.ADMIN, "command-line")
SHOWN = 20  # findings in the plain output; all of them with --json
BATCH = 500  # findings a query
TAKEN = (CREATED, CHANGED, UNCHANGED)
MOST_DAYS = 365  # that a token holds

File = Annotated[Path, typer.Argument(help="CSV, HTML, XLSX of the official list, or JSON documents")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="只检查不写入 / check only, change nothing")]
On = Annotated[str | None, typer.Option(help="YYYY-MM-DD; today by default")]
AcceptCheckCharacter = Annotated[
    bool,
    typer.Option(
        "--accept-check-character", help="代码确如此签发 / the code was issued so, its check character does not fit"
    ),
]
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
            found = expiring(session, CALLER, day, as_of, within_days=within_days, limit=sys.maxsize)
        _print_expiring(found, day, within_days, as_json=as_json)

    keys = typer.Typer(no_args_is_help=True, help="令牌 / Tokens.")
    keys.callback()(_keys)
    keys.command("create")(create_key)

    @keys.command("accept")
    def accept_key(as_json: AsJson = False) -> None:
        """启用新签名密钥 / Sign with the key in the signing key's file from now on (made when there is none)."""
        with plain_errors(), open_service() as (context, database), database.transaction() as session:
            key = signing_key(context.settings.signing_key)
            added = publish_key(registrar_of(context), session, key)
        print_result({"kid": key.kid, "state": "added" if added else "known before"}, as_json=as_json)

    app.add_typer(keys, name="keys")


def _keys() -> None:
    """令牌 / Tokens: signed offline with the key file that permits publishes."""


def create_key(
    role: Annotated[str, typer.Option(help="enterprise, officer, device, ops, admin")],
    credit_code: Annotated[list[str] | None, typer.Option(help="统一社会信用代码; of an enterprise")] = None,
    region: Annotated[str | None, typer.Option(help="行政区划前缀; of an officer, e.g. 15")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="of an officer, e.g. register")] = None,
    mn: Annotated[list[str] | None, typer.Option(help="of a device")] = None,
    subject: Annotated[str | None, typer.Option(help="who; the role by default")] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS)] = 90,
    accept_check_character: AcceptCheckCharacter = False,
    as_json: AsJson = False,
) -> None:
    """签发令牌 / Make a token."""
    with plain_errors():
        settings = load_settings()
        codes = [_code(code, accept_check_character=accept_check_character) for code in credit_code or ()]
        caller = _caller(role, codes, region, scope or [], mn or [], subject)
        now = system_clock().wall_now()
        body = claims(caller, now=now, life=timedelta(days=days))
        token = signing_key(settings.signing_key).sign(body)
    print_result({"token": token, "expires": rfc3339(now + timedelta(days=days)), "jti": body["jti"]}, as_json=as_json)


def _code(text: str, *, accept_check_character: bool) -> str:
    """The credit code. Raises: Invalid, with the remedy where only its check character does not fit."""
    try:
        return issued_code(text) if accept_check_character else enterprise_code(text)
    except Invalid as wrong:
        if wrong.rule != identity.CHECKED:
            raise
        rule = f"{wrong.rule}; --accept-check-character for a code that was issued so"
        raise Invalid(wrong.detail, field=wrong.field, value=text, rule=rule) from wrong


def _caller(
    role: str, credit_codes: list[str], region: str | None, scopes: list[str], mns: list[str], subject: str | None
) -> Caller:
    try:
        known = Role(role)
    except ValueError as wrong:
        raise Invalid(f"role {role!r} is unknown", field="role", value=role, rule=", ".join(Role)) from wrong
    if known is Role.ENTERPRISE and not credit_codes:
        raise Invalid("an enterprise's token needs --credit-code", field="credit_code", rule="at least one")
    if known is Role.OFFICER and not (region and region.isdigit() and len(region) in (2, 4, 6)):
        raise Invalid(f"region {region!r} is no prefix", field="region", value=region, rule="2, 4 or 6 digits")
    if known is Role.DEVICE and not mns:
        raise Invalid("a device's token needs --mn", field="mn", rule="at least one")
    return Caller(
        role=known,
        subject=subject or known.value,
        credit_codes=tuple(credit_codes),
        region=region,
        scopes=tuple(scopes),
        mns=tuple(identity.mn(name) for name in mns),
    )


def _import(importer: Importer, name: str, content: bytes, *, dry_run: bool, as_json: bool) -> str | None:
    """Import the file and print the report; why no row was imported, None when one was."""
    try:
        accepted = importer.accept(CALLER, name, content, dry_run=dry_run)
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
