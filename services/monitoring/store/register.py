"""The register as monitoring stores it: enterprises, permits, points.

A process keeps what it decoded until it changes (`register_changes.py`).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, func, select
from sqlmodel import Session

from services.monitoring.domain.applicable_limits import NO_REGION, Site
from services.monitoring.domain.point_summary import PointSummary
from services.monitoring.store.register_changes import points_changed, register_revision
from services.monitoring.store.tables import ENTERPRISE, LAST_SEEN, PERMIT, POINT
from shared.domain.identity import MN
from shared.domain.json import JsonObject, read_object
from shared.eventlog.codec import decode_object
from shared.register import (
    Enterprise,
    Permit,
    Point,
    read_enterprise,
    read_permit,
    read_point,
)
from shared.sql import Lookup, embedded, upsert

SITES_KEPT = 5_000  # decoded permits and limits of points; some 8 kB each, more where a permit is long
UNKNOWN_KEPT = 50_000
_LOCK = "SELECT mn FROM point WHERE mn = ANY(%s::text[]) ORDER BY mn FOR UPDATE"  # of thousands, as one parameter
_POINTS = Lookup({"mn": "text"}, "CAST(point.data AS text) AS data", "point", "point.mn = k.mn AND point.active")
_ENTERPRISES = Lookup(
    {"code": "text"}, "CAST(enterprise.data AS text) AS data", "enterprise", "enterprise.credit_code = k.code"
)
_PERMITS_OF = Lookup({"code": "text"}, "CAST(permit.data AS text) AS data", "permit", "permit.credit_code = k.code")
_PERMITS = Lookup({"number": "text"}, "CAST(permit.data AS text) AS data", "permit", "permit.number = k.number")


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record of the register: its data as published, with the revision."""

    credit_code: str
    revision: int
    data: JsonObject

    @property
    def document(self) -> JsonObject:
        return read_object(self.data, "document")


class Register:
    """The decoded register of this process; used by the thread of one consumer or job at a time. Keeps the summary of every
    point that was asked for, and the sites that were used last."""

    def __init__(self) -> None:
        self._revision = -1
        self._summaries: dict[str, PointSummary] = {}
        self._sites: OrderedDict[str, Site] = OrderedDict()
        self._unknown: set[str] = set()  # asked for, and no active registered point
        self._dependent: set[str] = set()  # name a permit that is not their enterprise's: any change may concern them

    def sites(self, session: Session, mns: Collection[str]) -> Mapping[str, Site]:
        """The active registered points among `mns`."""
        self._follow(session)
        found = {mn: site for mn in mns if (site := self._sites.get(mn)) is not None}
        for mn in found:
            self._sites.move_to_end(mn)
        return found | self._read(session, {mn for mn in mns if mn not in found})

    def summaries(self, session: Session, mns: Collection[str]) -> Mapping[str, PointSummary]:
        """Of every active registered point that was ever asked for, those among `mns` with them. It grows with what is asked
        for later in the transaction."""
        self._follow(session)
        self._read(session, {mn for mn in mns if mn not in self._summaries})
        return self._summaries

    def _read(self, session: Session, mns: Collection[str]) -> dict[str, Site]:
        missing = {mn for mn in mns if mn not in self._unknown and MN.fullmatch(mn)}
        if not missing:
            return {}
        found = _load(session, missing)  # before anything is remembered: it may fail
        self._summaries.update((mn, site.summary()) for mn, site in found.items())
        self._dependent.update(mn for mn, site in found.items() if site.names_permit_of_another())
        self._sites.update(found)
        while len(self._sites) > SITES_KEPT:
            self._sites.popitem(last=False)
        if len(self._unknown) > UNKNOWN_KEPT:
            self._unknown.clear()
        self._unknown |= missing - found.keys()
        return found

    def _follow(self, session: Session) -> None:
        """Forget what changed since the revision that is remembered."""
        revision = register_revision(session)
        if revision == self._revision:
            return
        changed = points_changed(session, self._revision, revision) if self._summaries else None
        if changed is None:
            self._summaries, self._sites, self._unknown, self._dependent = {}, OrderedDict(), set(), set()
        else:
            self._forget({*changed, *self._dependent})
        self._revision = revision

    def _forget(self, mns: Iterable[str]) -> None:
        for mn in mns:
            self._summaries.pop(mn, None)
            self._sites.pop(mn, None)
            self._unknown.discard(mn)
            self._dependent.discard(mn)


