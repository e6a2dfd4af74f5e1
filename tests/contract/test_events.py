"""A golden file for every type and version of message: the product says it so today, its schema describes it, and what was
published once stays readable. New files: `python -m tests.support.goldens --write tests/contract/golden`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

from services.monitoring.handlers.quarantine import QuarantineHandler
from services.monitoring.packet_record import Accepted, examine, packet_record, read_packet
from services.monitoring.packet_record import Packet as ReadPacket
from services.monitoring.store.tables import KEPT, MonitoringTable
from shared.database import open_database
from shared.domain.events import REGISTERED, read_event
from shared.domain.risk import Risk
from shared.eventlog.codec import decode, decode_event, encode, encode_event
from shared.ports import Record
from shared.register import Point, read_enterprise, read_permit, read_point
from shared.runtime.metrics import Metrics
from tests.support.contracts import DOCS, event_types
from tests.support.goldens import Published, published

FOLDER = Path(__file__).parent / "golden"
FORMATS = FormatChecker()


@FORMATS.checks("date-time", raises=ValueError)
def is_rfc3339(text: object) -> bool:
    """RFC 3339 with offset; the library checks it only with a further package."""
    if not isinstance(text, str):
        return True
    return "T" in text and datetime.fromisoformat(text).tzinfo is not None


def goldens() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}


GOLDENS = goldens()
PACKETS = [name for name in GOLDENS if name.startswith("packet.")]
QUARANTINED = [name for name in GOLDENS if name.startswith("quarantine.")]
EVENTS = [name for name in GOLDENS if name.startswith("yujing.")]
RISKS = [name for name in EVENTS if name.startswith("yujing.risk.")]


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """What the product says now."""
    return published(tmp_path_factory.mktemp("today"))


@pytest.fixture(scope="module")
def schemas() -> Registry[Any]:
    found = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in (DOCS / "schemas").glob("*.json")}
    return Registry().with_resources((name, Resource.from_contents(one)) for name, one in found.items())


def payload(name: str) -> dict[str, Any]:
    """The schema that AsyncAPI gives for the message, with references to files of `schemas`."""
    document = yaml.safe_load((DOCS / "asyncapi.yaml").read_text(encoding="utf-8"))
    messages = {one["name"]: one["payload"] for one in document["components"]["messages"].values()}
    kind = name if name in messages else REGISTERED if name.startswith(REGISTERED) else name.split(".")[0]
    text = json.dumps(messages[kind]).replace('"schemas/', '"')
    return dict(json.loads(text))


def wrong(name: str, document: Mapping[str, Any], schemas: Registry[Any]) -> list[str]:
    validator = Draft202012Validator(payload(name), registry=schemas, format_checker=FORMATS)
    return [f"{name}: {'/'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(document)]


def named(schema: Any, schemas: Registry[Any]) -> dict[str, Any]:
    """Every top-level field that the schema names, through its references."""
    if "$ref" in schema:
        return named(schemas.contents(schema["$ref"]), schemas)
    found: dict[str, Any] = {}
    for part in schema.get("allOf", []):
        found |= named(part, schemas)
    return found | schema.get("properties", {})


def test_every_event_type_has_a_golden_file() -> None:
    types = {GOLDENS[name]["type"] for name in EVENTS}
    assert types == event_types()
    kinds = {GOLDENS[name]["data"]["kind"] for name in EVENTS if GOLDENS[name]["type"] == REGISTERED}
    assert kinds == {"enterprise", "permit", "point", "region", "key", "revocation"}
    assert {"packet.gateway.data.v1", "packet.http.data.v1", "packet.gateway.alive.v1"} <= set(PACKETS)
    assert {"quarantine.gateway.v1", "quarantine.handler.v1"} <= set(QUARANTINED)


@pytest.mark.parametrize("name", GOLDENS)
def test_what_was_published_once_fits_its_schema(name: str, schemas: Registry[Any]) -> None:
    assert wrong(name, GOLDENS[name], schemas) == []


def test_what_is_published_today_fits_its_schema(today: Published, schemas: Registry[Any]) -> None:
    assert set(today) <= set(GOLDENS), "a new message needs a golden file"
    assert [one for name, document in today.items() for one in wrong(name, document, schemas)] == []


def test_the_schema_names_every_field_that_is_published(today: Published, schemas: Registry[Any]) -> None:
    for name, document in today.items():
        fields = named(payload(name), schemas)
        assert set(document) <= set(fields), f"{name} says more than its schema"
        if "data" in document:
            inner = named(fields["data"], schemas)
            assert set(document["data"]) <= set(inner), f"the data of {name} say more than their schema"


def test_what_is_published_today_has_the_fields_of_the_golden_file(today: Published) -> None:
    for name, document in today.items():
        assert shape(document) == shape(GOLDENS[name]), f"{name} changed: say it as a new version"


def shape(value: Any) -> Any:
    """Field names at every depth."""
    if isinstance(value, dict):
        return {name: shape(inner) for name, inner in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else None


@pytest.mark.parametrize("name", [name for name in EVENTS if "subject" in GOLDENS[name]])
def test_a_golden_event_is_read_as_the_same_event(name: str) -> None:
    event = read_event(GOLDENS[name])
    again = decode_event(encode_event(event))
    assert again == event
    assert again.id == GOLDENS[name]["id"]
    assert canonical(again.document()) == canonical(GOLDENS[name])


def canonical(value: Any) -> Any:
    """The same with every time as an instant: a time may be written in more than one way."""
    if isinstance(value, dict):
        return {name: canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d", value):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


@pytest.mark.parametrize("name", RISKS)
def test_a_golden_risk_is_read_as_the_same_risk(name: str) -> None:
    data = GOLDENS[name]["data"]
    risk = Risk.read(data)
    assert Risk.read(decode(encode(risk.document()))) == risk
    assert canonical(risk.document()) == canonical(data)
    assert Risk.read({**data, "of_a_later_version": 1}) == risk


READERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "enterprise": read_enterprise,
    "permit": read_permit,
    "point": read_point,
}


@pytest.mark.parametrize("kind", READERS)
def test_a_golden_object_of_the_register_is_read(kind: str) -> None:
    data = GOLDENS[f"{REGISTERED}.{kind}"]["data"]
    read = READERS[kind](data)
    assert {getattr(read, name, None) for name in ("mn", "number", "credit_code")} >= {data["id"]}
    assert READERS[kind]({**data, "of_a_later_version": 1}) == read


class Known:
    """A look-up that knows every point."""

    offset = 7

    def point(self, mn: str) -> Point:
        return Point(mn=mn, system="31", credit_code="x", outlet="DA001")


@pytest.mark.parametrize("name", PACKETS)
def test_a_golden_packet_is_taken_and_written_again_as_it_was(name: str) -> None:
    document = GOLDENS[name]
    packet = read_packet(encode(document))
    assert isinstance(packet, ReadPacket)
    at = datetime.fromisoformat(document["received_at"])
    found = examine(packet, Known(), at)
    assert isinstance(found, Accepted)
    assert set(found.readings) == set(document["factors"])
    again = packet_record(dict(document), received_at=at, source=document["source"], register_offset=Known.offset)
    assert decode(again.value or b"") == document


@pytest.mark.parametrize("name", QUARANTINED)
def test_a_golden_quarantined_record_becomes_a_row(name: str, tmp_path: Path) -> None:
    document = GOLDENS[name]
    database = open_database(None, tmp_path, "monitoring")
    MonitoringTable.metadata.create_all(database.engine)
    record = Record("quarantine", 0, 3, "x", encode(document), {}, datetime(2026, 11, 20, tzinfo=UTC))
    with database.transaction() as session:
        QuarantineHandler(metrics=Metrics()).take(session, [record])
        (row,) = session.connection().execute(KEPT.select()).all()
    database.close()
    assert (row.reason, row.mn, row.source) == (document["reason"], document["mn"], document["source"])
    assert row.sealed_password == document.get("sealed_password")


def test_the_golden_files_hold_nothing_of_the_machine_they_were_made_on() -> None:
    for path in FOLDER.glob("*.json"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|tmp|work|Users|var)/", text), path.name
        assert "pwGOLD" not in text, path.name
