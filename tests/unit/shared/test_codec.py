"""JSON as it stands on the log: compact, in UTF-8, and whatever else comes is refused and costs nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.domain.errors import Invalid
from shared.domain.events import RISK_OPENED, Event
from shared.eventlog.codec import decode, decode_event, decode_object, encode, encode_event

AT = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)


def test_documents_are_compact_and_chinese_stands_as_it_is() -> None:
    assert encode({"name": "示例企业", "values": [1, 2.5, None, True]}) == (
        '{"name":"示例企业","values":[1,2.5,null,true]}'.encode()
    )


def test_the_order_of_fields_is_kept_so_that_a_retry_sends_the_same_bytes() -> None:
    document = {"b": 1, "a": {"z": 1, "y": 2}}
    assert encode(document) == b'{"b":1,"a":{"z":1,"y":2}}'
    assert encode(decode(encode(document))) == encode(document)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"{",
        b"[1,]",
        b"{'a':1}",
        b"NaN",
        b"Infinity",
        b"01",
        b"\xff\xfe",
        b'"\xff"',
        b'{"a":1}{"b":2}',
        b"\x00",
    ],
    ids=repr,
)
def test_what_is_no_json_is_refused(value: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        decode(value)
    assert refused.value.detail.startswith("not JSON")


@pytest.mark.parametrize("bracket", ["[", '{"a":'], ids=["arrays", "objects"])
def test_json_that_is_nested_without_end_is_refused_and_nothing_falls_over(bracket: str) -> None:
    with pytest.raises(Invalid):
        decode((bracket * 100_000).encode())


@pytest.mark.parametrize("value", [b"[]", b"7", b'"text"', b"null", b"true"], ids=repr)
def test_a_document_that_is_no_object_is_refused_by_what_came(value: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        decode_object(value)
    assert refused.value.rule == "an object"


def test_a_number_beyond_64_bits_and_one_of_many_decimals_are_read() -> None:
    assert decode_object(b'{"a":123456789012345678901234567890,"b":0.1}') == {
        "a": pytest.approx(123456789012345678901234567890),
        "b": 0.1,
    }


def an_event(**other: object) -> dict[str, object]:
    made = Event(RISK_OPENED, "/monitoring", "rsk_a", 3, AT, {"region": "150102"})
    return {**made.document(), **other}


def test_a_field_that_a_later_version_adds_is_passed_over() -> None:
    assert decode_event(encode(an_event(tracestate="x", extra={"deep": []}))) == decode_event(encode(an_event()))


@pytest.mark.parametrize(
    "time",
    ["2026-11-20", "2026-11-20T16:00:00", "20 Nov 2026", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "", 7, None],
    ids=repr,
)
def test_a_time_that_names_no_moment_makes_no_event(time: object) -> None:
    with pytest.raises(Invalid) as refused:
        decode_event(encode(an_event(time=time)))
    assert refused.value.rule == "CloudEvents 1.0 with subject and revision"


@pytest.mark.parametrize("revision", ["3", 3.0, True, None, [3]], ids=repr)
def test_a_revision_is_a_whole_number_and_nothing_that_looks_like_one(revision: object) -> None:
    with pytest.raises(Invalid):
        decode_event(encode(an_event(revision=revision)))


def test_an_event_is_written_the_same_each_time() -> None:
    made = Event(RISK_OPENED, "/monitoring", "rsk_a", 3, AT, {"b": 1, "a": "烟气"})
    assert encode_event(made) == encode_event(decode_event(encode_event(made)))
