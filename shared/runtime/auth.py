"""Who is calling: a bearer JWT (EdDSA) verified offline by keys that travel on `registry`; and which role may call what.

Roles: enterprise (credit codes), officer (region prefix, scopes), device (MNs), ops, admin. Only permits signs.
401 no valid token, 403 the role lacks the verb, 404 the object is outside its scope.
The token is verified before the body is read: Authentication withholds the body of a request without a valid one.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NotRequired, Protocol, TypedDict

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.params import Depends as Dependency
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.access import Caller, Role
from shared.domain.errors import DomainError, Forbidden, Invalid, Unauthorized
from shared.domain.json import JsonObject
from shared.runtime.secrets import write_private

ALGORITHM = "EdDSA"
DEFAULT_LIFE = timedelta(days=90)
LAST_EXPIRY_S = 253_402_300_799  # the end of the year 9999: what lies behind it is no time
NO_TEXT = re.compile("[\x00\ud800-\udfff]")  # NUL and lone surrogates: no database takes them
CALLER = "yujing.caller"  # where the request's scope has its Caller, or why there is none
REFUSAL = "yujing.refusal"  # where it says why a known caller is refused all the same


class Claims(TypedDict):
    """The body of a token (RFC 7519); times in whole seconds since 1970. What the caller has not is left out."""

    sub: str
    role: str
    iat: int
    exp: int
    jti: str
    credit_codes: NotRequired[list[str]]
    scopes: NotRequired[list[str]]
    mns: NotRequired[list[str]]
    region: NotRequired[str]


def claims(caller: Caller, *, now: datetime, life: timedelta = DEFAULT_LIFE) -> Claims:
    """What a token says of `caller`: who it is, and until when it is valid."""
    body = Claims(
        sub=caller.subject,
        role=caller.role.value,
        iat=int(now.timestamp()),
        exp=int((now + life).timestamp()),
        jti=secrets.token_hex(12),
    )
    if caller.credit_codes:
        body["credit_codes"] = list(caller.credit_codes)
    if caller.scopes:
        body["scopes"] = list(caller.scopes)
    if caller.mns:
        body["mns"] = list(caller.mns)
    if caller.region:
        body["region"] = caller.region
    return body


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The Ed25519 key that permits signs tokens with."""

    key: Ed25519PrivateKey
    kid: str

    def sign(self, body: Mapping[str, object]) -> str:
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
    return read_signing_key(path)


def read_signing_key(path: Path) -> SigningKey:
    """The key in `path`. Raises: Invalid for a file that holds none."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, OSError, UnsupportedAlgorithm) as wrong:
        raise Invalid(f"{path} holds no signing key: {wrong}", field="signing_key", rule="Ed25519 in PEM") from wrong
    if not isinstance(key, Ed25519PrivateKey):
        raise Invalid(f"{path} holds no Ed25519 key", field="signing_key", rule="Ed25519 in PEM")
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return SigningKey(key, urlsafe_b64encode(hashlib.sha256(raw).digest()[:9]).decode())


class KeyRing(Protocol):
    """What a verifier needs to know; the register's look-up provides it. May raise Unreachable when it is stale."""

    def public_key(self, kid: str) -> str | None: ...
    def revoked(self, jti: str) -> bool: ...


@dataclass(frozen=True)
class Verifier:
    """Verifies tokens offline; parsed public keys are kept, by their PEM."""

    ring: KeyRing
    wall_now: Callable[[], datetime]
    _keys: dict[str, Ed25519PublicKey] = field(default_factory=dict)

    def caller(self, token: str) -> Caller:
        """Who the token speaks for; raises Unauthorized, and Unreachable while the ring is stale."""
        key = self._key(_key_id(token))
        try:
            body = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                options={"require": ["exp", "sub", "jti"], "verify_exp": False, "verify_iat": False},
            )
        except jwt.PyJWTError as wrong:
            raise Unauthorized(f"the token is not valid: {wrong}") from wrong
        caller = _caller(body)
        if _expiry_s(body) <= self.wall_now().timestamp():
            raise Unauthorized("the token has expired", code="token-expired")
        if self.ring.revoked(caller.token_id):
            raise Unauthorized("the token was revoked", code="token-revoked")
        return caller

    def _key(self, kid: str) -> Ed25519PublicKey:
        pem = self.ring.public_key(kid) or ""  # asked each time: a ring that is stale knows of no revocation
        if pem not in self._keys:
            loaded = _public_key(pem)
            if loaded is None:
                raise Unauthorized("the token was signed by a key unknown here", code="key-unknown")
            self._keys[pem] = loaded
        return self._keys[pem]


