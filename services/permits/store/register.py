"""The register's rows to and from the domain's values. Loading to change locks (`lock=True`); versions are only added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement
from sqlmodel import Session, SQLModel, col, select

from services.permits.domain.encoding import decode, encode
from services.permits.domain.enterprise import Enterprise
from services.permits.domain.permit import PermitHistory, Version
from services.permits.domain.permit_document import PermitDocument
from services.permits.domain.point import PointSettings, Registration
from services.permits.store.enterprises import enterprise_columns, enterprise_of
from services.permits.store.tables import EnterpriseRow, PermitRow, PermitVersionRow, PointRow, RegionRow
from shared.access import Caller, Columns, visible
from shared.runtime.directory import PASSWORD
from shared.runtime.secrets import Sealer


@dataclass(frozen=True, slots=True)
class RegionEntry:
    """A division, and whether every enterprise in it that needs a permit is registered."""

    code: str
    register_complete: bool
    revision: int


# enterprises
def find_enterprise(session: Session, credit_code: str, *, lock: bool = False) -> Enterprise | None:
    row = session.get(EnterpriseRow, credit_code, with_for_update=lock or None)
    return enterprise_of(row) if row else None


def save_enterprise(session: Session, enterprise: Enterprise, *, new: bool) -> None:
    _write(session, EnterpriseRow(**enterprise_columns(enterprise)), new=new)


def _write(session: Session, row: SQLModel, *, new: bool) -> None:
    """A new row is inserted: of two that create the same object at once the second fails, and overwrites nothing."""
    if new:
        session.add(row)
    else:
        session.merge(row)
    session.flush()


def list_enterprises(
    session: Session,
    caller: Caller,
    *,
    region: str | None = None,
    industry: str | None = None,
    doubtful: bool | None = None,
    after: str,
    limit: int,
) -> list[Enterprise]:
    statement = select(EnterpriseRow).where(in_scope(caller), col(EnterpriseRow.credit_code) > after)
    if region:
        statement = statement.where(col(EnterpriseRow.region).startswith(region, autoescape=True))
    if industry:
        statement = statement.where(col(EnterpriseRow.industry).startswith(industry, autoescape=True))
    if doubtful is not None:
        statement = statement.where(col(EnterpriseRow.check_character_doubtful) == doubtful)
    rows = session.exec(statement.order_by(EnterpriseRow.credit_code).limit(limit))
    return [enterprise_of(row) for row in rows]


def in_scope(caller: Caller) -> ColumnElement[bool]:
    """Enterprises that the caller sees."""
    return visible(caller, Columns(col(EnterpriseRow.credit_code), col(EnterpriseRow.region)))


# permits
def find_permit(session: Session, number: str, *, lock: bool = False) -> PermitHistory | None:
    row = session.get(PermitRow, number, with_for_update=lock or None)
    return _histories(session, [row])[0] if row else None


def save_permit(session: Session, history: PermitHistory, former: PermitHistory) -> None:
    """The permit's row, and the versions that `former` did not have; versions are never changed."""
    newest = history.newest
    assert newest is not None, "a permit is saved with its first version"
    row = PermitRow(
        number=history.number,
        credit_code=history.credit_code,
        valid_to=newest.valid_to,
        revision=history.revision,
    )
    _write(session, row, new=history.revision == 1)
    for version in history.versions:
        if version not in former.versions:
            session.add(
                PermitVersionRow(
                    number=history.number,
                    effective_from=version.effective_from,
                    recorded_at=version.recorded_at,
                    correction=version.correction,
                    reason=version.reason,
                    document=encode(version.document),
                )
            )
    session.flush()


def list_permits(
    session: Session, caller: Caller, *, credit_code: str | None, expiring_by: date | None, after: str, limit: int
) -> list[PermitHistory]:
    statement = (
        select(PermitRow)
        .join(EnterpriseRow, col(EnterpriseRow.credit_code) == col(PermitRow.credit_code))
        .where(in_scope(caller), col(PermitRow.number) > after)
    )
    if credit_code:
        statement = statement.where(col(PermitRow.credit_code) == credit_code)
    if expiring_by:
        statement = statement.where(col(PermitRow.valid_to) <= expiring_by)
    return _histories(session, session.exec(statement.order_by(PermitRow.number).limit(limit)).all())


def find_permits(session: Session, numbers: Iterable[str], *, lock: bool = False) -> list[PermitHistory]:
    """The permits of these numbers that are registered."""
    statement = select(PermitRow).where(col(PermitRow.number).in_(sorted(set(numbers)))).order_by(PermitRow.number)
    if lock:
        statement = statement.with_for_update()
    return _histories(session, session.exec(statement).all())


def permits_of_all(session: Session, credit_codes: Iterable[str]) -> dict[str, list[PermitHistory]]:
    """All permits of these enterprises."""
    statement = select(PermitRow).where(col(PermitRow.credit_code).in_(sorted(set(credit_codes))))
    found: dict[str, list[PermitHistory]] = {}
    for one in _histories(session, session.exec(statement.order_by(PermitRow.number)).all()):
        found.setdefault(one.credit_code, []).append(one)
    return found


def permits_of(session: Session, credit_code: str) -> list[PermitHistory]:
    """All permits of one enterprise."""
    rows = session.exec(select(PermitRow).where(PermitRow.credit_code == credit_code).order_by(PermitRow.number))
    return _histories(session, rows.all())


