"""Readers of a decoded JSON object: what is of its type is returned, anything else is an Invalid that names it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.domain.errors import Invalid
from shared.domain.json import (
    JsonObject,
    JsonValue,
    read_object,
    read_objects,
    read_optional_text,
    read_text,
    read_whole_number,
)


def test_a_field_of_its_type_is_read() -> None:
    document: JsonObject = {"name": "厂", "count": 2, "inner": {"a": 1}, "list": [{"b": 1}, {}], "gone": None}
    assert (read_text(document, "name"), read_whole_number(document, "count")) == ("厂", 2)
    assert (read_object(document, "inner"), read_objects(document, "list")) == ({"a": 1}, ({"b": 1}, {}))
    assert (read_optional_text(document, "gone"), read_objects(document, "gone")) == (None, ())


@pytest.mark.parametrize(
    ("read", "value", "shown"),
    [
        (read_text, 3, "at: text is expected, 3 came"),
        (read_text, None, "at: text is expected, nothing came"),
        (read_optional_text, ["a"], "at: text is expected, ['a'] came"),
        (read_whole_number, True, "at: a whole number is expected, True came"),
        (read_whole_number, 1.0, "at: a whole number is expected, 1.0 came"),
        (read_object, [], "at: an object is expected, [] came"),
        (read_objects, "ab", "at: a list of objects is expected, 'ab' came"),
        (read_objects, [{}, 5], "at[1]: an object is expected, 5 came"),
    ],
)
def test_anything_else_names_the_field_the_value_and_what_was_expected(
    read: Callable[[JsonObject, str], object], value: JsonValue, shown: str
) -> None:
    with pytest.raises(Invalid) as wrong:
        read({"at": value}, "at")
    assert wrong.value.detail == shown
