"""A risk as it is stored: its last published state, and the windows that it spans."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.json import JsonObject, read_object
from shared.domain.risk import Cleared, Risk, RiskState


@dataclass(frozen=True, slots=True)
class RiskSpan:
    """Epoch seconds: the window by which the risk became known, its first and its last window."""

    first_window_s: int
    start_s: int
    last_s: int


@dataclass(frozen=True, slots=True)
class RiskExtent:
    """From where to where a risk reaches. `compliant_at_s`: the end of the compliant window that ended it."""

    start_s: int
    last_s: int
    is_open: bool
    compliant_at_s: int | None = None


@dataclass(frozen=True, slots=True)
class RiskRow:
    """`document`: the risk as it was published last."""

    id: str
    subject: str
    kind: str
    condition: str
    state: RiskState
    revision: int
    mn: str | None
    first_window_s: int
    start_s: int
    last_s: int
    opened_at_s: int
    cleared: Cleared | None
    document: JsonObject

    @property
    def span(self) -> RiskSpan:
        return RiskSpan(self.first_window_s, self.start_s, self.last_s)

    @property
    def facts(self) -> JsonObject:
        """What its kind noted of it."""
        return read_object(self.document, "facts")

    @property
    def risk(self) -> Risk:
        return Risk.read(self.document)
