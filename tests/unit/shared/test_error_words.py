"""Every code of an error has Chinese, and so has every sentence that a caller can be answered with."""

from __future__ import annotations

import re
from typing import Literal

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field

from shared.domain.error_words import LONGEST, chinese, code_words, error_zh, sentence_zh, title_zh
from shared.domain.errors import Conflict, DomainError, Invalid, NotFound, unknown_value
from shared.domain.tables import rows
from shared.runtime.web import install_problems
from tests.support.error_sentences import codes, sentences, without_chinese

CHINESE = re.compile("[\u4e00-\u9fff]")


def test_every_code_and_every_sentence_of_the_source_has_chinese() -> None:
    assert {"rate-limited", "cursor-ahead", "body-too-large", "mn-taken", "uri-too-long"} <= codes()
    assert len([*sentences()]) > 100
    assert without_chinese() == []


def test_every_title_and_sentence_of_a_code_is_chinese() -> None:
    for code, words in code_words().items():
        assert CHINESE.search(words.title) and CHINESE.search(words.detail), code


def test_the_chinese_holds_the_values_of_the_english() -> None:
    for row in rows("error_words"):
        assert set(re.findall(r"\{[a-z_]+\}", row["zh"])) <= set(re.findall(r"\{[a-z_]+\}", row["en"])), row["en"]


@pytest.mark.parametrize(
    ("error", "zh"),
    [
        (NotFound("no such alert"), "没有该预警"),
        (NotFound("something else"), "没有该对象，或不在您的权限范围内"),
        (
            Conflict("the alert is closed: answer is not possible, allowed is nothing", code="alert-state"),
            "预警当前状态为 closed，不能进行 answer，可以进行：无",
        ),
        (
            unknown_value("kind of alert", "emision", ["emission.exceeded"], field="filter.kinds[0]"),
            "filter.kinds[0] 不符合要求：已知的预警种类；最接近的是 emission.exceeded",
        ),
        (Invalid("x", field="limit", rule="no sentence of ours"), "limit 不符合要求"),
    ],
    ids=["plain", "unknown sentence", "values", "a sentence in a sentence", "unknown rule"],
)
def test_an_error_in_chinese(error: DomainError, zh: str) -> None:
    assert error_zh(error) == zh


def test_a_long_text_of_a_caller_is_not_searched() -> None:
    assert chinese("no such " + "x" * LONGEST) is None
    assert sentence_zh("not-found", "no such " + "x" * LONGEST) == "没有该对象，或不在您的权限范围内"
    assert title_zh("nobody-knows") == "请求未能完成"


class Body(BaseModel, extra="forbid"):
    """One of each kind of rule that requests have."""

    name: str = Field("n", min_length=2, max_length=3, pattern="^[a-z]+$")
    count: int = Field(5, ge=1, le=9)
    share: float = Field(0.5, gt=0, lt=1)
    level: Literal["red", "blue"] = "red"
    on: bool = True
    names: list[str] = Field([], max_length=1)
    inner: dict[str, int] = {}


VALUES = [
    ("name", "a", "至少 2 个字符"),
    ("name", "abcd", "最多 3 个字符"),
    ("name", "A1", "应符合格式 ^[a-z]+$"),
    ("name", 7, "应为文本"),
    ("count", "x", "应为整数"),
    ("count", 1.5, "应为整数，不含小数"),
    ("count", 0, "应不小于 1"),
    ("count", 10, "应不大于 9"),
    ("share", 0, "应大于 0"),
    ("share", 1, "应小于 1"),
    ("level", "bleu", "应为 'red' or 'blue'；最接近的是 blue"),
    ("on", "x", "应为 true 或 false"),
    ("names", "x", "应为列表"),
    ("names", ["x", "y"], "最多 1 项，实有 2 项"),
    ("inner", "x", "应为 JSON 对象"),
    ("more", 1, "没有此字段"),
]


@pytest.mark.parametrize(("field", "value", "zh"), VALUES, ids=lambda value: str(value))
def test_what_a_request_got_wrong_has_chinese(field: str, value: object, zh: str) -> None:
    app = FastAPI()
    install_problems(app)

    @app.post("/")
    def take(body: Body) -> str:
        return body.name

    problem = TestClient(app).post("/", json={field: value}).json()
    assert problem["title_zh"] == "输入不符合要求"
    assert problem["detail_zh"] == f"{field} 不符合要求：{zh}"
    assert problem["errors"][0]["rule_zh"] == zh
    assert not CHINESE.search(problem["title"] + problem["detail"])


def test_an_address_and_a_method_that_are_not_there_are_named_in_chinese() -> None:
    app = FastAPI()
    install_problems(app)
    app.add_api_route("/here", lambda: "here")
    client = TestClient(app)
    assert client.get("/there").json()["detail_zh"] == "没有地址 /there：现有地址见 /docs"
    assert client.post("/here").json()["detail_zh"] == "/here 不支持 POST：可用 GET"
