"""Which alert a risk belongs to: one alert a risk; after it was ended, new facts open a follow-up.

Pure. A follow-up names the ended alert as `previous`; so does the first alert of a risk that follows another risk.
"""

from __future__ import annotations

from services.alerts.domain.alert import ENDED, Alert
from services.alerts.domain.catalogue import Row
from shared.domain.risk import Risk, RiskState


def is_news(alert: Alert | None, risk: Risk) -> bool:
    """Whether `risk` is newer than what the alert knows; everything may arrive first, late or twice."""
    return alert is None or risk.revision > alert.risk.revision


def opens_follow_up(alert: Alert, risk: Risk, row: Row) -> bool:
    """Whether an ended alert's risk has facts that the ended alert did not judge: a later window, or a higher level."""
    if alert.status not in ENDED or risk.state in (RiskState.WITHDRAWN, RiskState.MERGED):
        return False
    if alert.risk.state in (RiskState.WITHDRAWN, RiskState.MERGED):
        return True  # it had been taken back, and stands again
    return _later(alert, risk) or row.level.rank > alert.level.rank


def _later(alert: Alert, risk: Risk) -> bool:
    if risk.window is None or alert.risk.window is None:
        return risk.state is RiskState.OPEN and alert.risk.state is RiskState.CLEARED
    return risk.window.end > alert.risk.window.end
