"""keys create, list, revoke, accept: tokens and the keys that sign them, on the command line of who owns the data folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer

from services.permits.handlers.enterprises import enterprise_code, issued_code
from services.permits.handlers.known_tokens import KnownToken, known_tokens
from services.permits.handlers.tokens import publish_key, record, revoke
from services.permits.service import ADMIN_TOKEN, NAME, registrar_of
from services.permits.store import tokens as store
from services.permits.store.tokens import PublicKey
from shared.access import Caller, Role
from shared.domain import identity
from shared.domain.clock import rfc3339, system_clock
from shared.domain.errors import Conflict, DomainError, Invalid
from shared.runtime.auth import Claims, SigningKey, claims, read_signing_key, signing_key
from shared.runtime.service import OpenService
from shared.runtime.settings import Settings, load_settings
from shared.runtime.terminal import OWNER, AsJson, plain_errors, print_result

MOST_DAYS = 365  # that a token holds
JTI = re.compile(r"[0-9a-f]{24}")

AcceptCheckCharacter = Annotated[
    bool,
    typer.Option(
        "--accept-check-character", help="代码确如此签发 / the code was issued so, its check character does not fit"
    ),
]
RoleName = Annotated[str, typer.Option("--role", help="enterprise, officer, device, ops, admin")]
CreditCodes = Annotated[list[str] | None, typer.Option("--credit-code", help="统一社会信用代码; of an enterprise")]
Region = Annotated[str | None, typer.Option(help="行政区划前缀; of an officer, e.g. 15")]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="of an officer, e.g. register")]
Mns = Annotated[list[str] | None, typer.Option("--mn", help="of a device")]
Subject = Annotated[str | None, typer.Option(help="who; the role by default")]
Days = Annotated[int, typer.Option(min=1, max=MOST_DAYS)]
Expired = Annotated[bool, typer.Option("--expired", help="含已过期的 / those that have expired too")]
Which = Annotated[str, typer.Argument(metavar="TOKEN", help="令牌或其 jti / the token, or its jti")]


def keys_commands(open_service: OpenService) -> typer.Typer:
    """The verbs of `yujing keys`; long because it is only wiring."""
    keys = typer.Typer(no_args_is_help=True, help="令牌 / Tokens.")
    keys.callback()(_keys)

    @keys.command("create")
    def create_key(
        role: RoleName,
        credit_code: CreditCodes = None,
        region: Region = None,
        scope: Scopes = None,
        mn: Mns = None,
        subject: Subject = None,
        days: Days = 90,
        accept_check_character: AcceptCheckCharacter = False,
        as_json: AsJson = False,
    ) -> None:
        """签发令牌 / Make a token; `keys list` shows it where this machine has the register."""
        with plain_errors():
            settings = load_settings()
            codes = [_code(code, accept_check_character=accept_check_character) for code in credit_code or ()]
            caller = _caller(role, codes, region, scope or [], mn or [], subject)
            now = system_clock().wall_now()
            body, key = claims(caller, now=now, life=timedelta(days=days)), signing_key(settings.signing_key)
            token = key.sign(body)
        expires = rfc3339(now + timedelta(days=days))
        print_result({"token": token, "expires": expires, "jti": body["jti"]}, as_json=as_json)
        _record(open_service, settings, caller, body, key)

    @keys.command("list")
    def list_keys(expired: Expired = False, as_json: AsJson = False) -> None:
        """密钥与令牌 / The signing keys that are known and the tokens that were issued; never a token itself."""
        with plain_errors(), open_service() as (context, database), database.read() as session:
            file, admin = context.settings.signing_key, context.settings.data_dir / ADMIN_TOKEN
            signs = read_signing_key(file).kid if file.exists() else None
            public = store.list_keys(session)
            tokens = known_tokens(session, admin, context.clock.wall_now(), expired=expired)
        _print_keys(public, signs, tokens, as_json=as_json)

    @keys.command("revoke")
    def revoke_key(which: Which, as_json: AsJson = False) -> None:
        """吊销令牌 / Revoke a token; a running host refuses it within seconds."""
        with plain_errors():
            jti, token = (None, which) if which.count(".") == 2 else (which, None)
            if jti is not None and not JTI.fullmatch(jti):
                rule = "a token, or its jti of 24 hexadecimal digits: `yujing keys list` shows them"
                raise Invalid(f"{jti!r} is no token", field="TOKEN", value=jti, rule=rule)
            with open_service() as (context, database), database.transaction() as session:
                done = revoke(registrar_of(context), session, OWNER, jti=jti, token=token)
        state = "revoked" if done.changed else "revoked before"
        print_result({"jti": done.value.jti, "state": state, "until": rfc3339(done.value.until)}, as_json=as_json)

    @keys.command("accept")
    def accept_key(as_json: AsJson = False) -> None:
        """启用新签名密钥 / Sign with the key in the signing key's file from now on (made when there is none)."""
        with plain_errors(), open_service() as (context, database), database.transaction() as session:
            key = signing_key(context.settings.signing_key)
            added = publish_key(registrar_of(context), session, key)
        print_result({"kid": key.kid, "state": "added" if added else "known before"}, as_json=as_json)

    return keys


