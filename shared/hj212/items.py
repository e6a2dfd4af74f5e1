"""The items of a CP: factors with their fields, and what belongs to the packet. One that cannot be read is left out and
noted; the others are read as if it were not there."""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.domain.item_note import NAME_LONGEST, ItemFault, ItemNote, note

from .numbers import read_number

Value = str | float
Pair = tuple[str, str]
Item = tuple[Pair, ...]

TEXT_FIELDS = frozenset({"Flag", "EFlag", "SampleTime", "SN", "Info"})
_plain = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?").fullmatch  # a number in one sense only; others are looked at
_CODE = re.compile(rf"[A-Za-z0-9_]{{1,{NAME_LONGEST}}}(?:-[A-Za-z]+)?", re.ASCII)


class ItemReader:
    """Collects the items of one packet; `alias` maps old factor codes to those of 2017."""

    __slots__ = ("alias", "ambiguous_time", "factors", "item_notes", "items", "notes", "params")

    def __init__(self, alias: Mapping[str, str], notes: list[str]) -> None:
        self.alias = alias
        self.notes = notes
        self.items: list[Item] = []
        self.item_notes: list[ItemNote] = []
        self.factors: dict[str, dict[str, Value]] = {}
        self.params: dict[str, str] = {}
        self.ambiguous_time = False

    def take(self, body: str) -> None:
        """Read what stands between the && of a CP."""
        for place, text in enumerate(body.split(";"), 1):
            item: list[Pair] = []
            for piece in text.split(","):
                key, joined, value = piece.partition("=")
                if joined:
                    item.append((key.strip(), value))
                elif not piece.strip():  # doubled or trailing separators
                    continue
                elif item:  # a comma inside a value: of a text, or of a decimal number
                    item[-1] = (item[-1][0], f"{item[-1][1]},{piece}")
                else:
                    self._nameless(piece.strip(), place)
            if item:
                self.items.append(tuple(item))
                self._sort(item)

    def _nameless(self, piece: str, place: int) -> None:
        code, _, field = piece.partition("-") if _CODE.fullmatch(piece) else ("", "", f"item {place}")
        self.item_notes.append(note(ItemFault.NO_NAME, code, field, piece))

    def _sort(self, item: list[Pair]) -> None:
        for key, value in item:
            code, dash, sub = key.rpartition("-")
            if not dash:
                self._param(key, value)
                continue
            fields = self.factors.get(code)
            if fields is None or code in self.alias:
                fields = self._factor(code)
            if sub not in fields:
                if sub in TEXT_FIELDS:
                    text = value.strip()
                    if text or sub != "Flag":
                        fields[sub] = text
                        continue
                elif _plain(value):
                    fields[sub] = float(value)
                    continue
            self._odd(fields, code, sub, value)

    def _odd(self, fields: dict[str, Value], code: str, field: str, value: str) -> None:
        """No plain number, an empty mark (as good as none), or a field that was there before."""
        taken = value.strip() if field in TEXT_FIELDS else read_number(value)
        if isinstance(taken, ItemFault):
            self._note(taken, code, field, value)
        elif taken == "" and field == "Flag":
            self._note(ItemFault.EMPTY, code, field, value)
        elif field not in fields:
            fields[field] = taken
            if field not in TEXT_FIELDS and "e" in value.lower():
                self._note(ItemFault.EXPONENT, code, field, value)
        elif fields[field] != taken:
            self._note(ItemFault.DUPLICATE, code, field, value)

    def _note(self, fault: ItemFault, code: str, field: str, value: str) -> None:
        self.item_notes.append(note(fault, self.alias.get(code, code), field, value))

    def _factor(self, code: str) -> dict[str, Value]:
        known = self.alias.get(code)
        if known is None:
            return self.factors.setdefault(code, {})
        text = f"{code} read as {known}"
        if text not in self.notes:
            self.notes.append(text)
        return self.factors.setdefault(known, {})

    def _param(self, key: str, value: str) -> None:
        text = value.strip()
        if self.params.setdefault(key, text) != text:
            self.item_notes.append(note(ItemFault.DUPLICATE, "", key, value))
            self.ambiguous_time = self.ambiguous_time or key == "DataTime"
