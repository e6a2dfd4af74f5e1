"""Points whose hours regularly come minutes after the stamped hour began: they probably stamp the end of the period.

A fact for the register, which alone says how a point stamps; nothing is shifted on a guess. One risk a point; it ends when the
register says `end`, or when the hours come as of a point that stamps the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.monitoring.detectors.risk_builder import Place, RiskDraft
from services.monitoring.domain import wording
from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.changes import Changes
from services.monitoring.domain.due_work import HOUR
from services.monitoring.domain.period_stamp import END, REPORTS, HourReport, probably_stamps_end, stamps_start
from services.monitoring.domain.risk_row import RiskRow, RiskSpan
from services.monitoring.engine.history import OutletHistory
from shared.domain.clock import Instant
from shared.domain.risk import PERIOD_STAMP, Cleared

CONDITION = "probably_end"


@dataclass(frozen=True, slots=True)
class PeriodStampDetector:
    """Opens after six such hours in a row."""

    kind: str = PERIOD_STAMP

    def detect(self, history: OutletHistory, changes: Changes, now: Instant) -> Sequence[RiskDraft]:
        """The risks of points that reported an hour before its end, and of those with an open risk."""
        early = {row.mn for row in changes.unfinished if row.averaging == HOUR}
        decided = {change.after.mn for change in changes.rows if change.after.averaging == HOUR}
        if not (early or decided):
            return []
        open_risks = history.open_risks(self.kind, early | decided)
        concerned = sorted(early | open_risks.keys())
        if not concerned:
            return []
        sites = history.sites(concerned)
        issued = history.issued_counts(self.kind, early - open_risks.keys())
        asked = [mn for mn, site in sites.items() if site.point.period_stamp != END]
        reports = history.newest_hours(asked, REPORTS, now.s)
        drafts = [
            _draft(reports.get(mn, ()), sites[mn], open_risks.get(mn), issued.get(mn, 0), now)
            for mn in concerned
            if mn in sites
        ]
        return [draft for draft in drafts if draft is not None]


def _draft(
    reports: Sequence[HourReport], site: Site, before: RiskRow | None, issued: int, now: Instant
) -> RiskDraft | None:
    mn = site.point.mn
    if site.point.period_stamp == END:
        return RiskDraft.ended(before, Cleared.COVERED, now, why=wording.stamp_registered()) if before else None
    if before is not None:
        whole = stamps_start([one.delay_s for one in reports])
        return RiskDraft.ended(before, Cleared.TAKEN_BACK, now, why=wording.stamps_start()) if whole else None
    if not probably_stamps_end([one.delay_s for one in reports]):
        return None
    delay_min = max(one.delay_s for one in reports) // 60
    return RiskDraft.about(
        Place.of_point(site, now.s),
        kind=PERIOD_STAMP,
        condition=CONDITION,
        why=wording.stamps_end(REPORTS, delay_min),
        subject=mn,
        span=RiskSpan(reports[-1].start_s, reports[-1].start_s, reports[0].start_s),
        now=now,
        issued=issued,
        facts={"reports": REPORTS, "delay_min": delay_min},
    )
