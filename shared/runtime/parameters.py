"""Kinds of text that routes of several services take, each with its rule in the OpenAPI document."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, WithJsonSchema

from shared.domain.clock import aware
from shared.runtime.web import CURSOR, MOST_CURSOR, written_time

# `read_cursor` refuses what does not fit, in words of its own
CursorText = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": rf"^{CURSOR.pattern}$",
            "maxLength": MOST_CURSOR,
            "description": "`next` of the former page",
        }
    ),
]
WrittenTime = Annotated[AwareDatetime, BeforeValidator(written_time), AfterValidator(aware)]
