"""JSON to and from bytes: CloudEvents on the log, packets as compact documents."""

from __future__ import annotations

import msgspec

from shared.domain.errors import Invalid
from shared.domain.events import Event, read_event
from shared.domain.json import JsonObject, JsonValue, as_object

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[JsonValue] = msgspec.json.Decoder()


def encode(document: object) -> bytes:
    """Compact UTF-8 JSON."""
    return _encoder.encode(document)


def decode(value: bytes) -> JsonValue:
    """The document in `value`; raises Invalid when it is not JSON, or nested or large beyond what can be decoded."""
    try:
        return _decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise Invalid(f"not JSON: {wrong}", rule="UTF-8 JSON") from wrong
    except RecursionError as wrong:
        raise Invalid("JSON nested too deep", rule="JSON nested a few levels deep") from wrong
    except MemoryError as wrong:
        raise Invalid(f"JSON of {len(value)} bytes does not fit into memory", rule="a smaller document") from wrong


def decode_object(value: bytes) -> JsonObject:
    """The object in `value`. Raises: Invalid when it is not JSON, or something else."""
    return as_object(decode(value), "document")


def encode_event(event: Event) -> bytes:
    """The CloudEvent, structured."""
    return _encoder.encode(event.document())


def decode_event(value: bytes) -> Event:
    """The event in `value`; raises Invalid when it is not one of ours."""
    document = decode(value)
    try:
        return read_event(as_object(document, "event"))
    except (Invalid, OverflowError) as wrong:  # a time may lie outside the calendar
        raise Invalid(f"not an event of ours: {wrong}", rule="CloudEvents 1.0 with subject and revision") from wrong
