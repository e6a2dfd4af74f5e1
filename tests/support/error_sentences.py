"""What the source answers when something is refused: every code and every English sentence, to check that each has Chinese."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from shared.domain.error_words import chinese, code_words
from shared.domain.errors import DomainError

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z]+(-[a-z]+)*")
ERRORS = {"NotFound", "Conflict", "Forbidden", "Unauthorized", "Unreachable", "Refused", "RateLimited"}
OWN_SENTENCE = {
    "log-away",
    "embedded-runs-all",
    "folder-in-use",
    "log-not-owned",
    "no-such-topic",
    "port-taken",
    "not-migrated",
}
OWN_SENTENCE |= {"register-stale", "other-key"}  # of these the code says in Chinese what the sentence says
NOT_ANSWERED = ("services/simulator/", "services/alerts/catalogue/", "services/monitoring/gateway/judging.py")
STARLETTE = {"bad-request", "not-found", "method-not-allowed", "not-acceptable", "internal-server-error"}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the code, with its file."""
    for path in sorted([*ROOT.glob("shared/**/*.py"), *ROOT.glob("services/**/*.py")]):
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield name, node


def named(call: ast.Call) -> str:
    return str(getattr(call.func, "id", getattr(call.func, "attr", "")))


def text_of(node: ast.expr | None) -> str | None:
    """A sentence with `X7` for each value in it; None when it is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "X7" for part in node.values)
    return None


def keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def codes() -> set[str]:
    """What `code=` is given, what a class of errors or Refused has as its code, and what the proxy answers."""
    found = {text_of(keyword(call, "code")) for _file, call in calls()}
    found |= {text_of(call.args[2]) for _file, call in calls() if named(call) == "Refused" and len(call.args) > 2}
    waiting: list[type[DomainError]] = [DomainError]
    while waiting:
        kind = waiting.pop()
        found.add(kind.code)
        waiting += kind.__subclasses__()
    proxy = (ROOT / "deploy/proxy/nginx.conf").read_text(encoding="utf-8")
    found |= set(re.findall('"code": "([^"]+)"', proxy)) | STARLETTE
    return {code for code in found if code and CODE.fullmatch(code)}


def sentences() -> Iterator[tuple[str, str]]:
    """Where, and which: details of errors by kind, and what is expected of a value."""
    for file, call in calls():
        where = f"{file}:{call.lineno}"
        if file.startswith(NOT_ANSWERED):
            continue
        if named(call) in ERRORS and text_of(keyword(call, "code")) not in OWN_SENTENCE:
            for one in call.args[:2]:
                if text := text_of(one):
                    yield where, text
        rule = text_of(keyword(call, "rule"))
        if named(call) == "wrong" and len(call.args) == 3:
            rule = text_of(call.args[2])
        if named(call) == "refused" and len(call.args) == 2:
            rule = text_of(call.args[1])
        if rule:
            yield where, rule


def without_chinese() -> list[str]:
    """Codes and sentences that lack a line in shared/domain/tables/error_codes.csv and error_words.csv."""
    wrong = [f"error_codes.csv: {code} has no line" for code in sorted(codes() - set(code_words()))]
    return wrong + [f"error_words.csv: {where}: {text}" for where, text in sentences() if chinese(text) is None]
