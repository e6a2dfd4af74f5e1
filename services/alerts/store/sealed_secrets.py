"""What alerts seals: secrets of endpoints, and the fingerprint of the key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session

from services.alerts.store import tables
from services.alerts.store.endpoints import PURPOSE
from services.alerts.store.tables import ENDPOINT
from shared.runtime.sealing_key import SealedSecret, SealingKey


def sealed_secrets(session: Session, limit: int) -> Sequence[SealedSecret]:
    """At most `limit` sealed secrets of endpoints, the newest first."""
    sealed = ENDPOINT.c.sealed_secret
    statement = select(sealed).where(sealed.is_not(None)).order_by(ENDPOINT.c.state_at.desc()).limit(limit)
    return [SealedSecret(text, PURPOSE) for text in session.connection().execute(statement).scalars()]


SEALING_KEY = SealingKey(tables.SEALING_KEY, sealed_secrets)
