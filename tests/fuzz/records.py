"""Records that others write straight to the log, on every topic: golden ones, changed or not, and any bytes at all.

Good records stand between bad ones under the same key, so in the same partition; those must have their effect.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from random import Random
from typing import Any

from shared.domain.clock import rfc3339
from shared.domain.events import ALERTS, PACKETS, QUARANTINE, REGISTRY, RISKS
from tests.fuzz.inputs import Broken, Input
from tests.fuzz.mutations import NUMBERS, ODD_TEXTS, Raw, bytes_mutated, dumped, json_mutated, nested, paths, put
from tests.fuzz.oracle import WITHIN_S, Oracle
from tests.fuzz.site import GOLDEN, TARGET, Site
from tests.support.product import eventually, last_hour
from tests.support.whole import packet

TOPICS = (PACKETS, REGISTRY, RISKS, ALERTS, QUARANTINE)
KEY = "key"  # among the headers of an input: the record's key
GOOD = "good"  # among the headers: what its effect is known by
EVERY = 8  # so many records, one of them good
# A number behind the register's end holds a partition up for half a minute, as it should: not here.
OFFSETS = (b"", b"no number", b"-1", b"0", b"\xff", b"1e3", "٣".encode(), b"\x00", b" 1 ")


class Records:
    """`target` is the topic; None as payload is a tombstone."""

    name = "records"
    sets_aside = True

    def __init__(self, site: Site, oracle: Oracle) -> None:
        self._site = site
        self._seeds = {
            topic: [json.loads(path.read_text(encoding="utf-8")) for path in GOLDEN.glob(mask)]
            for topic, mask in MASKS.items()
        }
        assert all(self._seeds.values()), "a topic without golden records"
        self._made = 0
        self._written: list[Callable[[], object]] = []
        self._awaited: dict[str, str] = {}  # what the last good record of each topic is known by

    def known(self) -> Sequence[Input]:
        return [self._record(topic, value) for topic in TOPICS for value in self._known(topic)]

    def make(self, random: Random) -> Input:
        topic = random.choice(TOPICS)
        self._made += 1
        if topic in self._goods and self._made % EVERY == 0:
            return self._good(topic, self._made)
        seed = random.choice(self._seeds[topic])
        kind = random.random()
        if kind < 0.03:
            return self._record(topic, None, random)
        if kind < 0.1:
            return self._record(topic, random.randbytes(random.randrange(60)), random)
        if kind < 0.2:
            return self._record(
                topic, bytes_mutated(dumped(seed), random, dumped(random.choice(self._seeds[topic]))), random
            )
        return self._record(topic, json_mutated(seed, random), random)

    def send(self, one: Input) -> str:
        given = dict(one.headers)
        headers = tuple((name, value) for name, value in one.headers if name not in (KEY, GOOD))
        self._written.append(self._site.append(one.target, given[KEY], one.payload, headers))
        if GOOD in given:
            self._awaited[one.target] = given[GOOD].decode()
        return f"{one.target} {'good' if GOOD in given else 'odd'}"

    def settle(self) -> Iterator[str]:
        """All are written, and the last good one of each topic has had its effect."""
        for written in self._written:
            written()
        self._written.clear()
        for topic, known_by in self._awaited.items():
            try:
                eventually(partial(self._effect, topic, known_by), within_s=WITHIN_S, what=f"{topic} {known_by}")
            except AssertionError as late:
                raise Broken(f"a good record between bad ones had no effect: {late}\n{self._site.errors()}") from late
            yield f"{topic} effect seen"
        self._awaited.clear()

    def _effect(self, topic: str, known_by: str) -> bool:
        """Whether what the good record is known by can be seen."""
        if topic == REGISTRY:
            return self._site.client.get(f"/monitoring/v1/points/{known_by}/latest").status_code == 200
        path, asked = {
            PACKETS: (
                f"/monitoring/v1/points/{TARGET.mn}/series",
                {"factor": TARGET.factor, "from": known_by, "limit": "1"},
            ),
            RISKS: ("/alerts/v1/alerts", {"outlet": known_by}),
            QUARANTINE: ("/monitoring/v1/quarantine", {"mn": known_by}),
        }[topic]
        answer = self._site.client.get(path, params=asked)
        if answer.status_code != 200:
            raise Broken(f"{path} is answered {answer.status_code} {answer.text[:300]}")
        items = answer.json()["items"]
        return bool(items) and (topic != PACKETS or items[0]["at"] == known_by)

    def _record(self, topic: str, value: bytes | None, random: Random | None = None) -> Input:
        key = KEYS.get(topic, f"fuzz:{self._made}").encode()
        headers: tuple[tuple[str, bytes], ...] = ()
        if random is not None and random.random() < 0.1:
            headers = (("registry", random.choice(OFFSETS)), ("raw", random.randbytes(random.randrange(9))))
        return Input(topic, value, ((KEY, key), *headers))

    def _good(self, topic: str, number: int) -> Input:
        value, known_by = self._goods[topic](self, number)
        one = self._record(topic, dumped(value))
        return Input(topic, one.payload, (*one.headers, (GOOD, known_by.encode())))

    def _good_packet(self, number: int) -> tuple[Any, str]:
        start = last_hour(5000 + number % 9000)
        return {**packet(TARGET, start, 20.0), "source": "bridge"}, rfc3339(start)

    def _good_point(self, number: int) -> tuple[Any, str]:
        mn = f"A150102_9{number:06d}"
        return _renamed(
            self._golden(REGISTRY, "A150102_4201"), {"A150102_4201": mn, "91150102MA0004201F": TARGET.code}
        ), mn

    def _good_risk(self, number: int) -> tuple[Any, str]:
        golden = self._golden(RISKS, "yujing.risk.opened")
        changes = {
            golden["data"]["id"]: f"rsk_{number:026d}",
            "DA001": f"DA{number:06d}",
            "91150102MA0004201F": TARGET.code,
        }
        return _renamed(golden, changes), f"DA{number:06d}"

    def _good_quarantined(self, number: int) -> tuple[Any, str]:
        mn = f"A150102_8{number:06d}"
        return _renamed(self._golden(QUARANTINE, "gateway"), {"A150102_4201": mn}), mn

    def _golden(self, topic: str, word: str) -> Any:
        """The golden of the topic about this."""
        points = [
            seed for seed in self._seeds[topic] if topic != REGISTRY or seed.get("data", {}).get("kind") == "point"
        ]
        return next(seed for seed in points if word in json.dumps(seed))

    _goods: dict[str, Callable[[Records, int], tuple[Any, str]]] = {
        PACKETS: _good_packet,
        REGISTRY: _good_point,
        RISKS: _good_risk,
        QUARANTINE: _good_quarantined,
    }

    def _known(self, topic: str) -> list[bytes | None]:
        """Bytes that are no document, and each golden with one odd value at each of its places in turn."""
        bare: list[bytes | None] = [
            None,
            b"",
            b"\x00",
            b"[]",
            b"{}",
            b"null",
            b"\xff\xfe\x00",
            b"1" * 5000,
            b"[" * 100_000,
        ]
        bare += [nested(depth, kind).encode() for depth in (900, 989, 1000, 2000) for kind in "[{"]
        found = []
        for number, seed in enumerate(self._seeds[topic]):
            for place, path in enumerate(list(paths(seed))[1 + number % 3 :: 3 if topic != ALERTS else 9]):
                found.append(dumped(put(deepcopy(seed), path, ODD[(number + place) % len(ODD)])))
            found += [dumped({**seed, "unknown": Raw(nested(depth))}) for depth in (900, 950, 989)]
        return [*bare, *found]


def _renamed(document: Any, changes: dict[str, str]) -> Any:
    """The same with other names wherever they stand."""
    text = json.dumps(document, ensure_ascii=False)
    for old, new in changes.items():
        text = text.replace(old, new)
    return json.loads(text)


KEYS = {PACKETS: TARGET.mn, RISKS: TARGET.code, QUARANTINE: "gateway", ALERTS: TARGET.code}
MASKS = {
    PACKETS: "packet.*.json",
    REGISTRY: "yujing.regist*.json",
    RISKS: "yujing.[rd]is[kc]*.json",
    ALERTS: "yujing.[!rd]*.json",
    QUARANTINE: "quarantine.*.json",
}
ODD: tuple[Any, ...] = (
    None,
    {},
    [],
    "",
    "\x00",
    "\ud800",
    True,
    0,
    Raw("-1"),
    *(Raw(number) for number in NUMBERS[:20]),
    Raw("1e400"),
    Raw("NaN"),
    Raw(nested(900)),
    *ODD_TEXTS[:9],
    *ODD_TEXTS[27:40],
)
