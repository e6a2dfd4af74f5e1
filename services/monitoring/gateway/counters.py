"""The label values of the gateway's counters; all of them begin at 0."""

from __future__ import annotations

from services.monitoring.domain.quarantine import QuarantineReason
from shared.hj212.frame import Fault
from shared.runtime.metrics import Metrics, begin

from .admission import Refusal
from .brake import Scope

INGRESS = "gateway"
OUTCOMES = ("accepted", "repeated", "noticed", "quarantined", "capped", "log-away", "sealed")
NOT_COMPARED = "not-compared"  # a password after too many wrong ones
NO_FAULT = "none"
CLOSINGS = ("junk", "half-open", "guessing", "idle", *(one.value for one in Refusal))


def begin_counters(metrics: Metrics) -> None:
    """Have them stand at 0."""
    begin(metrics.ingest_packets, [INGRESS], OUTCOMES)
    begin(metrics.gateway_closed, CLOSINGS)
    begin(metrics.gateway_refused, [*(reason.value for reason in QuarantineReason), NOT_COMPARED])
    begin(metrics.gateway_brakes, [scope.value for scope in Scope])
    begin(metrics.gateway_frames, [*(fault.value for fault in Fault), NO_FAULT])
