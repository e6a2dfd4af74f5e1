"""What the register seals: passwords of loggers, and the fingerprint of the key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from services.permits.store.tables import PermitsSealingKey, PointRow, table_of
from shared.runtime.directory import PASSWORD
from shared.runtime.sealing_key import SealedSecret, SealingKey


def sealed_secrets(session: Session, limit: int) -> Sequence[SealedSecret]:
    """At most `limit` sealed passwords, the newest registered first."""
    sealed = col(PointRow.sealed_password)
    statement = select(sealed).where(sealed.is_not(None)).order_by(col(PointRow.registered_at).desc()).limit(limit)
    return [SealedSecret(text, PASSWORD) for text in session.exec(statement) if text is not None]


SEALING_KEY = SealingKey(table_of(PermitsSealingKey), sealed_secrets)
