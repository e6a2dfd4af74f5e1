"""A risk: what monitoring or permits found, as published to alerts. The whole state with a revision, never a delta.

Whoever finds it says kind and condition (a row of the catalogue); stage, level and audience are the catalogue's, in
alerts. Numbers that decide travel as strings; `multiple` (超标倍数) = decided / limit - 1 everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from shared.domain.clock import parse_rfc3339, rfc3339
from shared.domain.json import JsonObject, JsonValue, read_object, read_text, read_whole_number

INVESTIGATE = "investigate"
PERIOD_STAMP = (
    "data.period_stamp"  # a point probably stamps the end of its periods; the register lists it in its coverage
)
# kinds of risk that name a suspicion: bound to a scope, and never shown to the enterprise (行政处罚法 Art. 41: only what was
# reviewed is evidence)
SCOPE_OF_KIND: Mapping[str, str] = {
    "data.suspect": INVESTIGATE,
    "operation.mismatch": INVESTIGATE,
    "mark.shield": INVESTIGATE,
}
# kinds whose subject is the operators' own platform and network
FOR_OPERATORS = frozenset({"data.outage", "gateway.guessing"})


class RiskState(StrEnum):
    """`cleared`: it ended. `withdrawn`: it turned out not to have been one. `merged`: it lives on in another."""

    OPEN = "open"
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"


class Cleared(StrEnum):
    """Why a risk ended."""

    COMPLIANT = "compliant"  # the first valid compliant window after it
    UNKNOWN = "unknown"  # 24 windows without a verdict
    RESUMED = "resumed"  # a silent point sends again
    EXCEEDED = "exceeded"  # a nearing that became an excess
    TAKEN_BACK = "taken_back"  # its windows were re-decided
    MERGED = "merged"
    RENEWED = "renewed"
    APPLIED = "applied"  # an application to renew is on file
    DECIDED = "decided"  # the authority decided on it
    COVERED = "covered"  # a permit covers the point now
    UNREGISTERED = "unregistered"
    QUIET = "quiet"  # nobody guessed a password for an hour

    @classmethod
    def _missing_(cls, value: object) -> Cleared | None:
        return cls.RESUMED if value == "heard" else None  # in rows written before the value was renamed


@dataclass(frozen=True, slots=True)
class Window:
    """The span of an episode: whole windows of one averaging (`hour`, `day`, `instant` …); `count` of them."""

    start: datetime
    end: datetime
    averaging: str
    count: int

    @classmethod
    def read(cls, document: JsonObject) -> Self:
        """The window in a risk's document."""
        return cls(
            start=parse_rfc3339(read_text(document, "from"), "from"),
            end=parse_rfc3339(read_text(document, "to"), "to"),
            averaging=read_text(document, "averaging"),
            count=read_whole_number(document, "count"),
        )


@dataclass(frozen=True, slots=True)
class Risk:
    """The whole state of one risk. Times are aware; `historical`: first seen over 72 h after its windows closed."""

    id: str
    revision: int
    kind: str
    condition: str
    state: RiskState
    credit_code: str | None
    enterprise_name: str | None
    region: str  # 6-digit division code
    industry: str | None
    opened_at: datetime
    changed_at: datetime
    why: Mapping[str, str]  # zh, en
    group: str | None = None
    outlet: str | None = None
    outlet_name: str | None = None
    factor: str | None = None
    mn: str | None = None
    permit: str | None = None
    window: Window | None = None
    measured: str | None = None
    decided: str | None = None
    limit: str | None = None
    unit: str | None = None
    multiple: str | None = None
    basis: Mapping[str, str | None] = field(default_factory=dict)
    cleared_at: datetime | None = None
    cleared: Cleared | None = None
    merged_into: str | None = None
    previous: str | None = None
    historical: bool = False
    muted: str | None = None  # a reason known to the finder, e.g. "area_outage"
    facts: JsonObject = field(default_factory=dict)  # kind's own, JSON-ready

    def document(self) -> dict[str, JsonValue]:
        """JSON-ready; times in RFC 3339."""
        document: dict[str, JsonValue] = {name: getattr(self, name) for name in _NAMES}
        document |= {"why": dict(self.why), "basis": dict(self.basis), "facts": dict(self.facts)}
        document |= {"opened_at": rfc3339(self.opened_at), "changed_at": rfc3339(self.changed_at)}
        document["cleared_at"] = rfc3339(self.cleared_at) if self.cleared_at else None
        if self.window:
            document["window"] = {
                "from": rfc3339(self.window.start),
                "to": rfc3339(self.window.end),
                "averaging": self.window.averaging,
                "count": self.window.count,
            }
        return document

    @classmethod
    def read(cls, document: JsonObject) -> Self:
        """The risk in a document as `document()` makes it; unknown fields are ignored (more may come)."""
        known: dict[str, Any] = {name: document[name] for name in _NAMES if name in document}
        for name in ("opened_at", "changed_at", "cleared_at"):
            known[name] = parse_rfc3339(known[name], name) if known.get(name) else None
        known["window"] = Window.read(read_object(document, "window")) if document.get("window") else None
        known["state"] = RiskState(read_text(document, "state"))
        known["cleared"] = Cleared(read_text(document, "cleared")) if document.get("cleared") else None
        return cls(**known)


_NAMES = tuple(f.name for f in fields(Risk))  # asdict() copies deeply: half the time of a sweep
