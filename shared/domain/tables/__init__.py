"""Reference tables that the product carries, compiled from published standards; read by their own modules."""

from __future__ import annotations

import csv
from importlib.resources import files


def rows(name: str) -> list[dict[str, str]]:
    """The rows of table `name` (a CSV file of this package)."""
    text = (files(__package__) / f"{name}.csv").read_text(encoding="utf-8-sig")
    return list(csv.DictReader(text.splitlines()))
