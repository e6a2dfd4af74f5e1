"""Who has been silent for how long: swept from `last_heard`, less our own down-time, while we are not behind ourselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from services.monitoring.detectors.exceedance import Now
from services.monitoring.domain import wording
from services.monitoring.domain.silence import Heard, Silence, areas_out, silence, silent_s
from services.monitoring.domain.windows import DAY_S, instant, seconds
from services.monitoring.store.due import downtimes_since
from services.monitoring.store.register import Register, Site, active_points
from services.monitoring.store.risks import RiskBook, minted, open_risks
from services.monitoring.store.values import heard_rows
from shared.database import Database
from shared.domain.clock import Clock
from shared.domain.identity import derived_id
from shared.domain.region import full_name
from shared.domain.risk import Cleared, Risk, RiskState

OFFLINE, OUTAGE = "data.offline", "data.outage"
OUTAGE_MUTES = "area_outage"
LOOK_BACK_S = 60 * DAY_S  # down-time older than this no longer matters: the silence is a day's anyway


class SilenceSweep:
    """The job `silence`."""

    def __init__(
        self, database: Database, *, clock: Clock, register: Register, book: RiskBook, behind: Callable[[], bool]
    ) -> None:
        self._database = database
        self._clock = clock
        self._register = register
        self._book = book
        self._behind = behind

    def sweep(self, now: datetime) -> None:
        """Raise, move on and clear; nothing while the field clock runs fast or packets lag by more than a tick."""
        if self._clock.speed > 1 or self._behind():
            return
        with self._database.transaction() as session:
            self._sweep(session, Now(now, self._clock.wall_now()))

    def _sweep(self, session: Session, now: Now) -> None:
        heard = heard_rows(session)
        sites = self._register.sites(session, active_points(session))
        points = [_heard(site, heard[mn]) for mn, site in sorted(sites.items()) if mn in heard]
        down = downtimes_since(session, now.s - LOOK_BACK_S)
        silent = {p.mn: step for p in points if (step := silence(p, now.s, down)) is not None}
        out = areas_out(points, silent)
        self._areas(session, out, now)
        standing = open_risks(session, OFFLINE)
        for point in points:
            row = standing.pop(point.mn, None)
            step = silent.get(point.mn)
            if step is not None:
                muted = OUTAGE_MUTES if point.county in out else None
                self._silent(
                    session, row, sites[point.mn], (point, step, silent_s(point.at_s, now.s, down)), muted, now
                )
            elif row is not None:
                self._end(session, row, Cleared.RESUMED, instant(point.at_s), now)
        for row in standing.values():
            self._end(session, row, Cleared.UNREGISTERED, now.field, now)

    def _silent(
        self, session: Session, row: Any, site: Site, found: tuple[Heard, Silence, int], muted: str | None, now: Now
    ) -> None:
        point, step, passed = found
        if row is not None and (row.condition, row.document["muted"]) == (step.value, muted):
            return
        enterprise, governed = site.enterprise, site.governed(now.s)
        risk = Risk(
            id=derived_id("rsk", OFFLINE, point.mn, str(minted(session, OFFLINE, point.mn))),
            revision=1,
            kind=OFFLINE,
            condition=step.value,
            state=RiskState.OPEN,
            credit_code=site.point.credit_code,
            enterprise_name=enterprise.name if enterprise else None,
            region=point.county,
            industry=enterprise.industry if enterprise else None,
            group=enterprise.group if enterprise else None,
            opened_at=now.field,
            changed_at=now.field,
            why=wording.silent(step, passed // 60),
            outlet=governed.outlet if governed else site.point.outlet,
            outlet_name=governed.outlet_name if governed else None,
            mn=point.mn,
            permit=governed.permit if governed else site.point.permit,
            muted=muted,
            facts={"last_heard_s": point.at_s},
        )
        span = (point.at_s, point.at_s, now.s)
        self._book.tell(session, row, risk, subject=point.mn, span=span, wall_now=now.wall)

    def _areas(self, session: Session, out: Mapping[str, tuple[int, int]], now: Now) -> None:
        standing = open_risks(session, OUTAGE)
        for county, (silent, points) in sorted(out.items()):
            if county not in standing:
                self._outage(session, county, (silent, points), now)
        for county, row in standing.items():
            if county not in out:
                self._end(session, row, Cleared.RESUMED, now.field, now)

    def _outage(self, session: Session, county: str, counts: Sequence[int], now: Now) -> None:
        risk = Risk(
            id=derived_id("rsk", OUTAGE, county, str(minted(session, OUTAGE, county))),
            revision=1,
            kind=OUTAGE,
            condition="area",
            state=RiskState.OPEN,
            credit_code=None,
            enterprise_name=None,
            region=county,
            industry=None,
            opened_at=now.field,
            changed_at=now.field,
            why=wording.area_silent(*counts),
            facts={"silent": counts[0], "points": counts[1], "area": full_name(county)},
        )
        self._book.tell(session, None, risk, subject=county, span=(now.s, now.s, now.s), wall_now=now.wall)

    def _end(self, session: Session, row: Any, reason: Cleared, at: datetime, now: Now) -> None:
        risk = replace(
            Risk.read(row.document),
            state=RiskState.CLEARED,
            cleared=reason,
            cleared_at=at,
            changed_at=now.field,
            why=wording.cleared(reason),
        )
        span = (row.first_window_s, row.start_s, max(row.start_s, seconds(at)))
        self._book.tell(session, row, risk, subject=row.subject, span=span, wall_now=now.wall)


def _heard(site: Site, at_s: int) -> Heard:
    region = site.enterprise.region if site.enterprise else "000000"
    return Heard(site.point.mn, at_s, site.point.interval_s, region)
