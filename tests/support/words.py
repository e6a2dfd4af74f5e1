"""Words that this project does not use: lists each place where one stands, in identifiers and in prose.

    python -m tests.support.words [--check]

A word in its ordinary sense is allowed by name in `words_allowed.txt`: `word<TAB>file pattern<TAB>text that must stand on the
line` (`*`: any). An allowance that no line needs any more is an error too.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = Path(__file__).with_name("words_allowed.txt")
FOLDERS = (
    "shared/",
    "services/",
    "tests/",
    "deploy/",
    "docs/",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
)
SUFFIXES = (".py", ".md", ".yaml", ".yml", ".json", ".toml", ".conf", ".example", ".html", ".sql", "Makefile")
SKIPPED = (
    "tests/support/words.py",
    "tests/support/words_allowed.txt",
    "tests/contract/golden/",
    "migrations/versions/",
)

# what stands in the code → what to write instead
INSTEAD: Mapping[str, str] = {
    **dict.fromkeys(("door", "doors"), "endpoint, API, ingress"),
    **dict.fromkeys(("bell", "bells", "hang", "rings"), "waiter, subscribe, notify"),
    **dict.fromkeys(("said", "saying", "voice"), "publish, event, pending event, heartbeat"),
    **dict.fromkeys(("hint", "hints"), "wake-up signal"),
    **dict.fromkeys(("told", "telling"), "notify, recipients, log; upsert a risk"),
    "minted": "issued count",
    **dict.fromkeys(("hear", "heard", "unheard", "hears"), "receive, last seen, stale, consume"),
    **dict.fromkeys(("homeless", "fate", "eldest", "claimants"), "unmatched, outcome, oldest, candidates"),
    **dict.fromkeys(("letter", "letters"), "OutboundMessage"),
    "look_again": "next_check_on",
    **dict.fromkeys(("stranger", "strangers"), "unknown devices"),
    "uncollected": "gc_paused()",
    **dict.fromkeys(("plant", "hands"), "…Harness, register service, named for what runs"),
    **dict.fromkeys(("scene", "district"), "…Harness, named for what runs"),
    **dict.fromkeys(("house", "houses"), "package, installation"),
    **dict.fromkeys(("road", "roads"), "path, way"),
    "owed": "required",
}
WORD = re.compile(r"[A-Za-z]+(?:_[A-Za-z]+)*")
PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@dataclass(frozen=True, slots=True)
class Place:
    """One word on one line."""

    file: str
    line: int
    word: str
    text: str


@dataclass(frozen=True, slots=True)
class Allowance:
    """One line of the allow list."""

    word: str
    file: str
    text: str

    def covers(self, place: Place) -> bool:
        return (
            place.word == self.word and fnmatch(place.file, self.file) and (self.text == "*" or self.text in place.text)
        )


def words_of(text: str) -> Iterator[str]:
    """Every word of the line in small letters: identifiers whole and by their parts."""
    for found in WORD.finditer(text):
        whole = found[0].lower()
        parts = [part.lower() for part in PART.findall(found[0])]
        yield from dict.fromkeys([whole, *parts])


def files() -> list[str]:
    listed = subprocess.run(["git", "ls-files", *FOLDERS], cwd=ROOT, capture_output=True, text=True, check=True)
    return [
        name
        for name in listed.stdout.split("\n")
        if name.endswith(SUFFIXES) and not any(part in name for part in SKIPPED) and (ROOT / name).is_file()
    ]


def places() -> Iterator[Place]:
    """Every place where one of the words stands."""
    for name in files():
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").split("\n"), start=1):
            for word in words_of(line):
                if word in INSTEAD:
                    yield Place(name, number, word, line.strip())


@cache
def allowances() -> tuple[Allowance, ...]:
    lines = ALLOWED.read_text(encoding="utf-8").splitlines() if ALLOWED.exists() else []
    return tuple(Allowance(*line.split("\t")) for line in lines if line and not line.startswith("#"))


def left() -> tuple[list[Place], list[Allowance]]:
    """Places that nothing allows, and allowances that nothing needs."""
    needed: set[Allowance] = set()
    found = []
    for place in places():
        covering = [one for one in allowances() if one.covers(place)]
        needed.update(covering)
        if not covering:
            found.append(place)
    return found, [one for one in allowances() if one not in needed]


def main() -> int:
    found, unneeded = left()
    for place in found:
        print(f"{place.file}:{place.line}: {place.word} → {INSTEAD[place.word]}: {place.text[:100]}")
    for one in unneeded:
        print(f"nothing needs the allowance {one.word} in {one.file}: {one.text}")
    if "--count" in sys.argv:
        print(Counter(place.word for place in found).most_common())
        print(Counter(place.file.split("/")[1] if "/" in place.file else place.file for place in found).most_common(20))
    return 1 if found or unneeded else 0


if __name__ == "__main__":
    sys.exit(main())
