"""One mapping of a decoded catalogue with its place in it: gives fields of the type that is asked for; whatever is wrong is
named with its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TypeVar

from shared.domain.errors import Invalid

LANGUAGES = ("zh", "en")
Member = TypeVar("Member", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Node:
    """Every method raises Invalid that names the place, the value and what was expected."""

    place: str
    fields: Mapping[str, object]

    def has(self, name: str) -> bool:
        return name in self.fields

    def require(self, *names: str) -> None:
        """All of the fields must be there."""
        for name in names:
            if name not in self.fields:
                raise wrong(f"{self.place}.{name}", None, "must be given")

    def only(self, *names: str) -> None:
        """No other fields may be there."""
        for name in self.fields:
            if name not in names:
                raise wrong(f"{self.place}.{name}", self.fields[name], f"nothing, or one of {', '.join(names)}")

    def merged(self, other: Node) -> Node:
        """The fields of both, those of `other` before one's own, at the place of `other`."""
        return Node(other.place, {**self.fields, **other.fields})

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str) or not value:
            raise wrong(f"{self.place}.{name}", value, "a text")
        return value

    def number(self, name: str) -> int:
        """A whole number above 0."""
        value = self.fields.get(name)
        if type(value) is not int or value <= 0:
            raise wrong(f"{self.place}.{name}", value, "a whole number above 0")
        return value

    def hours(self, name: str) -> int | None:
        """Hours above 0; None when the field is missing or null."""
        value = self.fields.get(name)
        if value is not None and (type(value) is not int or value <= 0):
            raise wrong(f"{self.place}.{name}", value, "hours above 0, or null")
        return value

    def flag(self, name: str) -> bool:
        """False when the field is missing."""
        value = self.fields.get(name, False)
        if not isinstance(value, bool):
            raise wrong(f"{self.place}.{name}", value, "true or false")
        return value

    def day(self, name: str) -> date:
        value = self.fields.get(name)
        if not isinstance(value, date):
            raise wrong(f"{self.place}.{name}", value, "a day, YYYY-MM-DD")
        return value

    def member(self, name: str, kind: type[Member]) -> Member:
        return _member(kind, self.fields.get(name), f"{self.place}.{name}")

    def members(self, name: str, kind: type[Member]) -> tuple[Member, ...]:
        return tuple(_member(kind, value, f"{self.place}.{name}") for value in self._list(name))

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list; empty when the field is missing."""
        values = self._list(name)
        if not all(isinstance(value, str) for value in values):
            raise wrong(f"{self.place}.{name}", values, "a list of texts")
        return tuple(str(value) for value in values)

    def words(self, name: str) -> Mapping[str, str]:
        """A text in each language."""
        value = self.fields.get(name)
        if not isinstance(value, Mapping) or any(not value.get(language) for language in LANGUAGES):
            raise wrong(f"{self.place}.{name}", value, "words in zh and en")
        return {language: str(value[language]) for language in LANGUAGES}

    def child(self, name: str, place: str | None = None) -> Node:
        """The mapping in the field. `place`: its place, when it is not its path."""
        return node(self.fields.get(name), place or f"{self.place}.{name}")

    def children(self, name: str) -> tuple[Node, ...]:
        """The mappings of a list; empty when the field is missing."""
        return tuple(node(value, f"{self.place}.{name}[{at}]") for at, value in enumerate(self._list(name)))

    def _list(self, name: str) -> list[object]:
        value = self.fields.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise wrong(f"{self.place}.{name}", value, "a list")
        return value


def node(value: object, place: str) -> Node:
    """The mapping that `value` is. Raises: Invalid."""
    if not isinstance(value, Mapping):
        raise wrong(place, value, "a mapping")
    return Node(place, {str(name): field for name, field in value.items()})


def wrong(place: str, value: object, rule: str) -> Invalid:
    """The error for a value that does not fit."""
    return Invalid(f"catalogue: {place} is {value!r}; expected {rule}", field=place, value=str(value), rule=rule)


def _member(kind: type[Member], value: object, place: str) -> Member:
    found = next((member for member in kind if member.value == value), None)
    if found is None:
        raise wrong(place, value, f"one of {', '.join(kind)}")
    return found