def _histories(session: Session, rows: Sequence[PermitRow]) -> list[PermitHistory]:
    numbers = [row.number for row in rows]
    versions: dict[str, list[Version]] = {number: [] for number in numbers}
    statement = (
        select(PermitVersionRow).where(col(PermitVersionRow.number).in_(numbers)).order_by(col(PermitVersionRow.id))
    )
    for row in session.exec(statement):
        versions[row.number].append(
            Version(
                row.effective_from,
                row.recorded_at,
                decode(row.document, PermitDocument),
                row.correction,
                row.reason,
            )
        )
    return [
        PermitHistory(
            row.number,
            row.credit_code,
            tuple(sorted(versions[row.number], key=lambda v: (v.effective_from, v.recorded_at))),
            row.revision,
        )
        for row in rows
    ]


# points
def find_points(session: Session, mns: Iterable[str], sealer: Sealer, *, lock: bool = False) -> dict[str, Registration]:
    """The points of these MNs, active or not."""
    statement = select(PointRow).where(col(PointRow.mn).in_(sorted(set(mns)))).order_by(PointRow.mn)
    if lock:
        statement = statement.with_for_update()
    return {row.mn: _registration(row, sealer) for row in session.exec(statement)}


def loose_points(session: Session, credit_code: str, sealer: Sealer) -> list[Registration]:
    """An enterprise's points that name an outlet and no permit yet."""
    statement = (
        select(PointRow)
        .where(PointRow.credit_code == credit_code, col(PointRow.permit).is_(None), col(PointRow.outlet).is_not(None))
        .order_by(PointRow.mn)
        .with_for_update()
    )
    return [_registration(row, sealer) for row in session.exec(statement)]


def points_of(session: Session, credit_code: str, sealer: Sealer) -> list[Registration]:
    """All points of one enterprise, active or not."""
    rows = session.exec(select(PointRow).where(PointRow.credit_code == credit_code).order_by(PointRow.mn))
    return [_registration(row, sealer) for row in rows]


def points_of_all(session: Session, credit_codes: Iterable[str], sealer: Sealer) -> dict[str, list[Registration]]:
    """All points of these enterprises, active or not."""
    statement = select(PointRow).where(col(PointRow.credit_code).in_(sorted(set(credit_codes)))).order_by(PointRow.mn)
    found: dict[str, list[Registration]] = {}
    for row in session.exec(statement):
        found.setdefault(row.credit_code, []).append(_registration(row, sealer))
    return found


def save_point(session: Session, point: Registration, sealer: Sealer) -> str | None:
    """The row, and its password as sealed there."""
    sealed = sealer.seal(point.password, PASSWORD) if point.password is not None else None
    row = PointRow(
        mn=point.mn,
        credit_code=point.credit_code,
        permit=point.permit,
        outlet=point.outlet,
        settings=encode(point.settings),
        sealed_password=sealed,
        active=point.active,
        registered_at=point.registered_at,
        revision=point.revision,
    )
    _write(session, row, new=point.revision == 1)
    return sealed


def list_points(
    session: Session, caller: Caller, sealer: Sealer, *, credit_code: str | None, after: str, limit: int
) -> list[Registration]:
    statement = (
        select(PointRow)
        .join(EnterpriseRow, col(EnterpriseRow.credit_code) == col(PointRow.credit_code))
        .where(in_scope(caller), col(PointRow.mn) > after)
    )
    if credit_code:
        statement = statement.where(col(PointRow.credit_code) == credit_code)
    rows = session.exec(statement.order_by(PointRow.mn).limit(limit))
    return [_registration(row, sealer) for row in rows]


def _registration(row: PointRow, sealer: Sealer) -> Registration:
    return Registration(
        mn=row.mn,
        credit_code=row.credit_code,
        outlet=row.outlet,
        permit=row.permit,
        settings=decode(row.settings, PointSettings),
        registered_at=row.registered_at,
        password=sealer.open(row.sealed_password, PASSWORD) if row.sealed_password else None,
        active=row.active,
        revision=row.revision,
    )


# regions
def find_region(session: Session, code: str, *, lock: bool = False) -> RegionEntry | None:
    row = session.get(RegionRow, code, with_for_update=lock or None)
    return RegionEntry(row.code, row.register_complete, row.revision) if row else None


def register_complete(session: Session, region: str) -> bool:
    """Whether the register of the division, or of one that holds it, was declared complete."""
    holding = {region, f"{region[:4]}00", f"{region[:2]}0000"}
    wanted = select(RegionRow.code).where(col(RegionRow.code).in_(sorted(holding)), RegionRow.register_complete)
    return session.exec(wanted.limit(1)).first() is not None


def save_region(session: Session, entry: RegionEntry) -> None:
    row = RegionRow(code=entry.code, register_complete=entry.register_complete, revision=entry.revision)
    _write(session, row, new=entry.revision == 1)


def list_regions(session: Session, caller: Caller, *, after: str, limit: int) -> list[RegionEntry]:
    statement = select(RegionRow).where(col(RegionRow.code) > after)
    statement = statement.where(visible(caller, Columns(None, col(RegionRow.code))))
    rows = session.exec(statement.order_by(RegionRow.code).limit(limit))
    return [RegionEntry(row.code, row.register_complete, row.revision) for row in rows]
