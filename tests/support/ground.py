"""Rules of the code that no linter here knows: where `Any` stands, what catches every exception, who reads a caller's scope.

    python -m tests.support.ground [--check | --lower]

What each file may have stands in `ground_allowed.txt`: `rule<TAB>file<TAB>count`. A count only falls: more than it is an error,
and so is less, until `--lower` has written the new one.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALLOWED = Path(__file__).with_name("ground_allowed.txt")
PACKAGES = ("services", "shared")
LOWER = "python -m tests.support.ground --lower"

EVERY_EXCEPTION = frozenset({"Exception", "BaseException"})
SCOPE = frozenset({"region", "credit_code", "credit_codes"})
# the rule of who may see what itself, and the token that a Caller is written into
HOMES_OF_SCOPE = frozenset({"shared/access.py", "shared/runtime/auth.py"})


@dataclass(frozen=True, slots=True)
class Place:
    """One line that a rule counts."""

    rule: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its name, what to do instead, the lines of a module that it counts, the files that
    it does not hold for, and how many lines the whole product may have."""

    name: str
    instead: str
    lines: Callable[[ast.Module], Iterator[int]]
    homes: frozenset[str] = frozenset()
    most: int | None = None


def _any(module: ast.Module) -> Iterator[int]:
    """`Any` in an import, an annotation or an expression; texts and comments do not count."""
    for node in ast.walk(module):
        named = isinstance(node, ast.Name) and node.id == "Any"
        imported = isinstance(node, ast.ImportFrom) and any(alias.name == "Any" for alias in node.names)
        attribute = isinstance(node, ast.Attribute) and node.attr == "Any"
        if named or imported or attribute:
            yield node.lineno


def _catches_all(module: ast.Module) -> Iterator[int]:
    """`except:`, `except Exception`, `except BaseException`, alone or in a tuple, and `suppress` of one of them."""
    for node in ast.walk(module):
        if isinstance(node, ast.ExceptHandler):
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            caught = any(kind is None or _name(kind) in EVERY_EXCEPTION for kind in kinds)
        elif isinstance(node, ast.Call) and _name(node.func) == "suppress":
            caught = any(_name(kind) in EVERY_EXCEPTION for kind in node.args)
        else:
            continue
        if caught:
            yield node.lineno


def _reads_scope(module: ast.Module) -> Iterator[int]:
    """The region or the credit codes of whatever is named `caller`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Attribute) and node.attr in SCOPE and _name(node.value) == "caller":
            yield node.lineno


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


RULES = (
    Rule("any", "a frozen dataclass, or JsonValue of shared/domain/json.py", _any, most=59),
    Rule("catch-all", "the exceptions that can come here, by name", _catches_all, most=4),
    Rule("scope", "shared/access.py: one rule of who may see what", _reads_scope, HOMES_OF_SCOPE),
)


def places(root: Path) -> Iterator[Place]:
    """Every line of the product that a rule counts."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            module, file = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(root).as_posix()
            for rule in RULES:
                if file in rule.homes:
                    continue
                for line in sorted(set(rule.lines(module))):
                    yield Place(rule.name, file, line)


def read_allowed(path: Path) -> Mapping[tuple[str, str], int]:
    """(rule, file) → how many lines it may have."""
    lines = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != "#")
    return {(rule, file): int(count) for rule, file, count in lines}


def problems(root: Path, allowed: Mapping[tuple[str, str], int]) -> Iterator[str]:
    """What breaks a rule, and what the list allows without need."""
    found: dict[tuple[str, str], list[int]] = {}
    for place in places(root):
        found.setdefault((place.rule, place.file), []).append(place.line)
    instead = {rule.name: rule.instead for rule in RULES}
    for rule in RULES:
        together = sum(count for (name, _file), count in allowed.items() if name == rule.name)
        if rule.most is not None and together > rule.most:
            yield f"the list allows {rule.name} on {together} lines, at most {rule.most} in the whole product"
    for (name, file), lines in found.items():
        most = allowed.get((name, file), 0)
        if len(lines) > most:
            at = ", ".join(map(str, lines))
            yield f"{file}: {name} on {len(lines)} lines, {most} allowed (lines {at}); instead: {instead[name]}"
    for (name, file), most in allowed.items():
        if len(found.get((name, file), ())) < most:
            yield f"{file}: {name} needs fewer than the {most} lines allowed: {LOWER}"


def lower(root: Path, path: Path) -> None:
    """Write the counts that are needed where they are less than what was allowed; none rises."""
    allowed = read_allowed(path)
    needed = Counter((place.rule, place.file) for place in places(root))
    kept = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    counts = {key: min(most, needed[key]) for key, most in allowed.items()}
    rows = [f"{rule}\t{file}\t{count}" for (rule, file), count in sorted(counts.items()) if count]
    path.write_text("\n".join([*kept, *rows]) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="a count that is higher than needed is wrong too")
    parser.add_argument("--lower", action="store_true", help="write the counts that fell")
    asked = parser.parse_args()
    if asked.lower:
        lower(ROOT, ALLOWED)
    wrong = [found for found in problems(ROOT, read_allowed(ALLOWED)) if asked.check or LOWER not in found]
    for line in wrong:
        sys.stderr.write(line + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
