"""The pictures of the README: what is a column in the terminal is a column in the picture, and no secret is in it."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from rich.text import Text

from tests.support.terminal_picture import lines_of, picture

DEMO = Path(__file__).resolve().parents[2] / "docs" / "demo.svg"
SVG = "{http://www.w3.org/2000/svg}"


def borders(svg: str) -> list[tuple[str, ...]]:
    """Where the vertical borders of each table row stand, a row a tuple of x."""
    rows: dict[str, list[str]] = {}
    for text in ElementTree.fromstring(svg).iter(f"{SVG}text"):
        for span in text.iter(f"{SVG}tspan"):
            if span.text in {"│", "┃"}:
                rows.setdefault(text.attrib["y"], []).append(span.attrib["x"])
    return [tuple(sorted(xs, key=float)) for xs in rows.values()]


def test_the_columns_of_the_demonstration_stand() -> None:
    rows = borders(DEMO.read_text("utf-8"))
    assert len(rows) > 30
    assert len(set(rows)) == 2  # the numbers and the promises


def test_wide_characters_take_two_places_and_narrow_ones_one() -> None:
    rows = borders(picture([Text("│ 承诺 │ ab │"), Text("│ kept │ 中 │")], title="", width=20))
    assert rows[0] == rows[1] and len(set(rows[0])) == 3


def test_a_long_line_is_cut_and_a_line_with_a_secret_left_out() -> None:
    lines = lines_of("令牌 token eyJ\n" + "数" * 30, width=10, skip=["令牌"])
    assert [line.plain for line in lines] == ["数数数数 …"]
    assert "eyJ" not in DEMO.read_text("utf-8")
