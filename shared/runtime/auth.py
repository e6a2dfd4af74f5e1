"""Who is calling: a bearer JWT (EdDSA) verified offline by keys that travel on `registry`; and what they may see.

Roles: enterprise (credit codes), officer (region prefix, scopes), device (MNs), ops, admin. Only permits signs.
401 no valid token, 403 the role lacks the verb, 404 the object is outside its scope.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Protocol

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from fastapi import Depends, Request

from shared.domain.errors import Forbidden, NotFound, Unauthorized
from shared.runtime.secrets import write_private

ALGORITHM = "EdDSA"
DEFAULT_LIFE = timedelta(days=90)


class Role(StrEnum):
    ENTERPRISE = "enterprise"
    OFFICER = "officer"
    DEVICE = "device"
    OPS = "ops"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `region` is a division prefix (15, 1501, 150102) for officers; empty tuples mean none."""

    role: Role
    subject: str
    credit_codes: tuple[str, ...] = ()
    region: str | None = None
    scopes: tuple[str, ...] = ()
    mns: tuple[str, ...] = ()

    @property
    def sees_all(self) -> bool:
        return self.role in (Role.ADMIN, Role.OPS)

    def sees(self, *, credit_code: str | None, region: str | None) -> bool:
        """Whether an object of this enterprise and division lies inside the caller's scope."""
        if self.sees_all:
            return True
        if self.role is Role.ENTERPRISE:
            return credit_code is not None and credit_code in self.credit_codes
        if self.role is Role.OFFICER:
            return bool(self.region) and (region or "").startswith(self.region or "-")
        return False

    def must_see(self, what: str, *, credit_code: str | None, region: str | None) -> None:
        """Raises NotFound when the object is outside the caller's scope."""
        if not self.sees(credit_code=credit_code, region=region):
            raise NotFound(f"no such {what}")


def claims(caller: Caller, *, now: datetime, life: timedelta = DEFAULT_LIFE) -> dict[str, Any]:
    """What a token says of `caller`."""
    body: dict[str, Any] = {
        "sub": caller.subject,
        "role": caller.role.value,
        "iat": int(now.timestamp()),
        "exp": int((now + life).timestamp()),
        "jti": secrets.token_hex(12),
    }
    for name in ("credit_codes", "scopes", "mns"):
        if getattr(caller, name):
            body[name] = list(getattr(caller, name))
    if caller.region:
        body["region"] = caller.region
    return body


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The Ed25519 key that permits signs tokens with."""

    key: Ed25519PrivateKey
    kid: str

    def sign(self, body: Mapping[str, Any]) -> str:
        return jwt.encode(dict(body), self.key, algorithm=ALGORITHM, headers={"kid": self.kid})

    def public_pem(self) -> str:
        return (
            self.key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


def signing_key(path: Path) -> SigningKey:
    """The key in `path`, made 0600 when absent."""
    if not path.exists():
        write_private(
            path,
            Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise Unauthorized(f"{path} holds no Ed25519 key")
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return SigningKey(key, urlsafe_b64encode(hashlib.sha256(raw).digest()[:9]).decode())


class KeyRing(Protocol):
    """What a verifier needs to know; the register's look-up provides it. May raise Unreachable when it is stale."""

    def public_key(self, kid: str) -> str | None: ...
    def revoked(self, jti: str) -> bool: ...


@dataclass(frozen=True)
class Verifier:
    """Verifies tokens offline; parsed public keys are kept."""

    ring: KeyRing
    wall_now: Callable[[], datetime]
    _keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)

    def caller(self, token: str) -> Caller:
        """Who the token speaks for; raises Unauthorized."""
        try:
            key = self._key(jwt.get_unverified_header(token).get("kid", ""))
            body = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                options={"require": ["exp", "sub", "jti"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as wrong:
            raise Unauthorized(f"the token is not valid: {wrong}") from wrong
        if body["exp"] <= self.wall_now().timestamp():
            raise Unauthorized("the token has expired", code="token-expired")
        if self.ring.revoked(body["jti"]):
            raise Unauthorized("the token was revoked", code="token-revoked")
        return _caller(body)

    def _key(self, kid: str) -> Ed25519PublicKey:
        if kid not in self._keys:
            pem = self.ring.public_key(kid)
            loaded = serialization.load_pem_public_key(pem.encode()) if pem else None
            if not isinstance(loaded, Ed25519PublicKey):
                raise Unauthorized("the token was signed by a key unknown here", code="key-unknown")
            self._keys[kid] = loaded
        return self._keys[kid]


def _caller(body: Mapping[str, Any]) -> Caller:
    try:
        role = Role(body.get("role", ""))
    except ValueError as wrong:
        raise Unauthorized(f"the token's role {body.get('role')!r} is unknown") from wrong
    return Caller(
        role=role,
        subject=str(body["sub"]),
        credit_codes=tuple(body.get("credit_codes", ())),
        region=body.get("region"),
        scopes=tuple(body.get("scopes", ())),
        mns=tuple(body.get("mns", ())),
    )


def _bearer(request: Request) -> Caller:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("a bearer token is needed: Authorization: Bearer …")
    verifier: Verifier = request.app.state.verifier
    return verifier.caller(token.strip())


def allow(*roles: Role) -> Any:
    """The dependency of a route that only these roles (and admin) may call; gives the Caller."""

    def check(caller: Annotated[Caller, Depends(_bearer)]) -> Caller:
        if caller.role is not Role.ADMIN and caller.role not in roles:
            raise Forbidden(f"the role {caller.role.value} may not do this; needed: {', '.join(roles) or 'admin'}")
        return caller

    return Depends(check)
