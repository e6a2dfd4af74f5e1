"""The history of one transaction, read from the rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlmodel import Session

from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.period_stamp import HourReport
from services.monitoring.domain.point_summary import PointSummary
from services.monitoring.domain.risk_row import RiskExtent, RiskRow
from services.monitoring.domain.silence import Downtime
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow
from services.monitoring.domain.windows import SpanOfWindows, WindowBounds
from services.monitoring.store import risks, values, verdicts
from services.monitoring.store.due import downtimes_since
from services.monitoring.store.register import Register, points_of_counties


class RowHistory:
    """Implements `OutletHistory` and `PointHistory`; not to be used after its session wrote verdicts or risks."""

    def __init__(self, session: Session, register: Register) -> None:
        self._session = session
        self._register = register

    def sites(self, mns: Collection[str]) -> Mapping[str, Site]:
        return self._register.sites(self._session, mns)

    def summaries(self, mns: Collection[str]) -> Mapping[str, PointSummary]:
        return self._register.summaries(self._session, mns)

    def last_seen(self, mns: Collection[str]) -> Mapping[str, int]:
        return values.last_seen(self._session, mns)

    def last_seen_until(self, at_s: int) -> Mapping[str, int]:
        return values.last_seen_until(self._session, at_s)

    def points_of_counties(self) -> Mapping[str, int]:
        return points_of_counties(self._session)

    def downtimes_since(self, since_s: int) -> Sequence[Downtime]:
        return downtimes_since(self._session, since_s)

    def verdicts_between(self, spans: Mapping[OutletKey, SpanOfWindows]) -> Mapping[OutletKey, Sequence[VerdictRow]]:
        return verdicts.verdicts_between(self._session, spans)

    def bounds(self, keys: Collection[OutletKey]) -> Mapping[OutletKey, WindowBounds]:
        return verdicts.bounds_of(self._session, keys)

    def newest_decided(
        self, keys: Collection[OutletKey], size: int, now_s: int
    ) -> Mapping[OutletKey, Sequence[VerdictRow]]:
        return verdicts.newest_decided(self._session, keys, size, now_s)

    def decided_since(self, keys: Collection[OutletKey], since_s: int) -> Mapping[OutletKey, Sequence[VerdictRow]]:
        return verdicts.decided_since(self._session, keys, since_s)

    def newest_of_instruments(self, mns: Collection[str], since_s: int) -> Mapping[str, Mapping[str, VerdictRow]]:
        return verdicts.newest_of_instruments(self._session, mns, since_s)

    def newest_hours(self, mns: Collection[str], size: int, now_s: int) -> Mapping[str, Sequence[HourReport]]:
        return values.newest_hours(self._session, mns, size, now_s)

    def open_risks(self, kind: str, subjects: Collection[str] | None = None) -> Mapping[str, RiskRow]:
        return risks.open_risks(self._session, kind, subjects)

    def open_risks_of_points(self, kind: str, mns: Collection[str]) -> Sequence[RiskRow]:
        return risks.open_risks_of_points(self._session, kind, mns)

    def risks_between(self, kind: str, spans: Mapping[str, SpanOfWindows]) -> Mapping[str, Sequence[RiskRow]]:
        return risks.risks_between(self._session, kind, spans)

    def extents(self, kind: str, since_s: Mapping[str, int]) -> Mapping[str, Sequence[RiskExtent]]:
        return risks.extents(self._session, kind, since_s)

    def issued_counts(self, kind: str, subjects: Collection[str]) -> Mapping[str, int]:
        return risks.issued_counts(self._session, kind, subjects)
