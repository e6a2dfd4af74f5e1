"""The OpenAPI documents: every answer has a named model, operations have short names, and what leaves fits its model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.contracts import DOCS, openapi_documents, schema_documents, wrong_schemas

PLAIN = frozenset({"string", "integer", "number", "boolean"})


@pytest.fixture(scope="module")
def documents() -> dict[str, dict[str, Any]]:
    return {name: json.loads(text) for name, text in openapi_documents().items()}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, verbs in document["paths"].items():
        for verb, operation in verbs.items():
            yield f"{verb.upper()} {path}", operation


def test_documents_and_schemas_in_the_repository_are_those_of_the_code(documents: dict[str, dict[str, Any]]) -> None:
    assert {name: json.loads((DOCS / "openapi" / name).read_text(encoding="utf-8")) for name in documents} == documents
    assert wrong_schemas(write=False) == []


@pytest.mark.parametrize("service", ["alerts", "permits", "monitoring"])
def test_every_answer_is_a_named_model(documents: dict[str, dict[str, Any]], service: str) -> None:
    free = [
        f"{name} {status}"
        for name, operation in operations(documents[f"{service}.json"])
        for status, answer in operation["responses"].items()
        for media, content in answer.get("content", {}).items()
        if media.endswith("json") and not all("$ref" in one for one in _choices(content.get("schema", {})))
    ]
    assert free == []


@pytest.mark.parametrize("service", ["alerts", "permits", "monitoring"])
def test_every_operation_says_that_it_may_be_asked_too_often(
    documents: dict[str, dict[str, Any]], service: str
) -> None:
    for name, operation in operations(documents[f"{service}.json"]):
        refusal = operation["responses"]["429"]
        assert refusal["headers"]["Retry-After"]["schema"] == {"type": "integer", "minimum": 1}, name
        assert list(refusal["content"]) == ["application/problem+json"], name


@pytest.mark.parametrize("service", ["alerts", "permits", "monitoring"])
def test_the_items_of_every_list_are_named_models(documents: dict[str, dict[str, Any]], service: str) -> None:
    schemas = documents[f"{service}.json"]["components"]["schemas"]
    pages = {name: one for name, one in schemas.items() if name.endswith("Page")}
    assert pages
    for name, page in pages.items():
        assert all("$ref" in one for one in _choices(page["properties"]["items"]["items"])), name


def _choices(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return list(schema.get("anyOf", [schema]))


@pytest.mark.parametrize("service", ["alerts", "permits", "monitoring"])
def test_names_are_short_and_ascii(documents: dict[str, dict[str, Any]], service: str) -> None:
    document = documents[f"{service}.json"]
    ids = [operation["operationId"] for _name, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    assert all(one.isidentifier() and one.isascii() and len(one) <= 40 and "_v1_" not in one for one in ids), ids
    tags = {tag for _name, operation in operations(document) for tag in operation["tags"]}
    assert all(tag.isascii() for tag in tags)
    assert {tag["name"] for tag in document["tags"]} >= tags
    assert document["info"]["title"].isascii()
    assert all(name.isidentifier() and name.isascii() for name in document["components"]["schemas"])
    assert document["servers"] == [{"url": "/", "description": "this installation"}]


def test_the_names_that_integrators_use_stay(documents: dict[str, dict[str, Any]]) -> None:
    ids = {name: operation["operationId"] for name, operation in operations(documents["alerts.json"])}
    assert ids["GET /alerts/v1/alerts"] == "list_alerts"
    assert ids["GET /alerts/v1/alerts/{alert_id}"] == "get_alert"
    assert ids["POST /alerts/v1/alerts/{alert_id}/acknowledge"] == "acknowledge_alert"
    assert ids["GET /alerts/v1/events"] == "list_events"


def test_what_receivers_get_is_in_the_document(documents: dict[str, dict[str, Any]]) -> None:
    webhooks = documents["alerts.json"]["webhooks"]
    assert set(webhooks) == {"alert", "digest", "peer-notice", "endpoint-test"}
    for name, webhook in webhooks.items():
        headers = {one["name"] for one in webhook["post"]["parameters"]}
        assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}, name
        assert set(webhook["post"]["requestBody"]["content"]) == {"application/cloudevents+json"}


def test_openapi_and_the_schemas_of_events_say_the_same(documents: dict[str, dict[str, Any]]) -> None:
    schemas = documents["alerts.json"]["components"]["schemas"]
    for text in schema_documents().values():
        schema = json.loads(text)
        if schema["title"] in schemas:
            there = schemas[schema["title"]]
            assert _fields(schema) == _fields(there), schema["title"]
            assert schema["required"] == there["required"]
    assert {"Alert", "Digest", "PeerNotice", "LegalBasis", "Words"} <= set(schemas)


def _fields(schema: dict[str, Any]) -> Any:
    """Its fields, wherever the models that they refer to stand."""
    files = {json.loads(text)["title"]: f'"{name}"' for name, text in schema_documents().items()}
    text = (
        json.dumps(schema["properties"]).replace('"default": null, ', "").replace("#/components/schemas/", "#/$defs/")
    )
    for title, file in files.items():
        text = text.replace(f'"#/$defs/{title}"', file)
    return json.loads(text)
