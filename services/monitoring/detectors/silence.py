"""Points that are silent, and counties in which so many are that it is the area's own trouble."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice

from services.monitoring.detectors.risk_builder import Place, RiskDraft
from services.monitoring.domain import wording
from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.point_summary import PointSummary
from services.monitoring.domain.risk_row import RiskRow, RiskSpan
from services.monitoring.domain.silence import (
    SHORT_S,
    LastSeen,
    Outage,
    Silence,
    areas_out,
    counties_in_question,
    silence,
    silent_s,
)
from services.monitoring.domain.windows import DAY_S, instant, seconds
from services.monitoring.engine.history import PointHistory
from shared.domain.clock import Instant
from shared.domain.region import full_name
from shared.domain.risk import Cleared, RiskState

KIND, OUTAGE = "data.offline", "data.outage"
OUTAGE_MUTES = "area_outage"
AT_ONCE = 5_000  # risks of points in one transaction: two seconds of CPU, 50 MB
LOOK_BACK_S = 60 * DAY_S  # down-time older than this no longer matters: the silence is a day's anyway


@dataclass(frozen=True, slots=True)
class _Silent:
    """A point that is late: by which step, for how many seconds, and whether its county is out."""

    seen: LastSeen
    step: Silence
    passed_s: int
    muted: str | None


@dataclass(frozen=True, slots=True)
class SilenceDetector:
    """Raises, moves on and clears: from when each point was last seen, less the service's own down-time."""

    most: int = AT_ONCE

    def detect(self, history: PointHistory, now: Instant) -> Sequence[RiskDraft]:
        """The risks of silent points, at most so many that change, and of the counties that are out. Of the points only those
        are looked at that may be late, or have an open risk."""
        rows = history.open_risks(KIND)
        late = history.last_seen_until(now.s - SHORT_S)
        last_seen = {**history.last_seen([mn for mn in rows if mn not in late]), **late}
        known = history.summaries(last_seen.keys())
        points = [_last_seen(mn, at_s, known[mn]) for mn, at_s in sorted(last_seen.items()) if mn in known]
        down = history.downtimes_since(now.s - LOOK_BACK_S)
        steps = {p.mn: step for p in points if (step := silence(p, now.s, down)) is not None}
        out = _areas_out(history, [p for p in points if p.mn in steps])
        silent = {
            p.mn: _Silent(p, steps[p.mn], silent_s(p.at_s, now.s, down), OUTAGE_MUTES if p.county in out else None)
            for p in points
            if p.mn in steps
        }
        found = _points(history, points, rows, silent, self.most, now)
        return [*_areas(history, out, now), *islice(found, self.most)]


def _areas_out(history: PointHistory, silent: Sequence[LastSeen]) -> Mapping[str, Outage]:
    counties = counties_in_question(silent)
    if not counties:
        return {}
    points = history.points_of_counties()
    return areas_out(silent, {county: points[county] for county in sorted(counties)})


def _points(
    history: PointHistory,
    points: Sequence[LastSeen],
    rows: Mapping[str, RiskRow],
    silent: Mapping[str, _Silent],
    most: int,
    now: Instant,
) -> Iterator[RiskDraft]:
    changed = [one for mn, one in silent.items() if not _is_known(rows.get(mn), one)][:most]
    mns = [one.seen.mn for one in changed]
    issued, sites = history.issued_counts(KIND, mns), history.sites(mns)
    for late in changed:
        mn = late.seen.mn
        yield _draft(sites[mn], rows.get(mn), late, issued.get(mn, 0), now)
    registered = {point.mn: point for point in points}
    for mn, row in rows.items():
        if mn not in registered:
            yield _ended(row, Cleared.UNREGISTERED, now.field, now)
        elif mn not in silent:
            yield _ended(row, Cleared.RESUMED, instant(registered[mn].at_s), now)


def _is_known(row: RiskRow | None, late: _Silent) -> bool:
    return row is not None and row.condition == late.step.value and row.document["muted"] == late.muted


def _draft(site: Site, before: RiskRow | None, late: _Silent, issued: int, now: Instant) -> RiskDraft:
    at_s = late.seen.at_s
    draft = RiskDraft.about(
        replace(Place.of_point(site, now.s), region=late.seen.county),
        kind=KIND,
        condition=late.step.value,
        why=wording.silent(late.step, late.passed_s // 60),
        subject=late.seen.mn,
        span=RiskSpan(at_s, at_s, now.s),
        now=now,
        before=before,
        issued=issued,
        facts={"last_seen_s": at_s},
    )
    return replace(draft, risk=replace(draft.risk, muted=late.muted))


def _areas(history: PointHistory, out: Mapping[str, Outage], now: Instant) -> Iterator[RiskDraft]:
    rows = history.open_risks(OUTAGE)
    new = sorted(county for county in out if county not in rows)
    issued = history.issued_counts(OUTAGE, new)
    for county in new:
        yield _outage(county, out[county], issued.get(county, 0), now)
    for county, row in rows.items():
        if county not in out:
            yield _ended(row, Cleared.RESUMED, now.field, now)


def _outage(county: str, outage: Outage, issued: int, now: Instant) -> RiskDraft:
    return RiskDraft.about(
        Place(region=county),
        kind=OUTAGE,
        condition="area",
        why=wording.area_silent(outage.silent, outage.points),
        subject=county,
        span=RiskSpan(now.s, now.s, now.s),
        now=now,
        issued=issued,
        facts={"silent": outage.silent, "points": outage.points, "area": full_name(county)},
    )


def _ended(before: RiskRow, reason: Cleared, at: datetime, now: Instant) -> RiskDraft:
    draft = RiskDraft.ended(before, reason, now)
    last = max(before.start_s, seconds(at))
    risk = replace(draft.risk, state=RiskState.CLEARED, cleared_at=at)
    return replace(draft, risk=risk, span=RiskSpan(before.first_window_s, before.start_s, last))


def _last_seen(mn: str, at_s: int, point: PointSummary) -> LastSeen:
    return LastSeen(mn, at_s, point.interval_s, point.region)
