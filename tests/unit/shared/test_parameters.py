"""Kinds of text that routes take: a cursor is base64url, a time is written with its offset."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.domain.errors import Invalid
from shared.runtime.parameters import CursorText, WrittenTime
from shared.runtime.web import cursor, read_cursor


def test_a_cursor_fits_the_pattern_of_its_schema_and_what_does_not_is_refused() -> None:
    schema = TypeAdapter(CursorText).json_schema()
    assert schema["pattern"] == "^[A-Za-z0-9_-]*$"
    assert read_cursor(cursor("a/b?"), str) == ["a/b?"]
    for text in ("%" + cursor("x"), cursor("x") + "=", cursor("x") + "\n", "é"):
        with pytest.raises(Invalid, match="not one of ours"):
            read_cursor(text, str)


@pytest.mark.parametrize("text", ["0.5", "5", "-5", 0.5, 5, "2026-11-20", "2026-11-20T09:00:00"])
def test_what_is_no_time_with_an_offset_is_refused(text: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(WrittenTime).validate_python(text)


def test_a_time_with_an_offset_is_taken() -> None:
    for text in ("2026-11-20T09:00:00+08:00", "2026-11-20T01:00:00Z"):
        assert TypeAdapter(WrittenTime).validate_python(text).timestamp() == 1795136400
