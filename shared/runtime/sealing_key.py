"""Whether the secret key of this process is the one that sealed a service's secrets: its fingerprint stands in the service's
database, adopted at the first start. With another key pushes would go out unsigned and frames stay unanswered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Table, select
from sqlmodel import Field, Session, SQLModel

from shared.database import UtcDateTime
from shared.domain.errors import Conflict, Invalid
from shared.runtime.secrets import Sealer
from shared.runtime.settings import Settings
from shared.sql import insert_new

SECRET_KEY = "secret-key"
SAMPLE = 20  # sealed secrets that are tried where no fingerprint stands yet; one that opens is enough


class SealingKeyColumns(SQLModel):
    """Mix into a service's own table: the fingerprint of the key that its secrets are sealed with."""

    name: str = Field(primary_key=True)
    fingerprint: str
    adopted_at: datetime = Field(sa_type=UtcDateTime)


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A sealed secret of a service, and the purpose that it was sealed for."""

    text: str
    purpose: str


class OtherKey(Conflict):
    """This process has another key than the one that the data were made with."""

    code = "other-key"


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A service's table of `SealingKeyColumns`; `sealed(session, limit)` gives sealed secrets that it has."""

    table: Table
    sealed: Callable[[Session, int], Sequence[SealedSecret]]

    def check(self, session: Session, sealer: Sealer, place: str) -> None:
        """Raises OtherKey when the service's secrets were sealed with another key; changes nothing.

        `place`: where the key comes from, for the message.
        """
        known = self._fingerprint(session)
        same = self._opens_one(session, sealer) if known is None else known == sealer.fingerprint
        if not same:
            raise OtherKey(
                f"{place} 与本数据所用密钥不符，请恢复原密钥 / {place} holds another key than the one that sealed this service's"
                f" secrets (fingerprint here {sealer.fingerprint}, expected {known or 'one that opens what is stored'}):"
                " put the old key back"
            )

    def adopt(self, session: Session, sealer: Sealer, wall_now: datetime) -> None:
        """Keep this key's fingerprint where none stands yet."""
        row = {"name": SECRET_KEY, "fingerprint": sealer.fingerprint, "adopted_at": wall_now}
        insert_new(session, self.table, [row])

    def _fingerprint(self, session: Session) -> str | None:
        columns = self.table.c
        found = session.connection().execute(select(columns.fingerprint).where(columns.name == SECRET_KEY))
        return found.scalar_one_or_none()

    def _opens_one(self, session: Session, sealer: Sealer) -> bool:
        """Whether one of the sealed secrets opens, or there is none."""
        sealed = self.sealed(session, SAMPLE)
        return not sealed or any(_opens(one, sealer) for one in sealed)


def _opens(one: SealedSecret, sealer: Sealer) -> bool:
    try:
        sealer.open(one.text, one.purpose)
    except Invalid:
        return False
    return True


def place_of_secret_key(settings: Settings) -> str:
    """The setting or the file that the secret key comes from."""
    if settings.secret_key:
        return "YUJING_SECRET_KEY"
    return str(settings.secret_key_file or default_secret_key(settings))


def default_secret_key(settings: Settings) -> Path:
    """Where the key lies when no setting names another place."""
    return settings.data_dir / "secret.key"
