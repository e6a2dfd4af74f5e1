"""Rows of one file that have the same permit number: which of them counts. The one whose period is newer; of one period the
one that holds more; of equal ones the first."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from services.permits.importing.cleaning import key_of
from services.permits.importing.official_list import Entry
from services.permits.importing.table import Listed


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row stands: how many rows are before it, its sheet (None for the first one) and its line."""

    at: int
    sheet: str | None
    line: int

    def __str__(self) -> str:
        return f"line {self.line}" if self.sheet is None else f"line {self.line} of sheet {self.sheet!r}"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The rows of one number: the first of them, and the one that counts."""

    first: Place
    best: Place


@dataclass(frozen=True, slots=True)
class Duplicates:
    """By permit number; empty in most files."""

    by_number: Mapping[str, Duplicate] = field(default_factory=dict)

    def of(self, number: str) -> Duplicate | None:
        return self.by_number.get(number)


class RepeatedKeys:
    """Finds numbers that stand in several rows. Takes 8 bytes a row, not the numbers themselves."""

    def __init__(self) -> None:
        self._hashes = array("q")

    def add(self, row: Listed) -> None:
        number = row.cells.get("number", "")
        if number:
            self._hashes.append(hash(key_of(number)))

    def found(self) -> frozenset[int]:
        ordered = sorted(self._hashes)
        return frozenset(one for one, following in pairwise(ordered) if one == following)


def may_repeat(row: Listed, keys: frozenset[int]) -> bool:
    """Whether the row's number is one of those that stand in several rows."""
    return hash(key_of(row.cells.get("number", ""))) in keys


@dataclass(frozen=True, slots=True)
class _Best:
    first: Place
    place: Place
    entry: Entry
    again: bool


def find_duplicates(entries: Iterable[tuple[Place, Entry]]) -> Duplicates:
    """Of entries in the order of the file those whose number stands in several of them."""
    best: dict[str, _Best] = {}
    for place, entry in entries:
        number = entry.permit.number
        former = best.get(number)
        if former is None:
            best[number] = _Best(place, place, entry, again=False)
        elif _rank(entry) > _rank(former.entry):
            best[number] = _Best(former.first, place, entry, again=True)
        else:
            best[number] = _Best(former.first, former.place, former.entry, again=True)
    return Duplicates({number: Duplicate(one.first, one.place) for number, one in best.items() if one.again})


def _rank(entry: Entry) -> tuple[int, int, int, int]:
    """The newer period first, then how much the row holds beside it, then how far down its division goes."""
    facts = (entry.name, entry.industry, entry.region, entry.permit.category, entry.longitude, entry.latitude)
    depth = len((entry.region or "").rstrip("0"))
    held = sum(fact is not None for fact in facts)
    return entry.permit.valid_from.toordinal(), entry.permit.valid_to.toordinal(), held, depth
