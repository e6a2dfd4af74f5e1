"""Packets to POST /monitoring/v1/packets: a JSON array or NDJSON, by a device and by the administrator."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

from shared.domain.clock import rfc3339
from tests.fuzz.inputs import Broken, Input
from tests.fuzz.mutations import Raw, bytes_mutated, dumped, json_mutated, nested
from tests.fuzz.site import CALLER, GOLDEN, TARGET
from tests.fuzz.web import WebEntrance
from tests.support.product import last_hour

ARRAY, NDJSON = "application/json", "application/x-ndjson"
FACTORS = {
    "a21026": {"Avg": 12.5, "Min": 1.0, "Max": 20.1, "Cou": 3.3, "ZsAvg": 13.0, "Flag": "N"},
    "a19001": {"Avg": 6.0, "Flag": "N"},
    "a34013": {"Rtd": 3.2, "Flag": "D"},
    "w01018": {"Avg": 40, "Flag": "N"},
}


class Packets(WebEntrance):
    """What is taken is handled too: a handler that fails on it is found after the batch."""

    name = "packets"

    def known(self) -> Sequence[Input]:
        return [to_packets(body) for body in _known()] + [to_packets(dumped(_packet()) + b"\n", NDJSON)]

    def make(self, random: Random) -> Input:
        count = random.choice((1, 1, 1, 2, 5, 40))
        media = random.choice((ARRAY, ARRAY, NDJSON))
        client = random.choice((b"admin", b"device"))
        if media == NDJSON:
            lines = [random.choice((_mutated, _good))(random) for _ in range(count)]
            return to_packets(random.choice((b"\n", b"\n", b"\r\n", b"\n\n", b"\r")).join(lines), media, client)
        if random.random() < 0.2:
            return to_packets(json_mutated([_of(random) for _ in range(count)], random), media, client)
        items = [random.choice((_mutated, _mutated, _good))(random) for _ in range(count)]
        body = b"[" + b",".join(items) + b"]"
        return to_packets(bytes_mutated(body, random) if random.random() < 0.1 else body, media, client)

    def send(self, one: Input) -> str:
        answer = self.ask(one)
        outcome = self.oracle.answer(answer)
        body = answer.json()
        if "rejected" not in body:  # the body as a whole was refused
            return outcome
        if (answer.status_code == 422) != bool(body["rejected"] and not body.get("accepted")):
            raise Broken(f"{answer.status_code} to {answer.text[:300]}")
        rejected = sorted({one["code"] for one in body["rejected"]})
        return f"{answer.status_code} {rejected[0] if rejected else 'accepted'}"


def to_packets(body: bytes, media: str = ARRAY, caller: bytes = b"admin") -> Input:
    return Input("POST /monitoring/v1/packets", body, (("content-type", media.encode()), (CALLER, caller)))


def _packet(hours: int = 3) -> dict[str, Any]:
    return {"mn": TARGET.mn, "command": "2061", "data_time": rfc3339(last_hour(hours)), "factors": FACTORS}


def _of(random: Random) -> dict[str, Any]:
    """A good packet of some command and time, or the one that is kept as golden."""
    if random.random() < 0.1:
        golden = json.loads((GOLDEN / "packet.http.data.v1.json").read_text(encoding="utf-8"))
        return {**golden, "mn": TARGET.mn}
    command = random.choice(("2061", "2051", "2011", "2031", "2041", "9015"))
    at = last_hour(random.randrange(2, 2000)) + timedelta(minutes=random.choice((0, 0, 10, 59)))
    more = random.choice(({}, {"qn": at.strftime("%Y%m%d%H%M%S") + "000"}, {"rf": True}))
    return {**_packet(), "command": command, "data_time": rfc3339(at), **more}


def _good(random: Random) -> bytes:
    return dumped(_of(random), random)


def _mutated(random: Random) -> bytes:
    return json_mutated(_of(random), random)


def _known() -> list[bytes]:
    """Bodies that once did harm, or might; each of an hour of its own, else only the last of an hour is decided."""
    deep = [{"unknown": Raw(nested(depth, kind))} for depth in (900, 989, 995, 2000) for kind in "[{"]
    large = ("9" * 5000, "-" + "9" * 5000, "9" * 309, "0." + "1" * 5000, "1e400", "1e308", "-1e308", "1e-320", "NaN")
    digits = [_of_one({"Avg": Raw(number), "Flag": "N"}) for number in large]
    fields: tuple[dict[str, Any], ...] = (
        {"Flag": "\x00", "Avg": 1},
        {"Flag": "\u202e", "Avg": 1},
        {"\ud800": 1},
        {"Avg": True},
        {"Avg": []},
    )
    texts = [
        {name: text}
        for name in ("mn", "command", "data_time", "qn", "received_at", "source")
        for text in ("", "\x00", "\ud800", "x" * 100_000, "9" * 5000)
    ]
    many: list[dict[str, Any]] = [
        {"factors": {f"a{n:05d}": {"Avg": n, "Flag": "N"} for n in range(count)}} for count in (256, 3000)
    ]
    odd: list[dict[str, Any]] = [{"factors": {"": {}}}, {"factors": {"\x00": {"Avg": 1}}}, *many, *map(_of_one, fields)]
    times = (
        "9999-12-31T23:59:59+08:00",
        "0001-01-01T00:00:00+14:00",
        "2026-11-20T08:00:00+23:59",
        "2026-W47-5T08+08:00",
    )
    changes: list[dict[str, Any]] = [*deep, *digits, *texts, *odd, *({"data_time": text} for text in times)]
    bare = [
        b"",
        b"[",
        b"[]",
        b"null",
        b"0",
        b'"x"',
        b"\x00",
        b"[\xff]",
        nested(2000).encode(),
        b"[" * 1_000_000,
        b"9" * 100_000,
    ]
    return [*bare, *(dumped([{**_packet(3 + n), **change}]) for n, change in enumerate(changes))]


def _of_one(fields: dict[str, Any]) -> dict[str, Any]:
    return {"factors": {"a21026": fields}}
