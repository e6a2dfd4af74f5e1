"""The envelope of everything published on `registry`, `risks` and `alerts`: CloudEvents 1.0, JSON, structured.

An event carries the whole state with a revision, never a delta. Its id is subject id + revision: the same state
twice is the same event. Types are past tense and versioned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.domain.clock import parse_rfc3339, rfc3339
from shared.domain.json import JsonObject, read_object, read_text, read_whole_number

RISK_OPENED = "yujing.risk.opened.v1"
RISK_CHANGED = "yujing.risk.changed.v1"
RISK_CLEARED = "yujing.risk.cleared.v1"
DISCHARGE_SEEN = "yujing.discharge.seen.v1"
ALERT_ISSUED = "yujing.alert.issued.v1"
ALERT_CHANGED = "yujing.alert.changed.v1"
ALERT_CLOSED = "yujing.alert.closed.v1"
PEER_NOTICE_ISSUED = "yujing.peer.notice.issued.v1"
DIGEST = "yujing.digest.v1"
ENDPOINT_COUNT_CHANGED = "yujing.reach.changed.v1"  # how many active endpoints an enterprise has, how many fail
REGISTERED = "yujing.registered.v1"  # `registry`: the whole history of one object
HEARTBEAT = "yujing.registry.heartbeat.v1"

PACKETS, REGISTRY, RISKS, ALERTS, QUARANTINE = "packets", "registry", "risks", "alerts", "quarantine"


@dataclass(frozen=True, slots=True)
class Event:
    """One CloudEvent. `time` is when it happened by the field clock; `data` is the whole state;
    `dataschema`: where its JSON Schema is read."""

    type: str
    source: str
    subject: str
    revision: int
    time: datetime
    data: JsonObject
    dataschema: str | None = None

    @property
    def id(self) -> str:
        """Subject id + revision."""
        return f"{self.subject}:{self.revision}"

    def document(self) -> JsonObject:
        """The CloudEvent as JSON-ready dict."""
        return {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": rfc3339(self.time),
            "datacontenttype": "application/json",
            **({"dataschema": self.dataschema} if self.dataschema else {}),
            "revision": self.revision,
            "data": dict(self.data),
        }


def read_event(document: JsonObject) -> Event:
    """The event in a decoded CloudEvent document. Raises: Invalid when it is not one of ours."""
    return Event(
        type=read_text(document, "type"),
        source=read_text(document, "source"),
        subject=read_text(document, "subject"),
        revision=read_whole_number(document, "revision"),
        time=parse_rfc3339(read_text(document, "time")),
        data=read_object(document, "data"),
        dataschema=read_text(document, "dataschema") if "dataschema" in document else None,
    )