def _key_id(token: str) -> str:
    """The id of the key that signed the token, as its header says; raises Unauthorized for a text that is no token."""
    try:
        return str(jwt.get_unverified_header(token).get("kid", ""))
    except jwt.PyJWTError as wrong:
        expected = "expected is what POST /permits/v1/keys issues, three parts with dots between them, whole"
        detail = f"the text of {len(token)} characters after Bearer is not a token: {expected}"
        raise Unauthorized(detail, code="not-a-token") from wrong


def _public_key(pem: str | None) -> Ed25519PublicKey | None:
    """The key in `pem`; None when there is none of ours in it."""
    try:
        loaded = serialization.load_pem_public_key(pem.encode()) if pem else None
    except ValueError:
        return None
    return loaded if isinstance(loaded, Ed25519PublicKey) else None


def _caller(body: JsonObject) -> Caller:
    """The Caller that the claims describe; raises Unauthorized when one of them is not of its type."""
    role = _text(body, "role")
    if role not in set(Role):
        raise Unauthorized(f"the token's role {role[:40]!r} is unknown")
    return Caller(
        role=Role(role),
        subject=_text(body, "sub"),
        credit_codes=_texts(body, "credit_codes"),
        region=_text(body, "region") if body.get("region") is not None else None,
        scopes=_texts(body, "scopes"),
        mns=_texts(body, "mns"),
        token_id=_text(body, "jti"),
    )


def _expiry_s(body: JsonObject) -> int:
    at = body["exp"]
    if type(at) is not int or not 0 <= at <= LAST_EXPIRY_S:
        raise Unauthorized("the token's exp is not a time: whole seconds since 1970")
    return at


def _text(body: JsonObject, name: str) -> str:
    text = body.get(name)
    if not _is_text(text):
        raise Unauthorized(f"the token's {name} is not a text")
    return str(text)


def _texts(body: JsonObject, name: str) -> tuple[str, ...]:
    texts = body.get(name, [])
    if not isinstance(texts, list) or not all(map(_is_text, texts)):
        raise Unauthorized(f"the token's {name} is not a list of texts")
    return tuple(texts)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and not NO_TEXT.search(value)


class Authentication:
    """The middleware that finds out who calls before anything else, and withholds the body when nobody may be assumed.

    It refuses nothing itself: a route is open, but gets no body of an unknown caller, unless it has `allow`, which reads the
    finding.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["type"] != "http" or isinstance(found(scope), Caller)
        await self.app(scope, receive if known else no_body(), send)


def no_body() -> Receive:
    """What a request whose body is withheld receives: an empty body, then the end."""
    messages: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


def found(scope: Scope) -> Caller | DomainError:
    """Who calls, or why nobody may be assumed; found once a request."""
    if CALLER not in scope:
        try:
            scope[CALLER] = _bearer(scope)
        except DomainError as refusal:
            scope[CALLER] = refusal
    caller: Caller | DomainError = scope[CALLER]
    return caller


def _bearer(scope: Scope) -> Caller:
    scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("a bearer token is needed: Authorization: Bearer …")
    verifier: Verifier = scope["app"].state.verifier
    return verifier.caller(token.strip())


@dataclass(frozen=True, slots=True)
class RoleCheck:
    """The dependency that gives the Caller when it has one of `roles`, or is the admin."""

    roles: tuple[Role, ...]

    async def __call__(self, request: Request) -> Caller:
        return self.caller(request.scope)

    def caller(self, scope: Scope) -> Caller:
        """Who calls. Raises: Unauthorized, RateLimited, Forbidden, and Unreachable while tokens cannot be verified."""
        caller = found(scope)
        if isinstance(caller, DomainError):
            raise caller
        if REFUSAL in scope:
            refusal: DomainError = scope[REFUSAL]
            raise refusal
        if caller.role is not Role.ADMIN and caller.role not in self.roles:
            needed = ", ".join(self.roles) or "admin"
            raise Forbidden(f"the role {caller.role.value} may not do this; needed: {needed}")
        return caller


def allow(*roles: Role) -> Dependency:
    """The dependency of a route that only these roles (and admin) may call; gives the Caller."""
    dependency: Dependency = Depends(RoleCheck(roles))
    return dependency


def check_roles(scope: Scope) -> None:
    """The checks of `allow` that the route of this request has, before anything else of it is looked at."""
    for call in _calls(scope["route"].dependant):
        if isinstance(call, RoleCheck):
            call.caller(scope)


def _calls(dependant: Dependant) -> Iterator[object]:
    for dependency in dependant.dependencies:
        yield dependency.call
        yield from _calls(dependency)
