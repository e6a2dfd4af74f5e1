"""Hears on `alerts` how many endpoints an enterprise has: the newest revision wins, all else there is passed over."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from services.permits.store import endpoint_counts as reach
from services.permits.store.endpoint_counts import Reach
from shared.domain.errors import Invalid
from shared.domain.events import REACH_CHANGED
from shared.eventlog.codec import decode_event
from shared.ports import Record


def take_reach(session: Session, records: Sequence[Record]) -> None:
    """May hear anything twice and in any order."""
    heard: dict[str, Reach] = {}
    for record in records:
        one = _read(record)
        if one is not None and (one.credit_code not in heard or heard[one.credit_code].revision < one.revision):
            heard[one.credit_code] = one
    known = reach.find(session, heard)
    news = [one for code, one in heard.items() if code not in known or known[code].revision < one.revision]
    reach.save(session, news)


def _read(record: Record) -> Reach | None:
    if record.value is None or REACH_CHANGED.encode() not in record.value:
        return None
    event = decode_event(record.value)
    if event.type != REACH_CHANGED:
        return None
    try:
        return Reach(str(event.data["credit_code"]), int(event.data["endpoints"]), event.revision)
    except (KeyError, TypeError, ValueError) as wrong:
        rule = "credit_code, endpoints"
        raise Invalid(f"{event.id} does not say how many endpoints whom reach: {wrong!r}", rule=rule) from wrong
