"""Enterprises and permits by the thousand: what a list needs to know of them, and saving what it changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import func
from sqlmodel import Session, col, select

from services.permits.domain.permit import PermitHistory
from services.permits.store.register import EnterpriseEntry, find_permits
from services.permits.store.tables import EnterpriseRow, PermitRow, PermitVersionRow, table_of
from shared.sql import bulk_insert, bulk_upsert, chunks


def enterprises(session: Session, codes: Iterable[str]) -> dict[str, EnterpriseEntry]:
    """The enterprises that are registered, locked in the order of their codes."""
    found: dict[str, EnterpriseEntry] = {}
    for part in chunks(sorted(set(codes))):
        wanted = select(EnterpriseRow).where(col(EnterpriseRow.credit_code).in_(part))
        for row in session.exec(wanted.order_by(EnterpriseRow.credit_code).with_for_update()):
            found[row.credit_code] = EnterpriseEntry(row.credit_code, row.document, tuple(row.versions), row.revision)
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


def save_enterprises(session: Session, entries: Sequence[EnterpriseEntry]) -> None:
    rows = [
        {
            "credit_code": one.credit_code,
            "region": one.region,
            "industry": one.document["industry"],
            "document": dict(one.document),
            "versions": [dict(version) for version in one.versions],
            "revision": one.revision,
        }
        for one in entries
    ]
    bulk_upsert(session, table_of(EnterpriseRow), rows)


def save_permits(session: Session, changed: Sequence[tuple[PermitHistory, PermitHistory]]) -> None:
    """Of each (history, former) the row and the versions that `former` did not have."""
    rows: list[Mapping[str, object]] = []
    versions: list[Mapping[str, object]] = []
    for history, former in changed:
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
                "effective_from": one.effective_from,
                "recorded_at": one.recorded_at,
                "correction": one.correction,
                "reason": one.reason,
                "document": dict(one.document),
            }
            for one in history.versions
            if one not in former.versions
        ]
    bulk_upsert(session, table_of(PermitRow), rows)
    bulk_insert(session, table_of(PermitVersionRow), versions)
