"""Whether an alert is kept silent, and why. Recorded and shown it is in any case.

Pure. Today a risk may come muted by its finder (an area's outage mutes its points); silences by officers join here.
"""

from __future__ import annotations

from shared.domain.risk import Risk


def muted_by(risk: Risk) -> str | None:
    """The reason for silence, None when the alert may be heard."""
    return risk.muted or None
