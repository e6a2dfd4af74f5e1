"""Holds what is published against the code: OpenAPI documents, AsyncAPI, JSON Schemas. `--write` brings them up to date.

The OpenAPI documents are made from the routes; AsyncAPI and the schemas of events are written by hand and checked: every
event type of the code stands there, every schema is valid, every reference resolves.
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

from services.composition import BUILD, make_context
from shared.domain import events
from shared.runtime.host import openapi, topics
from shared.runtime.settings import load_settings

DOCS = Path(__file__).resolve().parents[2] / "docs"


def openapi_documents() -> dict[str, str]:
    """File name → text, from the routes of each service."""
    with tempfile.TemporaryDirectory() as folder:
        context = make_context(load_settings(data_dir=Path(folder)), exclusive=False)
        found = {}
        for name, build in BUILD.items():
            service = build(context)
            found[f"{name}.json"] = json.dumps(openapi(service), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            service.database.close()
        context.log.close()
    return found


def wrong_openapi(*, write: bool) -> list[str]:
    """What differs between the committed documents and the code."""
    wrong = []
    for name, text in openapi_documents().items():
        path = DOCS / "openapi" / name
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            continue
        kept = path.read_text(encoding="utf-8") if path.exists() else ""
        diff = list(difflib.unified_diff(kept.splitlines(), text.splitlines(), "committed", "code", lineterm="", n=1))
        if diff:
            wrong.append(f"docs/openapi/{name} is not in step with the code:\n" + "\n".join(diff[:20]))
    return wrong


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
    wrong = wrong_openapi(write=write) + wrong_events()
    for line in wrong:
        sys.stderr.write(line + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
