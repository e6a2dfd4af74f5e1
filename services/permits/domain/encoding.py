"""Documents of the register between JSON, as rows and events have it, and the dataclasses that rules work on."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from shared.domain.errors import Invalid
from shared.domain.json import JsonObject

Kind = TypeVar("Kind")


def decode(document: JsonObject, kind: type[Kind]) -> Kind:
    """The dataclass `kind` that the document holds; a field that is missing has its default, an unknown one is ignored.

    Raises: Invalid when a field without default is missing, or one is of another type."""
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as wrong:
        rule = f"the fields of {kind.__name__}"
        raise Invalid(f"a document is no {kind.__name__}: {wrong}", field="document", rule=rule) from wrong


def encode(value: object) -> JsonObject:
    """The dataclass as an object of JSON: days as YYYY-MM-DD, all fields, in their order."""
    document: JsonObject = msgspec.to_builtins(value)
    return document