def lock_points(session: Session, mns: Iterable[str]) -> None:
    """Lock these points for this transaction, in one order: values, verdicts and episodes of one outlet change one
    after the other. SQLite has one writer anyway."""
    wanted = sorted(set(mns))
    if wanted and not embedded(session):
        session.connection().exec_driver_sql(_LOCK, (wanted,)).all()


def _load(session: Session, mns: Collection[str]) -> dict[str, Site]:
    points = {point.mn: point for point in map(read_point, _documents(session, _POINTS, mns))}
    found = map(read_enterprise, _documents(session, _ENTERPRISES, {point.credit_code for point in points.values()}))
    enterprises = {enterprise.credit_code: enterprise for enterprise in found}
    permits = _permits(session, points.values())
    return {
        mn: Site(point, enterprises.get(point.credit_code), _candidates(point, permits)) for mn, point in points.items()
    }


def _documents(session: Session, lookup: Lookup, keys: Collection[str]) -> Iterator[JsonObject]:
    """As text: the driver's own reading of JSON takes five times as long."""
    for (document,) in lookup.rows(session, [(key,) for key in keys]):
        yield decode_object(document.encode())


def _candidates(point: Point, permits: _Permits) -> tuple[Permit, ...]:
    named = permits.by_number.get(point.permit or "")
    return (named,) if named else tuple(permits.of_enterprise.get(point.credit_code, ()))


@dataclass(frozen=True, slots=True)
class _Permits:
    """`of_enterprise`: in order of their numbers."""

    by_number: Mapping[str, Permit]
    of_enterprise: Mapping[str, Sequence[Permit]]


def _permits(session: Session, points: Iterable[Point]) -> _Permits:
    """The permits of the points' enterprises, and those that points name."""
    listed = list(points)
    of_points = map(read_permit, _documents(session, _PERMITS_OF, {point.credit_code for point in listed}))
    found = {permit.number: permit for permit in of_points}
    named = {point.permit for point in listed if point.permit}
    found |= {permit.number: permit for permit in map(read_permit, _documents(session, _PERMITS, named - found.keys()))}
    of_enterprise: dict[str, list[Permit]] = {}
    for _, permit in sorted(found.items()):
        of_enterprise.setdefault(permit.credit_code, []).append(permit)
    return _Permits(found, of_enterprise)


def find_enterprise(session: Session, credit_code: str) -> StoredRecord | None:
    return _find(session, ENTERPRISE, ENTERPRISE.c.credit_code == credit_code)


def find_permit(session: Session, number: str) -> StoredRecord | None:
    return _find(session, PERMIT, PERMIT.c.number == number)


def find_point(session: Session, mn: str) -> StoredRecord | None:
    """The point, active or not."""
    return _find(session, POINT, POINT.c.mn == mn)


def _find(session: Session, table: Table, is_it: ColumnElement[bool]) -> StoredRecord | None:
    wanted = select(table.c.credit_code, table.c.revision, table.c.data).where(is_it)
    row = session.connection().execute(wanted).one_or_none()
    return StoredRecord(row.credit_code, row.revision, row.data) if row is not None else None


def save_enterprise(session: Session, enterprise: Enterprise, record: StoredRecord) -> None:
    upsert(session, ENTERPRISE, [{**_columns(record), "region": enterprise.region}])


def save_permit(session: Session, permit: Permit, record: StoredRecord) -> None:
    upsert(session, PERMIT, [{**_columns(record), "number": permit.number}])


def save_point(session: Session, point: Point, record: StoredRecord) -> None:
    upsert(session, POINT, [{**_columns(record), "mn": point.mn, "active": point.active}])


def _columns(record: StoredRecord) -> dict[str, object]:
    return {"credit_code": record.credit_code, "data": dict(record.data), "revision": record.revision}


def points_of_permit(session: Session, credit_code: str) -> list[str]:
    """MNs that the permit may govern: all points of its enterprise."""
    rows = session.connection().execute(select(POINT.c.mn).where(POINT.c.credit_code == credit_code, POINT.c.active))
    return sorted(rows.scalars())


def points_of_counties(session: Session) -> dict[str, int]:
    """How many active points that were ever seen each county has, by its enterprise's division."""
    county = func.coalesce(ENTERPRISE.c.region, NO_REGION).label("county")
    points = LAST_SEEN.join(POINT, (POINT.c.mn == LAST_SEEN.c.mn) & POINT.c.active).outerjoin(
        ENTERPRISE, ENTERPRISE.c.credit_code == POINT.c.credit_code
    )
    rows = session.connection().execute(
        select(county, func.count().label("points")).select_from(points).group_by("county")
    )
    return {row.county: row.points for row in rows}
