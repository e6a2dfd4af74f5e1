"""What the receiver believed, as far as promises ask about it: peer notices byte by byte, and which alert went to whom."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from shared.domain.events import DIGEST, PEER_NOTICE_ISSUED
from shared.domain.json import read_objects, read_text

from .receiver import Message
from .seen import SeenAlert, object_in, text_in


@dataclass
class Received:
    """`notices`: owner → bodies; `alerts`: owner → alert → its conditions; `first`: (owner, alert) → as first received."""

    notices: dict[str, list[bytes]] = field(default_factory=dict)
    alerts: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    first: dict[tuple[str, str], SeenAlert] = field(default_factory=dict)
    digests: dict[str, set[str]] = field(default_factory=dict)  # owner → alerts
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, message: Message) -> None:
        """Called on the receiver's threads."""
        kind, data, owner = text_in(message.event, "type"), object_in(message.event, "data"), message.owner
        with self._lock:
            if kind == PEER_NOTICE_ISSUED:
                self.notices.setdefault(owner, []).append(message.body)
            elif kind == DIGEST:
                self.digests.setdefault(owner, set()).update(
                    read_text(one, "id") for one in read_objects(data, "alerts")
                )
            elif "condition" in data:
                alert = SeenAlert.read(data)
                self.alerts.setdefault(owner, {}).setdefault(alert.id, set()).add(alert.condition)
                self.first.setdefault((owner, alert.id), alert)
