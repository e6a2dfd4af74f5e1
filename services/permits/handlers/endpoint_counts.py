"""Keeps from `alerts` how many endpoints an enterprise has and how many fail: the newest revision wins, all else is ignored."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session

from services.permits.store import endpoint_counts as store
from services.permits.store.endpoint_counts import EndpointCount
from shared.domain.errors import Invalid
from shared.domain.events import ENDPOINT_COUNT_CHANGED
from shared.domain.json import read_text, read_whole_number
from shared.eventlog.codec import decode_event
from shared.ports import Record


def take_endpoint_counts(session: Session, records: Sequence[Record]) -> None:
    """May receive a record twice, and records in any order. Raises Invalid for an event without its facts."""
    received: dict[str, EndpointCount] = {}
    for record in records:
        count = _read(record)
        if count is not None:
            former = received.setdefault(count.credit_code, count)
            received[count.credit_code] = max(former, count, key=lambda one: one.revision)
    known = store.find(session, received)
    news = [one for code, one in received.items() if code not in known or known[code].revision < one.revision]
    store.save(session, news)


def counts_endpoints(record: Record) -> bool:
    """Whether the record may hold such a count."""
    return record.value is not None and ENDPOINT_COUNT_CHANGED.encode() in record.value


def _read(record: Record) -> EndpointCount | None:
    if record.value is None or not counts_endpoints(record):
        return None
    event = decode_event(record.value)
    if event.type != ENDPOINT_COUNT_CHANGED:
        return None
    try:
        code, endpoints = read_text(event.data, "credit_code"), read_whole_number(event.data, "endpoints")
        failing = (
            read_whole_number(event.data, "failing") if "failing" in event.data else 0
        )  # an older version's has none
    except Invalid as wrong:
        rule = "credit_code, endpoints"
        raise Invalid(f"{event.id} lacks an enterprise or how many endpoints it has: {wrong}", rule=rule) from wrong
    return EndpointCount(code, endpoints, event.revision, failing)
