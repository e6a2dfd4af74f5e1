"""Enterprises and permits by the thousand: what a list needs to know of them, and saving what it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func
from sqlmodel import Session, col, select

from services.permits.domain.encoding import encode
from services.permits.domain.enterprise import Enterprise
from services.permits.domain.permit import PermitHistory
from services.permits.store.enterprises import enterprise_columns, enterprise_of
from services.permits.store.register import find_permits
from services.permits.store.tables import EnterpriseRow, PermitRow, PermitVersionRow, table_of
from shared.sql import bulk_insert, bulk_upsert, chunks


@dataclass(frozen=True, slots=True)
class ChangedPermit:
    """A permit with its new versions, and as it was before; None: it is new."""

    history: PermitHistory
    former: PermitHistory | None


def enterprises(session: Session, codes: Iterable[str]) -> dict[str, Enterprise]:
    """The enterprises that are registered, locked in the order of their codes."""
    found: dict[str, Enterprise] = {}
    for part in chunks(sorted(set(codes))):
        wanted = select(EnterpriseRow).where(col(EnterpriseRow.credit_code).in_(part))
        for row in session.exec(wanted.order_by(EnterpriseRow.credit_code).with_for_update()):
            found[row.credit_code] = enterprise_of(row)
    session.expunge_all()
    return found


def permits(session: Session, numbers: Iterable[str]) -> dict[str, PermitHistory]:
    """The permits that are registered, locked in the order of their numbers."""
    found: dict[str, PermitHistory] = {}
    for part in chunks(sorted(set(numbers))):
        found.update((one.number, one) for one in find_permits(session, part, lock=True))
    session.expunge_all()
    return found


def first_numbers(session: Session, codes: Iterable[str]) -> dict[str, str]:
    """Of each enterprise the first of its permits' numbers."""
    found: dict[str, str] = {}
    for part in chunks(sorted(set(codes))):
        wanted = select(PermitRow.credit_code, func.min(PermitRow.number)).where(col(PermitRow.credit_code).in_(part))
        found.update((code, first) for code, first in session.exec(wanted.group_by(PermitRow.credit_code)))
    return found


def save_enterprises(session: Session, enterprises: Sequence[Enterprise]) -> None:
    bulk_upsert(session, table_of(EnterpriseRow), [dict(enterprise_columns(one)) for one in enterprises])


def save_permits(session: Session, changed: Sequence[ChangedPermit]) -> None:
    """Of each permit the row and the versions that it did not have before."""
    rows: list[Mapping[str, object]] = []
    versions: list[Mapping[str, object]] = []
    for one in changed:
        history, known = one.history, one.former.versions if one.former else ()
        newest = history.newest
        assert newest is not None, "a permit is saved with its first version"
        rows.append(
            {
                "number": history.number,
                "credit_code": history.credit_code,
                "valid_to": newest.valid_to,
                "revision": history.revision,
            }
        )
        versions += [
            {
                "number": history.number,
                "effective_from": version.effective_from,
                "recorded_at": version.recorded_at,
                "correction": version.correction,
                "reason": version.reason,
                "document": encode(version.document),
            }
            for version in history.versions
            if version not in known
        ]
    bulk_upsert(session, table_of(PermitRow), rows)
    bulk_insert(session, table_of(PermitVersionRow), versions)
