"""Days on which the holder of a permit was seen to discharge: published once a permit and day."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlmodel import Session

from shared.sql import Lookup, write_many

_KNOWN = Lookup(
    {"permit": "text", "day": "text"},
    "discharge.permit, discharge.day",
    "discharge",
    "discharge.permit = k.permit AND discharge.day = k.day",
)
_NOTE = "INSERT INTO discharge (permit, day) {} ON CONFLICT DO NOTHING"


class PermitDay(NamedTuple):
    """A permit and a day (ISO date). A tuple, because SQL compares rows with it."""

    permit: str
    day: str


def new_discharges(session: Session, seen: Collection[PermitDay]) -> list[PermitDay]:
    """Those that were not noted before, in order; they are noted now."""
    known = {PermitDay(permit, day) for permit, day in _KNOWN.rows(session, seen)}
    fresh = sorted(set(seen) - known)
    arrays = _NOTE.format("SELECT * FROM unnest(%s::text[], %s::text[])")
    write_many(session, _NOTE.format("VALUES (?,?)"), arrays, fresh)
    return fresh