def _keys() -> None:
    """令牌 / Tokens: signed offline with the key file that permits publishes."""


def _record(open_service: OpenService, settings: Settings, bearer: Caller, body: Claims, key: SigningKey) -> None:
    """Keep who was given the token, for `keys list`. It is valid without that, so what hinders it is a line on stderr."""
    if settings.database is None and not (settings.data_dir / f"{NAME}.sqlite").exists():
        return
    try:
        with open_service() as (_context, database), database.transaction() as session:
            if store.find_key(session, key.kid) is None:
                raise Conflict(f"the key {key.kid} that signed it is not known yet: start the host, or `keys accept`")
            record(session, OWNER, bearer, body, key.kid)
    except DomainError as wrong:
        typer.echo(f"yujing: 令牌未登记 / the token is not in `keys list`: {wrong.detail}", err=True)


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


def _print_keys(public: Sequence[PublicKey], signs: str | None, tokens: Sequence[KnownToken], *, as_json: bool) -> None:
    if as_json:
        keys = [
            {"kid": one.kid, "published_at": rfc3339(one.published_at), "signs": one.kid == signs} for one in public
        ]
        print_result({"keys": keys, "tokens": [_token_fields(one) for one in tokens]}, as_json=True)
        return
    for one in public:
        here = "  签发中 signs" if one.kid == signs else ""
        typer.echo(f"密钥 key  {one.kid}  {rfc3339(one.published_at)}{here}")
    for token in tokens:
        issued = rfc3339(token.issued_at) if token.issued_at else "?"
        revoked = f"  吊销 revoked {rfc3339(token.revoked_at)}" if token.revoked_at else ""
        typer.echo(
            f"{token.jti}  {token.state.value:<8}  {token.role or '?':<10}  {_scope_words(token)}  "
            f"{issued} → {rfc3339(token.expires_at)}  kid {token.kid or '?'}{revoked}"
        )
    typer.echo(f"{len(public)} 个密钥，{len(tokens)} 个令牌 / {len(public)} keys, {len(tokens)} tokens")


def _scope_words(token: KnownToken) -> str:
    """The scope in one word, and who holds it."""
    words = [value for values in asdict(token.scope).values() for value in values] if token.scope else []
    return ",".join(words) or token.subject or "?"


def _token_fields(one: KnownToken) -> Mapping[str, object]:
    scope = {name: list(values) for name, values in asdict(one.scope).items()} if one.scope else None
    times = {"issued_at": one.issued_at, "expires_at": one.expires_at, "revoked_at": one.revoked_at}
    return {
        "jti": one.jti,
        "state": one.state.value,
        "kid": one.kid,
        "role": one.role,
        "subject": one.subject,
        "scope": scope,
        "issued_by": one.issued_by,
        **{name: rfc3339(at) if at else None for name, at in times.items()},
    }
