"""Holds what is published against the code: OpenAPI documents, AsyncAPI, JSON Schemas. `--write` brings them up to date.

The OpenAPI documents are made from the routes, the schemas of what alerts publishes from the models that the routes name;
AsyncAPI and the other schemas are written by hand and checked: every event type of the code stands there, every schema is
valid, every reference resolves. Every error has its Chinese in the tables of `shared/domain/tables`.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from services.alerts.api import documents
from services.composition import SERVICES, build_service, make_context
from shared.domain import events
from shared.runtime.host import openapi, topics
from shared.runtime.settings import load_settings
from tests.support import metrics_document
from tests.support.error_sentences import without_chinese

DOCS = Path(__file__).resolve().parents[2] / "docs"
MODELS: dict[str, type[BaseModel]] = {
    "alert": documents.Alert,
    "cloudevent": documents.CloudEvent,
    "digest": documents.Digest,
    "law": documents.LegalBasis,
    "notice": documents.PeerNotice,
    "notice_event": documents.PeerNoticeEvent,
    "words": documents.Words,
}


def openapi_documents() -> dict[str, str]:
    """File name → text, from the routes of each service."""
    with tempfile.TemporaryDirectory() as folder:
        context = make_context(load_settings(data_dir=Path(folder)), exclusive=False)
        found = {}
        for name in SERVICES:
            service = build_service(context, name)
            found[f"{name}.json"] = json.dumps(openapi(service), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            service.database.close()
        context.log.close()
    return found


def wrong_openapi(*, write: bool) -> list[str]:
    """What differs between the committed documents and the code."""
    wrong: list[str] = []
    for name, text in openapi_documents().items():
        wrong += _kept(DOCS / "openapi" / name, text, write)
    return wrong


def _kept(path: Path, text: str, write: bool) -> list[str]:
    """Write the file, or say what differs in it."""
    if write:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return []
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    diff = list(difflib.unified_diff(kept.splitlines(), text.splitlines(), "committed", "code", lineterm="", n=1))
    return [f"{path.relative_to(DOCS)} is not in step with the code:\n" + "\n".join(diff[:20])] if diff else []


def schema_documents() -> dict[str, str]:
    """File name → text of the JSON Schemas that have a model; a model with a file of its own is referred to by that file."""
    return {f"{name}.json": _schema(model) for name, model in MODELS.items()}


def _schema(model: type[BaseModel]) -> str:
    schema = model.model_json_schema(mode="serialization")
    others = {one.__name__: name for name, one in MODELS.items() if one is not model}
    inside = {name: one for name, one in schema.pop("$defs", {}).items() if name not in others}
    text = json.dumps(schema | ({"$defs": inside} if inside else {}), ensure_ascii=False)
    for name, file in others.items():
        text = text.replace(f'"#/$defs/{name}"', f'"{file}.json"')
    document = {"$schema": Draft202012Validator.META_SCHEMA["$id"], **json.loads(text)}
    used = _used(document)
    if inside:
        document["$defs"] = {name: one for name, one in sorted(document["$defs"].items()) if name in used}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _used(document: Any) -> set[str]:
    """Names of the definitions that are reached from the top."""
    found: set[str] = set()
    waiting = [{name: one for name, one in document.items() if name != "$defs"}]
    while waiting:
        for ref in _references(waiting.pop()):
            name = ref.removeprefix("#/$defs/")
            if name != ref and name not in found:
                found.add(name)
                waiting.append(document["$defs"][name])
    return found


def wrong_schemas(*, write: bool) -> list[str]:
    """What differs between the committed schemas and the models."""
    return [wrong for name, text in schema_documents().items() for wrong in _kept(DOCS / "schemas" / name, text, write)]


def wrong_metrics(*, write: bool) -> list[str]:
    """Whether docs/metrics.md is not what the code makes."""
    path, text = DOCS / "metrics.md", metrics_document.text()
    if write:
        path.write_text(text, encoding="utf-8")
    same = path.exists() and path.read_text(encoding="utf-8") == text
    return [] if same else ["docs/metrics.md is not in step with the code: python -m tests.support.contracts --write"]


def event_types() -> set[str]:
    """Every event type that the code knows."""
    return {value for value in vars(events).values() if isinstance(value, str) and value.startswith("yujing.")}


def wrong_events() -> list[str]:
    """What AsyncAPI and the schemas lack or have too much of."""
    document = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    wrong = []
    messages = document["components"]["messages"]
    named = {message["name"] for message in messages.values() if message["name"].startswith("yujing.")}
    if named != event_types():
        wrong.append(f"docs/asyncapi.yaml: event types differ from the code: {sorted(named ^ event_types())}")
    channels = {channel["address"] for channel in document["channels"].values()}
    if channels != set(topics(distributed=True)):
        wrong.append(f"docs/asyncapi.yaml: channels differ from the topics: {sorted(channels)}")
    for path in sorted((DOCS / "schemas").glob("*.json")):
        Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))
    wrong += [
        f"docs/asyncapi.yaml: {ref} does not resolve" for ref in _references(document) if not _resolves(document, ref)
    ]
    return wrong


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for value in node.values() for ref in _references(value)]
    return [ref for value in node for ref in _references(value)] if isinstance(node, list) else []


def _resolves(document: Any, reference: str) -> bool:
    if not reference.startswith("#"):
        return (DOCS / reference).exists()
    node = document
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(node, dict) or part not in node:
            return False
        node = node[part]
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--check", action="store_true")
    write = parser.parse_args().write
    wrong = (
        wrong_openapi(write=write)
        + wrong_schemas(write=write)
        + wrong_metrics(write=write)
        + wrong_events()
        + without_chinese()
    )
    for line in wrong:
        sys.stderr.write(line + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
