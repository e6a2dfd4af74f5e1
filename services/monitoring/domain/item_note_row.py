"""A note on an item as it is stored beside the values of its packet."""

from __future__ import annotations

from dataclasses import dataclass

from shared.domain.item_note import ItemNote


@dataclass(frozen=True, slots=True)
class NoteRow:
    """`at_s`: the start of the window that the packet reports, or when it came where it reports none."""

    mn: str
    command: str
    at_s: int
    note: ItemNote
    source: str
    received_at_s: int
