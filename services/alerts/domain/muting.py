"""Whether pushes of an alert are suppressed, and why. Recorded and shown it is in any case.

Pure. Today a risk may come muted by its detector (an area's outage mutes its points); mutings by officers join here.
"""

from __future__ import annotations

from shared.domain.risk import Risk


def muted_by(risk: Risk) -> str | None:
    """The reason why nothing is pushed, None when the alert is pushed."""
    return risk.muted or None
