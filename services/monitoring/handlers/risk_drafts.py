"""Drafts of the detectors are saved, published, and put on the list of due work."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from services.monitoring.detectors.risk_builder import RiskDraft
from services.monitoring.store.due import put_due
from services.monitoring.store.risks import RiskRepository
from shared.domain.clock import Instant


def save_drafts(session: Session, risks: RiskRepository, drafts: Sequence[RiskDraft], now: Instant) -> None:
    """All in one batch; a risk that is as it was is neither written nor published."""
    if not drafts:
        return
    with risks.batch(session, now.wall) as batch:
        for draft in drafts:
            batch.put(draft.before, draft.risk, subject=draft.subject, span=draft.span)
    put_due(session, {draft.due.key: draft.due.at_s for draft in drafts if draft.due is not None})
