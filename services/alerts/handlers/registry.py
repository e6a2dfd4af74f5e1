"""What alerts keeps of the register: what peer notices need to know of enterprises and permits.

Runs inside the consumer's transaction; a record that is read again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from services.alerts.store.peer_facts import PeerStore
from shared.domain.errors import Invalid
from shared.domain.events import Event
from shared.eventlog.codec import decode_event
from shared.ports import Record
from shared.register import read_enterprise, read_permit


@dataclass(frozen=True, slots=True)
class RegistryRecords:
    """The handler of the topic `registry`."""

    peer_facts: PeerStore

    def take(self, session: Session, records: Sequence[Record]) -> None:
        """The last record of a key is its whole history; raises Invalid for what is not of the register."""
        last = {record.key: record.value for record in records if record.value is not None}
        for value in last.values():
            event = decode_event(value)
            try:
                self._save(session, event)
            except (KeyError, TypeError, ValueError, ArithmeticError) as wrong:
                raise Invalid(
                    f"{event.id} is not of our register: {wrong!r}", rule="a document of `registry`"
                ) from wrong

    def _save(self, session: Session, event: Event) -> None:
        kind = event.data.get("kind")
        if kind == "enterprise":
            self.peer_facts.keep_enterprise(session, read_enterprise(event.data))
        elif kind == "permit":
            self.peer_facts.keep_permit(session, read_permit(event.data))
