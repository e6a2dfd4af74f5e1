"""What the receiver believed, as far as promises ask about it: peer notices byte by byte, and which alert went to whom."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.domain.events import DIGEST, PEER_NOTICE_ISSUED

from .receiver import Message


@dataclass
class Received:
    """`notices`: owner → bodies; `alerts`: owner → alert → its conditions; `first`: (owner, alert) → as first received."""

    notices: dict[str, list[bytes]] = field(default_factory=dict)
    alerts: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    first: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    digests: dict[str, set[str]] = field(default_factory=dict)  # owner → alerts
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, message: Message) -> None:
        """Called on the receiver's threads."""
        kind, data, owner = str(message.event.get("type")), message.event.get("data") or {}, message.owner
        with self._lock:
            if kind == PEER_NOTICE_ISSUED:
                self.notices.setdefault(owner, []).append(message.body)
            elif kind == DIGEST:
                self.digests.setdefault(owner, set()).update(str(one["id"]) for one in data["alerts"])
            elif "condition" in data:
                self.alerts.setdefault(owner, {}).setdefault(str(data["id"]), set()).add(str(data["condition"]))
                self.first.setdefault((owner, str(data["id"])), _facts(data))


def _facts(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("id", "kind", "region", "level", "stage")}
