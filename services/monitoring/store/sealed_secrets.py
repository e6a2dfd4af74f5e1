"""What monitoring keeps sealed: passwords of the register's points and of quarantined frames; the fingerprint of the key."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlmodel import Session

from services.monitoring.store.tables import KEPT, POINT, MonitoringSealingKey, table
from shared.domain.json import read_optional_text
from shared.runtime.directory import PASSWORD
from shared.runtime.sealing_key import SealedSecret, SealingKey

PASSWORD_OF_ITEM = "quarantine-password"  # purpose under which the gateway seals the password of a quarantined frame
MOST_ROWS = 1000  # points looked through for sealed passwords


def sealed_secrets(session: Session, limit: int) -> Sequence[SealedSecret]:
    """At most `limit` sealed passwords of points, else of quarantined frames."""
    points = session.connection().execute(select(POINT.c.data).where(POINT.c.active).limit(MOST_ROWS)).scalars()
    of_points = [read_optional_text(data, "sealed_password") for data in points]
    found = [SealedSecret(text, PASSWORD) for text in of_points if text][:limit]
    if found:
        return found
    of_frames = select(KEPT.c.sealed_password).where(KEPT.c.sealed_password.is_not(None)).order_by(KEPT.c.id.desc())
    return [
        SealedSecret(text, PASSWORD_OF_ITEM) for text in session.connection().execute(of_frames.limit(limit)).scalars()
    ]


SEALING_KEY = SealingKey(table(MonitoringSealingKey), sealed_secrets)
