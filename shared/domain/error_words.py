"""The Chinese of errors: of each code a title and a sentence, and of the English sentences of the code their Chinese.

`error_codes.csv` has the codes; `error_words.csv` the sentences, with `{name}` where the English one holds a value, which
stands in the Chinese at the place of that name. A test reads every sentence in the code and fails for one without Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from shared.domain.errors import DomainError, Invalid
from shared.domain.tables import rows

VALUE = re.compile(r"\\\{([a-z_]+)\\\}")  # in an escaped sentence
CHINESE = re.compile("[\u4e00-\u9fff]")
LONGEST = 400  # characters; a longer text is a caller's, and none of our sentences
DEEPEST = 2  # a sentence in a sentence
UNKNOWN = "error"
NOT_FITTING = "不符合要求"


@dataclass(frozen=True, slots=True)
class CodeWords:
    """The Chinese of a code: a title, and a sentence for where the English one has none."""

    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Sentence:
    """An English sentence with values, and its Chinese."""

    pattern: re.Pattern[str]
    zh: str


@cache
def code_words() -> Mapping[str, CodeWords]:
    """By code."""
    return {row["code"]: CodeWords(row["title_zh"], row["detail_zh"]) for row in rows("error_codes")}


@cache
def _plain() -> Mapping[str, str]:
    """Sentences without values."""
    return {row["en"]: row["zh"] for row in rows("error_words") if not VALUE.search(re.escape(row["en"]))}


@cache
def _sentences() -> tuple[_Sentence, ...]:
    """Sentences with values, the most particular first."""
    found = [row for row in rows("error_words") if VALUE.search(re.escape(row["en"]))]
    found.sort(key=lambda row: -len(VALUE.sub("", re.escape(row["en"]))))
    return tuple(_Sentence(_pattern(row["en"]), row["zh"]) for row in found)


def _pattern(en: str) -> re.Pattern[str]:
    return re.compile(VALUE.sub(lambda value: f"(?P<{value[1]}>.+?)", re.escape(en)), re.DOTALL)


def chinese(text: str, depth: int = 0) -> str | None:
    """The Chinese of an English sentence of ours, None for another text."""
    if len(text) > LONGEST or depth > DEEPEST:
        return None
    if text in _plain():
        return _plain()[text]
    for sentence in _sentences():
        found = sentence.pattern.fullmatch(text)
        if found is not None:
            values = {name: chinese(value, depth + 1) or value for name, value in found.groupdict().items()}
            return _filled(sentence.zh, values)
    return None


def _filled(zh: str, values: Mapping[str, str]) -> str:
    """The Chinese with its values; other text in braces stays."""
    return re.sub(r"\{([a-z_]+)\}", lambda name: values.get(name[1], name[0]), zh)


def title_zh(code: str) -> str:
    """The Chinese title of a problem with this code."""
    return code_words().get(code, code_words()[UNKNOWN]).title


def sentence_zh(code: str, detail: str) -> str:
    """The Chinese of what an error says, at least of its code."""
    return chinese(detail) or code_words().get(code, code_words()[UNKNOWN]).detail


def rule_zh(rule: str) -> str:
    """The Chinese of what was expected of a value; empty where there is none."""
    return chinese(rule) or ""


def field_zh(field: str, rule: str) -> str:
    """The Chinese sentence of a value that does not fit."""
    expected = rule_zh(rule)
    return f"{field} {NOT_FITTING}：{expected}" if expected else f"{field} {NOT_FITTING}"


def error_zh(error: DomainError) -> str:
    """The Chinese of an error; empty for one whose own sentence is in both languages."""
    if CHINESE.search(error.detail):
        return ""
    if isinstance(error, Invalid) and error.field:
        return field_zh(error.field, error.rule or error.detail)
    return sentence_zh(error.code, error.detail)
