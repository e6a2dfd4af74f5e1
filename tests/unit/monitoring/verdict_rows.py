"""Builds the row of a verdict for tests of rules that read such rows."""

from __future__ import annotations

from services.monitoring.domain.verdict import Doubt, NoVerdict, Status
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import end_s


def a_verdict(
    *,
    mn: str = "A1",
    averaging: str = "hour",
    start_s: int = 0,
    factor: str = "a21026",
    permit: str = "91150102MA0N0AAA1B001P",
    outlet: str = "DA001",
    status: Status = Status.COMPLIANT,
    reason: NoVerdict | None = None,
    decided: int | None = None,
    mark: str = "N",
    doubt: Doubt | None = None,
    first_seen_s: int | None = None,
) -> VerdictRow:
    """A verdict that was seen at the end of its window unless the test says otherwise."""
    seen_s = end_s(start_s, averaging) if first_seen_s is None else first_seen_s
    return VerdictRow(
        mn=mn,
        averaging=averaging,
        start_s=start_s,
        factor=factor,
        permit=permit,
        outlet=outlet,
        credit_code=permit[:18],
        status=status,
        reason=reason,
        value_kind=None,
        decided=decided,
        measured=decided,
        limit="35",
        unit="mg/m3",
        reference_o2_pct=None,
        mark=mark,
        first_seen_s=seen_s,
        decided_at_s=seen_s,
        doubt=doubt,
    )
