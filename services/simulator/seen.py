"""What the product shows of alerts, permits and coverage, read from its JSON as far as the demonstration asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.json import JsonObject


def object_in(document: JsonObject, name: str) -> JsonObject:
    """The object in the field `name`; an empty one when there is none."""
    value = document.get(name)
    return value if isinstance(value, Mapping) else {}


def text_in(document: JsonObject, name: str) -> str:
    """The text in the field `name`; an empty one when it is missing, null or no text."""
    value = document.get(name)
    return value if isinstance(value, str) else ""


def texts_in(document: JsonObject, name: str) -> tuple[str, ...]:
    """The texts of the list in the field `name`; none when there is no list."""
    value = document.get(name)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list | tuple) else ()


@dataclass(frozen=True, slots=True)
class SeenAlert:
    """An alert of a list or of a message; `cleared`: why, empty while it is open."""

    id: str
    kind: str
    level: str
    region: str = ""
    stage: str = ""
    condition: str = ""
    cleared: str = ""
    point: str = ""
    credit_code: str = ""

    @classmethod
    def read(cls, document: JsonObject) -> SeenAlert:
        return cls(
            id=text_in(document, "id"),
            kind=text_in(document, "kind"),
            level=text_in(document, "level"),
            region=text_in(document, "region"),
            stage=text_in(document, "stage"),
            condition=text_in(document, "condition"),
            cleared=text_in(document, "cleared"),
            point=text_in(document, "point"),
            credit_code=text_in(object_in(document, "enterprise"), "credit_code"),
        )


@dataclass(frozen=True, slots=True)
class SeenExpiring:
    """A permit of the list of those that run out; `step` empty: nobody is warned of it."""

    credit_code: str
    step: str

    @classmethod
    def read(cls, document: JsonObject) -> SeenExpiring:
        return cls(text_in(document, "credit_code"), text_in(document, "step"))


@dataclass(frozen=True, slots=True)
class SeenCoverage:
    """What an enterprise lacks for its protection."""

    credit_code: str
    name: str
    lacks: tuple[str, ...]

    @classmethod
    def read(cls, document: JsonObject) -> SeenCoverage:
        return cls(text_in(document, "credit_code"), text_in(document, "name"), texts_in(document, "lacks"))
