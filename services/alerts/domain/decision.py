"""Whether a change of an alert is pushed, and for which reason.

Pure: the alert before and after, and its row of the catalogue in; a decision with its reason out. Who receives it is
`audience`'s, how often it is tried is `delivery`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from services.alerts.domain.alert import ENDED, Alert, Change, Status
from services.alerts.domain.catalogue import Push, Row
from services.alerts.domain.muting import muted_by
from shared.domain.risk import RiskState


class Reason(StrEnum):
    FIRST = "first"
    LEVEL_RAISED = "level_raised"
    STAGE_RAISED = "stage_raised"
    NEXT_STEP = "next_step"  # of a kind whose steps are all announced: a permit has fewer days left
    REOPENED = "reopened"  # it recurred after an all-clear
    CLEARED = "cleared"
    WITHDRAWN = "withdrawn"
    CONTRADICTED = "contradicted"  # officers learn that what they verified was not a violation
    MERGED = "merged"  # it lives on in another alert
    HISTORICAL = "historical"  # over 72 h old when first seen: one digest, never a push of its own
    MUTED = "muted"
    BY_CATALOGUE = "by_catalogue"  # the row asks for a digest, or for no push
    UNCHANGED = "unchanged"


ALL_CLEAR = frozenset({Reason.CLEARED, Reason.WITHDRAWN})  # goes to whoever was notified
ANNOUNCING = frozenset({Reason.FIRST, Reason.LEVEL_RAISED, Reason.STAGE_RAISED, Reason.NEXT_STEP, Reason.REOPENED})
STOPPED_BY_ACKNOWLEDGING = frozenset({Reason.FIRST, Reason.REOPENED})  # a raise and an all-clear still go out


@dataclass(frozen=True, slots=True)
class Decision:
    push: Push
    reason: Reason


def decide(before: Alert | None, alert: Alert, row: Row) -> Decision:
    """What to do about `alert`, which was `before` (None: there was none)."""
    if alert.change is Change.CONTRADICTED:
        again = before is not None and before.risk.state is RiskState.WITHDRAWN
        return Decision(Push.NONE, Reason.UNCHANGED) if again else Decision(Push.NOW, Reason.CONTRADICTED)
    if alert.risk.state is RiskState.MERGED:
        return Decision(Push.NONE, Reason.MERGED)
    if before is not None and before.status in ENDED:
        return Decision(Push.NONE, Reason.UNCHANGED)
    if alert.status is Status.WITHDRAWN:
        return Decision(Push.NOW if alert.announced else Push.NONE, Reason.WITHDRAWN)
    if alert.change is Change.CLEARED and alert.announced and not _raised(alert):
        return Decision(Push.NOW, Reason.CLEARED)
    return _announce(before, alert, row)


def _announce(before: Alert | None, alert: Alert, row: Row) -> Decision:
    reason = _news(alert)
    if reason is Reason.UNCHANGED and _next_step(before, alert, row):
        reason = Reason.NEXT_STEP
    if reason is Reason.UNCHANGED:
        return Decision(Push.NONE, reason)
    if reason is Reason.FIRST and alert.risk.state is RiskState.CLEARED and not alert.answer_required:
        return Decision(Push.NONE, Reason.CLEARED)  # over before anyone was warned, and no answer is required
    if row.push is Push.NONE:
        return Decision(Push.NONE, Reason.BY_CATALOGUE)
    if alert.risk.historical:
        return Decision(Push.DIGEST, Reason.HISTORICAL)
    if muted_by(alert.risk) is not None:
        return Decision(Push.NONE, Reason.MUTED)
    if row.push is Push.DIGEST:
        return Decision(Push.DIGEST, Reason.BY_CATALOGUE)
    return Decision(Push.NOW, reason)


def _news(alert: Alert) -> Reason:
    if not alert.announced:
        return Reason.FIRST
    if alert.announced_level is not None and alert.level.rank > alert.announced_level.rank:
        return Reason.LEVEL_RAISED
    if alert.announced_stage is not None and alert.stage.rank > alert.announced_stage.rank:
        return Reason.STAGE_RAISED
    return Reason.REOPENED if alert.change is Change.REOPENED else Reason.UNCHANGED


def _next_step(before: Alert | None, alert: Alert, row: Row) -> bool:
    if not row.each_step or before is None or alert.risk.state is not RiskState.OPEN:
        return False
    return before.risk.condition != alert.risk.condition


def _raised(alert: Alert) -> bool:
    return _news(alert) in (Reason.LEVEL_RAISED, Reason.STAGE_RAISED)
