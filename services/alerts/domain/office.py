"""The office of a division that people call about an alert."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Office:
    """`division`: a prefix of 2, 4 or 6 digits."""

    division: str
    name: str
    phone: str

    def document(self) -> dict[str, str]:
        """As an alert shows it."""
        return {"division": self.division, "name": self.name, "phone": self.phone}


def prefixes(region: str) -> tuple[str, ...]:
    """The division and those above it, nearest first."""
    return tuple(region[:digits] for digits in (6, 4, 2))
