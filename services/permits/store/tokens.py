"""Rows about tokens: who was given one, which are revoked, which public keys were published."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from services.permits.store.tables import PublicKeyRow, RevocationRow, TokenIssuanceRow


@dataclass(frozen=True, slots=True)
class TokenScope:
    """For whom a token speaks: what of `Caller` narrows its role."""

    credit_codes: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    mns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Issuance:
    """Who was given a token. `kid`: of the key that signed it; None, as `scope` is, where an older version issued it."""

    jti: str
    role: str
    subject: str
    issued_by: str
    issued_at: datetime
    expires_at: datetime
    kid: str | None = None
    scope: TokenScope | None = None


@dataclass(frozen=True, slots=True)
class Revocation:
    """`until`: from then on the token is expired anyway."""

    jti: str
    until: datetime
    revoked_by: str
    revoked_at: datetime


@dataclass(frozen=True, slots=True)
class PublicKey:
    kid: str
    public: str
    published_at: datetime


def save_issuance(session: Session, one: Issuance) -> None:
    session.add(
        TokenIssuanceRow(
            jti=one.jti,
            role=one.role,
            subject=one.subject,
            issued_by=one.issued_by,
            issued_at=one.issued_at,
            expires_at=one.expires_at,
            kid=one.kid,
            scope={name: list(values) for name, values in asdict(one.scope).items() if values} if one.scope else None,
        )
    )
    session.flush()


def find_issuance(session: Session, jti: str) -> Issuance | None:
    row = session.get(TokenIssuanceRow, jti)
    return _issuance(row) if row is not None else None


def list_issuances(session: Session, *, ending_after: datetime | None) -> list[Issuance]:
    """Newest first; `ending_after`: only tokens that expire after it."""
    query = select(TokenIssuanceRow).order_by(col(TokenIssuanceRow.issued_at).desc(), col(TokenIssuanceRow.jti))
    if ending_after is not None:
        query = query.where(col(TokenIssuanceRow.expires_at) > ending_after)
    return [_issuance(row) for row in session.exec(query)]


def count_in_force(session: Session, now: datetime) -> int:
    """Tokens that were issued, have not expired and were not revoked."""
    revoked = select(RevocationRow.jti)
    in_force = (col(TokenIssuanceRow.expires_at) > now, col(TokenIssuanceRow.jti).not_in(revoked))
    return session.exec(select(func.count()).select_from(TokenIssuanceRow).where(*in_force)).one()


def find_revocation(session: Session, jti: str) -> Revocation | None:
    row = session.get(RevocationRow, jti)
    return Revocation(row.jti, row.until, row.revoked_by, row.revoked_at) if row else None


def list_revocations(session: Session) -> dict[str, Revocation]:
    """By the token's id."""
    rows = session.exec(select(RevocationRow).order_by(col(RevocationRow.revoked_at).desc(), col(RevocationRow.jti)))
    return {row.jti: Revocation(row.jti, row.until, row.revoked_by, row.revoked_at) for row in rows}


def save_revocation(session: Session, one: Revocation) -> None:
    session.add(RevocationRow(jti=one.jti, until=one.until, revoked_by=one.revoked_by, revoked_at=one.revoked_at))
    session.flush()


def find_key(session: Session, kid: str) -> PublicKey | None:
    row = session.get(PublicKeyRow, kid)
    return PublicKey(row.kid, row.public, row.published_at) if row else None


def save_key(session: Session, key: PublicKey) -> None:
    session.add(PublicKeyRow(kid=key.kid, public=key.public, published_at=key.published_at))
    session.flush()


def list_keys(session: Session) -> list[PublicKey]:
    rows = session.exec(select(PublicKeyRow).order_by(col(PublicKeyRow.published_at), col(PublicKeyRow.kid)))
    return [PublicKey(row.kid, row.public, row.published_at) for row in rows]


def _issuance(row: TokenIssuanceRow) -> Issuance:
    scope = TokenScope(**{name: tuple(values) for name, values in row.scope.items()}) if row.scope is not None else None
    return Issuance(
        row.jti, row.role, row.subject, row.issued_by, row.issued_at, row.expires_at, kid=row.kid, scope=scope
    )
