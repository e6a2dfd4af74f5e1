"""keys create: a token, signed offline with the key file that permits publishes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from shared.access import Caller, Role
from shared.domain import identity
from shared.domain.clock import rfc3339, system_clock
from shared.domain.errors import Invalid
from shared.runtime.auth import claims, signing_key
from shared.runtime.settings import load_settings
from shared.runtime.terminal import AsJson, plain_errors, print_result

app = typer.Typer(no_args_is_help=True)
MOST_DAYS = 365


@app.command("create")
def create(
    role: Annotated[str, typer.Option(help="enterprise, officer, device, ops, admin")],
    credit_code: Annotated[list[str] | None, typer.Option(help="统一社会信用代码; of an enterprise")] = None,
    region: Annotated[str | None, typer.Option(help="行政区划前缀; of an officer, e.g. 15")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="of an officer, e.g. register")] = None,
    mn: Annotated[list[str] | None, typer.Option(help="of a device")] = None,
    subject: Annotated[str | None, typer.Option(help="who; the role by default")] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS)] = 90,
    as_json: AsJson = False,
) -> None:
    """签发令牌 / Make a token."""
    with plain_errors():
        settings = load_settings()
        caller = _caller(role, credit_code or [], region, scope or [], mn or [], subject)
        now = system_clock().wall_now()
        body = claims(caller, now=now, life=timedelta(days=days))
        token = signing_key(settings.signing_key).sign(body)
    print_result({"token": token, "expires": rfc3339(now + timedelta(days=days)), "jti": body["jti"]}, as_json=as_json)


@app.callback()
def _group() -> None:
    """令牌 / Tokens."""


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
        credit_codes=tuple(identity.credit_code(code) for code in credit_codes),
        region=region,
        scopes=tuple(scopes),
        mns=tuple(identity.mn(name) for name in mns),
    )
