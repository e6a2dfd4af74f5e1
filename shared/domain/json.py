"""JSON as types, and readers that take one field of a decoded object: of its type, or an Invalid that names it.

`JsonObject` is what a decoder gives and what an encoder takes. Between functions travel frozen dataclasses: read the
fields where the document comes in, and build the document where it goes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from shared.domain.errors import Invalid

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]
MOST_SHOWN = 100  # characters of a value in an error


def as_object(value: JsonValue, name: str) -> JsonObject:
    """`value` as an object; `name` is its path for the error. Raises: Invalid."""
    if not isinstance(value, Mapping):
        raise _unlike(name, value, "an object")
    return value


def read_object(document: JsonObject, name: str) -> JsonObject:
    """The object in the field `name`. Raises: Invalid when it is missing or something else."""
    return as_object(document.get(name), name)


def read_objects(document: JsonObject, name: str) -> tuple[JsonObject, ...]:
    """The objects of the list in the field `name`; a missing field or null is an empty list. Raises: Invalid."""
    value = document.get(name)
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _unlike(name, value, "a list of objects")
    return tuple(as_object(entry, f"{name}[{at}]") for at, entry in enumerate(value))


def read_text(document: JsonObject, name: str) -> str:
    """The text in the field `name`. Raises: Invalid when it is missing or something else."""
    value = document.get(name)
    if not isinstance(value, str):
        raise _unlike(name, value, "text")
    return value


def read_optional_text(document: JsonObject, name: str) -> str | None:
    """The text in the field `name`; None when it is missing or null. Raises: Invalid when it is something else."""
    return None if document.get(name) is None else read_text(document, name)


def read_whole_number(document: JsonObject, name: str) -> int:
    """The whole number in the field `name`; true and false are none. Raises: Invalid."""
    value = document.get(name)
    if type(value) is not int:
        raise _unlike(name, value, "a whole number")
    return value


def _unlike(name: str, value: JsonValue, rule: str) -> Invalid:
    came = "nothing" if value is None else repr(value)[:MOST_SHOWN]
    return Invalid(f"{name}: {rule} is expected, {came} came", field=name, value=value, rule=rule)
