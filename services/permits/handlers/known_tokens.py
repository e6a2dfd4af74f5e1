"""Which tokens are known here: issued, the admin's in the data folder, and revoked ones; reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import jwt
from sqlmodel import Session

from services.permits.store import tokens as store
from services.permits.store.tokens import Issuance, Revocation, TokenScope

HOST = "host"  # who wrote the admin's token into the data folder


class TokenState(StrEnum):
    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class KnownToken:
    """A token. What None says is not known: of one that was signed elsewhere only its revocation is."""

    jti: str
    state: TokenState
    kid: str | None
    role: str | None
    subject: str | None
    scope: TokenScope | None
    issued_by: str | None
    issued_at: datetime | None
    expires_at: datetime
    revoked_at: datetime | None


def known_tokens(session: Session, admin_token: Path, now: datetime, *, expired: bool) -> list[KnownToken]:
    """Newest first, then what was revoked without being issued here. `admin_token`: the file; `expired`: those too."""
    revoked = store.list_revocations(session)
    issued = store.list_issuances(session, ending_after=None if expired else now)
    admin = _admin(admin_token)
    if admin is not None and (expired or admin.expires_at > now):
        issued.append(admin)
    found = [_known(one, revoked.get(one.jti), now) for one in issued]
    ours = {one.jti for one in issued}
    others = (one for one in revoked.values() if one.jti not in ours and store.find_issuance(session, one.jti) is None)
    return found + [_foreign(one) for one in others if expired or one.until > now]


def _known(one: Issuance, revocation: Revocation | None, now: datetime) -> KnownToken:
    ended = TokenState.EXPIRED if one.expires_at <= now else TokenState.IN_FORCE
    return KnownToken(
        jti=one.jti,
        state=ended if revocation is None else TokenState.REVOKED,
        kid=one.kid,
        role=one.role,
        subject=one.subject,
        scope=one.scope,
        issued_by=one.issued_by,
        issued_at=one.issued_at,
        expires_at=one.expires_at,
        revoked_at=revocation.revoked_at if revocation else None,
    )


def _foreign(one: Revocation) -> KnownToken:
    return KnownToken(one.jti, TokenState.REVOKED, None, None, None, None, None, None, one.until, one.revoked_at)


def _admin(path: Path) -> Issuance | None:
    """Of the token in the file; None when there is none that can be read."""
    try:
        token = path.read_text(encoding="ascii").strip()
        body = jwt.decode(token, options={"verify_signature": False})
        issued_at, expires_at = (datetime.fromtimestamp(int(body[name]), UTC) for name in ("iat", "exp"))
        kid = str(jwt.get_unverified_header(token)["kid"])
        jti, role, subject = (str(body[name]) for name in ("jti", "role", "sub"))
        return Issuance(jti, role, subject, HOST, issued_at, expires_at, kid, TokenScope())
    except (OSError, ValueError, OverflowError, jwt.PyJWTError, KeyError, TypeError):
        return None
