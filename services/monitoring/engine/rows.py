"""The history of one transaction, read from the rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlmodel import Session

from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.period_stamp import HourReport
from services.monitoring.domain.risk_row import RiskExtent, RiskRow
from services.monitoring.domain.silence import Downtime
from services.monitoring.domain.verdict_row import OutletKey, VerdictRow
from services.monitoring.store import risks, values, verdicts
from services.monitoring.store.due import downtimes_since
from services.monitoring.store.register import Register, active_points
from services.monitoring.store.verdicts import WindowBounds


class RowHistory:
    """Implements `OutletHistory` and `PointHistory`; not to be used after its session wrote verdicts or risks."""

    def __init__(self, session: Session, register: Register) -> None:
        self._session = session
        self._register = register
        self._bounds: dict[OutletKey, WindowBounds] = {}

    def sites(self, mns: Collection[str]) -> Mapping[str, Site]:
        return self._register.sites(self._session, mns)

    def active_sites(self) -> Mapping[str, Site]:
        return self.sites(active_points(self._session))

    def last_seen(self) -> Mapping[str, int]:
        return values.last_seen(self._session)

    def downtimes_since(self, since_s: int) -> Sequence[Downtime]:
        return downtimes_since(self._session, since_s)

    def verdicts_between(self, key: OutletKey, low_s: int, high_s: int) -> Sequence[VerdictRow]:
        return verdicts.verdicts_between(self._session, key, low_s, high_s)

    def has_verdicts_before(self, key: OutletKey, at_s: int) -> bool:
        return self._bounds_of(key).first_s < at_s

    def has_verdicts_after(self, key: OutletKey, at_s: int) -> bool:
        return self._bounds_of(key).last_s > at_s

    def _bounds_of(self, key: OutletKey) -> WindowBounds:
        if key not in self._bounds:
            self._bounds[key] = verdicts.bounds_of(self._session, key)
        return self._bounds[key]

    def newest_decided(self, key: OutletKey, size: int) -> Sequence[VerdictRow]:
        return verdicts.newest_decided(self._session, key, size)

    def decided_since(self, keys: Collection[OutletKey], since_s: int) -> Mapping[OutletKey, Sequence[VerdictRow]]:
        return verdicts.decided_since(self._session, keys, since_s)

    def newest_of_instruments(self, mns: Collection[str], since_s: int) -> Mapping[str, Mapping[str, VerdictRow]]:
        return verdicts.newest_of_instruments(self._session, mns, since_s)

    def newest_hours(self, mn: str, size: int) -> Sequence[HourReport]:
        return values.newest_hours(self._session, mn, size)

    def open_risks(self, kind: str, subjects: Collection[str] | None = None) -> Mapping[str, RiskRow]:
        return risks.open_risks(self._session, kind, subjects)

    def open_risks_of_points(self, kind: str, mns: Collection[str]) -> Sequence[RiskRow]:
        return risks.open_risks_of_points(self._session, kind, mns)

    def risks_between(self, kind: str, subject: str, low_s: int, high_s: int) -> Sequence[RiskRow]:
        return risks.risks_between(self._session, kind, subject, low_s, high_s)

    def extents(self, kind: str, subjects: Collection[str], since_s: int) -> Mapping[str, Sequence[RiskExtent]]:
        return risks.extents(self._session, kind, subjects, since_s)

    def issued_counts(self, kind: str, subjects: Collection[str]) -> Mapping[str, int]:
        return risks.issued_counts(self._session, kind, subjects)
