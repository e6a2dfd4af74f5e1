"""A terminal's text with its colours → an SVG whose columns stand, whatever fonts the reader has: each word and each wide
character has its own place.

    TERM=xterm-256color script -qec "stty cols 128; make demo SECONDS=60" /tmp/demo.ansi
    python -m tests.support.terminal_picture /tmp/demo.ansi docs/demo.svg --title "make demo SECONDS=60" --skip 令牌
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

from rich.cells import cell_len, get_character_cell_size
from rich.color import ColorType
from rich.style import Style
from rich.terminal_theme import MONOKAI
from rich.text import Text

CELL, LINE, MARGIN, BAR = 9.0, 20.0, 16.0, 40.0  # pixels
FONTS = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", "PingFang SC", "Microsoft YaHei", monospace'
PLAIN = "#d9d9d9"
NOT_SHOWN = re.compile(r"^Script (started|done) on ")


@dataclass(frozen=True, slots=True)
class Glyphs:
    """A word of narrow characters, or one wide or drawing character, and the column (in cells) at which it begins."""

    style: Style
    column: int
    characters: str


def lines_of(ansi: str, *, width: int, skip: Iterable[str] = ()) -> list[Text]:
    """The lines of a terminal's log, cut to `width` cells; those with a text of `skip` and those of `script` itself left out."""
    lines = []
    for raw in ansi.replace("\r", "").split("\n"):
        line = Text.from_ansi(raw)
        if NOT_SHOWN.match(line.plain) or any(part in line.plain for part in skip):
            continue
        if cell_len(line.plain) > width:
            line.truncate(width, overflow="ellipsis")
        lines.append(line)
    while lines and not lines[-1].plain.strip():
        lines.pop()
    return lines


def glyphs(line: Text) -> Iterator[Glyphs]:
    """What is to be drawn of a line, blanks left out."""
    column = 0
    styles = [Style()] * len(line.plain)
    for span in line.spans:
        style = span.style if isinstance(span.style, Style) else Style.parse(span.style)
        styles[span.start : span.end] = [one + style for one in styles[span.start : span.end]]
    word: Glyphs | None = None
    for character, style in zip(line.plain, styles, strict=True):
        joins = character.isascii() and not character.isspace()
        if word is not None and joins and word.style == style:
            word = Glyphs(style, word.column, word.characters + character)
        else:
            if word is not None:
                yield word
            word = Glyphs(style, column, character) if joins else None
            if not joins and not character.isspace():
                yield Glyphs(style, column, character)
        column += get_character_cell_size(character)
    if word is not None:
        yield word


def picture(lines: list[Text], *, title: str, width: int) -> str:
    """The SVG.

    Parameters: `lines`; `title`, shown in the bar; `width` in cells.
    """
    w, h = width * CELL + 2 * MARGIN, len(lines) * LINE + BAR + MARGIN
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:g} {h:g}" role="img" aria-label="{escape(title)}">',
        f"<style>text {{ font-family: {FONTS}; font-size: 15px; white-space: pre }}</style>",
        f'<rect width="{w:g}" height="{h:g}" rx="8" fill="#262626"/>',
        *(
            f'<circle cx="{20 + 20 * n}" cy="20" r="6" fill="{c}"/>'
            for n, c in enumerate(("#ff5f57", "#febc2e", "#28c840"))
        ),
        f'<text x="{w / 2:g}" y="25" fill="{PLAIN}" text-anchor="middle">{escape(title)}</text>',
    ]
    for number, line in enumerate(lines):
        y = BAR + (number + 0.8) * LINE
        for style, runs in groupby(glyphs(line), key=lambda run: run.style):
            placed = "".join(
                f'<tspan x="{MARGIN + run.column * CELL:g}">{escape(run.characters)}</tspan>' for run in runs
            )
            out.append(f'<text y="{y:g}"{_look(style)}>{placed}</text>')
    return "\n".join([*out, "</svg>\n"])


def _look(style: Style) -> str:
    colour = PLAIN
    if style.color is not None and style.color.type is not ColorType.DEFAULT:
        colour = style.color.get_truecolor(MONOKAI).hex
    return f' fill="{colour}"' + (' font-weight="bold"' if style.bold else "") + (' opacity="0.6"' if style.dim else "")


def main() -> None:
    """The command of this file's first lines."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("source", type=Path)
    asked.add_argument("target", type=Path)
    asked.add_argument("--title", default="")
    asked.add_argument("--width", type=int, default=128)
    asked.add_argument("--head", type=int, default=40, help="lines shown before the tables; 0: all")
    asked.add_argument("--tables-from", default="小结", help="the text with which the closing tables begin")
    asked.add_argument("--skip", action="append", default=[], help="leave out lines with this text")
    given = asked.parse_args()
    lines = lines_of(given.source.read_text("utf-8", "replace"), width=given.width, skip=given.skip)
    tables = next((n for n, line in enumerate(lines) if line.plain.startswith(given.tables_from)), len(lines))
    if given.head and tables > given.head:
        lines = [*lines[: given.head], Text("…"), *lines[tables:]]
    given.target.write_text(picture(lines, title=given.title, width=given.width), "utf-8")


if __name__ == "__main__":
    main()
