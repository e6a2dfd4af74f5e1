"""What a push carries: facts and words, the document of a CloudEvent. The channel turns it into bytes."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.events import Event
from shared.domain.json import JsonObject


@dataclass(frozen=True, slots=True)
class Notification:
    """`document`: JSON-ready, its fields in the order in which they are shown."""

    document: JsonObject

    @property
    def id(self) -> str:
        """The event's."""
        return str(self.document["id"])


def notification_of(event: Event) -> Notification:
    """The event as its receivers see it."""
    return Notification(event.document())
