"""Tokens: issued, listed, revoked, and the public keys that everyone verifies them with. Only the first admin's is stored."""

from __future__ import annotations

import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import jwt
import structlog
from sqlmodel import Session

from services.permits.domain.document import Examination
from services.permits.handlers.enterprises import registered_code
from services.permits.handlers.publishing import RegisteredObject, Registrar, Written
from services.permits.store import tokens as store
from services.permits.store.tokens import Issuance, PublicKey, Revocation, TokenScope
from shared.access import Caller, Role, known_scope
from shared.domain import identity
from shared.domain.clock import rfc3339
from shared.domain.errors import Invalid
from shared.domain.region import prefix, regions
from shared.runtime.auth import ALGORITHM, Claims, SigningKey, claims, signing_key
from shared.runtime.sealing_key import OtherKey
from shared.runtime.secrets import write_private

log = structlog.get_logger(__name__)
LONGEST = timedelta(days=365)
NEEDS = {Role.ENTERPRISE: "credit_codes", Role.OFFICER: "region", Role.DEVICE: "mns"}
ONLY_FOR = {"credit_codes": Role.ENTERPRISE, "region": Role.OFFICER, "scopes": Role.OFFICER, "mns": Role.DEVICE}


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, shown once."""

    token: str
    jti: str
    expires_at: datetime


def issue(
    registrar: Registrar, session: Session, issuer: Caller, *, bearer: Caller, life: timedelta, key: SigningKey
) -> Issued:
    """A token for `bearer`."""
    bearer = _checked(session, bearer)
    body = claims(bearer, now=registrar.clock.wall_now(), life=life)
    issuance = record(session, issuer, bearer, body, key.kid)
    return Issued(key.sign(body), issuance.jti, issuance.expires_at)


def record(session: Session, issuer: Caller, bearer: Caller, body: Claims, kid: str) -> Issuance:
    """Keep who was given the token with these claims; never the token."""
    issuance = Issuance(
        jti=body["jti"],
        role=bearer.role.value,
        subject=bearer.subject,
        issued_by=issuer.subject,
        issued_at=datetime.fromtimestamp(body["iat"], UTC),
        expires_at=datetime.fromtimestamp(body["exp"], UTC),
        kid=kid,
        scope=_scope_of(bearer),
    )
    store.save_issuance(session, issuance)
    return issuance


def _scope_of(bearer: Caller) -> TokenScope:
    regions = (bearer.region,) if bearer.region else ()
    return TokenScope(bearer.credit_codes, regions, bearer.scopes, bearer.mns)


def _checked(session: Session, bearer: Caller) -> Caller:
    """The bearer with its region as a prefix; raises Invalid when the role and what it is given do not fit."""
    examination = Examination()
    needed = NEEDS.get(bearer.role)
    if needed and not getattr(bearer, needed):
        examination.wrong(needed, None, f"a token for the role {bearer.role} needs it")
    for name, role in ONLY_FOR.items():
        if getattr(bearer, name) and bearer.role is not role:
            examination.wrong(name, bearer.role.value, f"only for the role {role}")
    _check_each(session, bearer, examination)
    region = prefix(bearer.region) if bearer.region else None
    if bearer.region and not any(code.startswith(bearer.region) for code in regions()):
        examination.wrong("region", bearer.region, "2, 4 or 6 digits that a division code of GB/T 2260 begins with")
    examination.refuse()
    return Caller(bearer.role, bearer.subject, bearer.credit_codes, region, bearer.scopes, bearer.mns)


def _check_each(session: Session, bearer: Caller, examination: Examination) -> None:
    for i, code in enumerate(bearer.credit_codes):
        _check(f"credit_codes[{i}]", code, partial(registered_code, session), examination)
    for i, scope in enumerate(bearer.scopes):
        _check(f"scopes[{i}]", scope, known_scope, examination)
    for i, mn in enumerate(bearer.mns):
        _check(f"mns[{i}]", mn, identity.mn, examination)


def _check(path: str, text: str, check: Callable[[str], str], examination: Examination) -> None:
    try:
        check(text)
    except Invalid as wrong:
        examination.wrong(path, text, wrong.rule)


@dataclass(frozen=True, slots=True)
class _Revoked:
    """The token to be revoked, by its id; `until`: its end, where it is known."""

    jti: str
    until: datetime | None


def revoke(
    registrar: Registrar, session: Session, revoker: Caller, *, jti: str | None, token: str | None
) -> Written[Revocation]:
    """Revoke a token by its id or by itself; one that is revoked already stays so."""
    if (jti is None) == (token is None):
        raise Invalid("give `jti` or `token`", field="jti", value=jti, rule="one of jti and token")
    now = registrar.clock.wall_now()
    revoked = _read(token) if token else _Revoked(str(jti), None)
    former = store.find_revocation(session, revoked.jti)
    if former is not None:
        return Written(former, created=False, changed=False)
    issuance = store.find_issuance(session, revoked.jti)
    until = revoked.until or (issuance.expires_at if issuance else now + LONGEST)
    made = Revocation(revoked.jti, until, revoker.subject, now)
    store.save_revocation(session, made)
    registrar.publish(session, RegisteredObject("revocation", made.jti, 1, {"until": rfc3339(until)}))
    return Written(made, created=True, changed=True)


def _read(token: str) -> _Revoked:
    """Id and end of a token. Its signature is not verified: an admin may revoke one that a former key signed."""
    try:
        body = jwt.decode(token, options={"verify_signature": False})
        return _Revoked(str(body["jti"]), datetime.fromtimestamp(int(body["exp"]), UTC))
    except (jwt.PyJWTError, KeyError, ValueError, TypeError, OverflowError, OSError, binascii.Error) as wrong:
        raise Invalid("the token cannot be read", field="token", value="…", rule="a token of ours") from wrong


def check_signing_key(session: Session, path: Path, now: datetime) -> None:
    """Raises OtherKey when the key in `path` is new here (or there is none) while tokens of another key are in force.

    A key that was published before is known; a new one becomes known by `yujing keys accept`. Changes nothing.
    """
    kid = signing_key(path).kid if path.exists() else None
    if kid is not None and store.find_key(session, kid) is not None:
        return
    in_force = store.count_in_force(session, now)
    if in_force == 0:
        return
    known = ", ".join(one.kid for one in store.list_keys(session)) or "none"
    here = (
        f"签名密钥 {path} 是新的 / the signing key in {path} is new (id {kid})"
        if kid
        else f"缺少签名密钥 / no key in {path}"
    )
    raise OtherKey(
        f"{here}, while {in_force} tokens signed by another (known ids: {known}) are in force: 请恢复原密钥，或执行 / put the"
        " old key back, or run `yujing keys accept` to sign with the new one; the old tokens stay valid"
    )


def publish_key(registrar: Registrar, session: Session, key: SigningKey) -> bool:
    """Publish the public key on `registry`, once; whether it was new."""
    if store.find_key(session, key.kid) is not None:
        return False
    published = PublicKey(key.kid, key.public_pem(), registrar.clock.wall_now())
    store.save_key(session, published)
    registrar.publish(session, RegisteredObject("key", key.kid, 1, {"public": published.public}))
    return True


def ensure_admin_token(path: Path, key: SigningKey, now: datetime) -> None:
    """A file (0600) with an admin's token: written at the first start, and again when it expired or a former key signed
    it."""
    if path.exists() and not _holds(path, key, now):
        path.unlink(missing_ok=True)
    if not path.exists():
        body = claims(Caller(Role.ADMIN, "admin"), now=now)
        write_private(path, key.sign(body).encode())
        log.info("an admin's token was written", path=str(path))


def _holds(path: Path, key: SigningKey, now: datetime) -> bool:
    """Whether the token in the file is ours and not expired."""
    try:
        token = path.read_text(encoding="ascii").strip()
        body = jwt.decode(token, key.key.public_key(), algorithms=[ALGORITHM], options={"verify_exp": False})
        return bool(body["exp"] > now.timestamp())
    except (jwt.PyJWTError, UnicodeDecodeError, KeyError, TypeError):
        return False
