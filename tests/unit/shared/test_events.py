"""An event carries the whole state with a revision; published twice it is the same event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Invalid
from shared.domain.events import RISK_OPENED, Event, read_event
from shared.eventlog.codec import decode_event, encode_event

AT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)  # midnight in Shanghai


def an_event(**other: Any) -> Event:
    facts = {"type": RISK_OPENED, "source": "/monitoring", "subject": "rsk_a", "revision": 3, "time": AT, "data": {}}
    return Event(**{**facts, **other})


def test_the_same_state_published_twice_is_the_same_event() -> None:
    assert an_event().id == an_event(time=AT.replace(hour=17), data={"x": 1}).id == "rsk_a:3"
    assert an_event(revision=4).id != an_event().id


def test_the_document_is_a_cloudevent_with_shanghai_s_offset() -> None:
    document = an_event().document()
    assert (document["specversion"], document["datacontenttype"]) == ("1.0", "application/json")
    assert document["time"] == "2026-11-21T00:00:00+08:00"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    data=st.dictionaries(st.text(min_size=1, max_size=8), json_values, max_size=4),
    revision=st.integers(1, 2**40),
    at=st.integers(946684800, 4102444800).map(lambda at_s: datetime.fromtimestamp(at_s, UTC)),
)
def test_an_event_goes_over_the_log_unchanged(data: dict[str, Any], revision: int, at: datetime) -> None:
    event = an_event(data=data, revision=revision, time=at)
    assert decode_event(encode_event(event)) == event


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"7", b"\xff", b'{"type":"x"}', b"null"], ids=repr)
def test_what_is_no_event_is_invalid(value: bytes) -> None:
    with pytest.raises(Invalid):
        decode_event(value)


@pytest.mark.parametrize("missing", ["type", "source", "subject", "revision", "time", "data"])
def test_an_event_without_one_of_its_parts_is_refused(missing: str) -> None:
    document = {name: value for name, value in an_event().document().items() if name != missing}
    with pytest.raises(Invalid, match=missing):
        read_event(document)


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(Invalid):
        read_event({**an_event().document(), "time": "2026-11-20T16:00:00"})
