"""Cursors of every list, found in the OpenAPI documents; and where an event stream is to go on."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Sequence
from random import Random
from typing import Any
from urllib.parse import quote

from tests.fuzz.inputs import Input
from tests.fuzz.mutations import NUMBERS, ODD_TEXTS, Raw, bytes_mutated, dumped, json_mutated, nested
from tests.fuzz.oracle import Oracle
from tests.fuzz.site import TARGET, Route, Site, unpadded
from tests.fuzz.web import WebEntrance

NEEDED = {"factor": TARGET.factor}
SYNTHETIC: list[list[Any]] = [
    [1],
    ["x"],
    ["2026-11-20T00:00:00+08:00", "x"],
    [1, "x"],
    ["x", "y"],
    [1, 2, 3],
    ["2026-11-20", "x"],
]


class Cursors(WebEntrance):
    """`payload` is the cursor as it is sent; it stands behind the target's last `=`."""

    name = "cursors"

    def __init__(self, site: Site, oracle: Oracle) -> None:
        super().__init__(site, oracle)
        self._lists = [
            _asked(route, name)
            for route in site.routes
            for name in route.parameters("query")
            if name in ("cursor", "after")
            if not route.path.endswith("/stream")
        ]
        assert len(self._lists) > 10, "the OpenAPI documents name no cursors"
        self._keys = SYNTHETIC + [key for target in self._lists if (key := self._given(target))]

    def _given(self, target: str) -> list[Any] | None:
        """The key in the cursor that the list itself gives."""
        path = self.site.filled(target.removeprefix("GET ").rpartition("&")[0] + "&limit=1")
        answer = self.site.client.get(path)
        text = answer.json().get("next") if answer.status_code == 200 else None
        return json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))) if isinstance(text, str) else None

    def known(self) -> Sequence[Input]:
        texts = _known()
        return [Input(target, text) for n, target in enumerate(self._lists) for text in texts[n % 6 :: 6]]

    def make(self, random: Random) -> Input:
        return Input(random.choice(self._lists), self._text(random))

    def _text(self, random: Random) -> bytes:
        if random.random() < 0.1:
            return random.choice((*ODD_TEXTS, *NUMBERS)).encode("utf-8", "replace")
        written = unpadded(json_mutated(random.choice(self._keys), random)).encode()
        return bytes_mutated(written, random) if random.random() < 0.15 else written

    def send(self, one: Input) -> str:
        target = one.target + quote(one.payload or b"", safe="")
        return self.oracle.answer(self.ask(Input(target, None)))


def _asked(route: Route, name: str) -> str:
    """The list with all that it needs, up to the cursor."""
    path = route.path.replace("{mn}", TARGET.mn).replace("{id}", "{import}").replace("{code}", TARGET.region)
    needed = "&".join(f"{one}={NEEDED.get(one, 'x')}" for one in route.needed())
    return f"{route.verb} {path}?{needed}&{name}="


def _known() -> list[bytes]:
    keys: list[Any] = [
        [],
        None,
        {},
        "x",
        1,
        [None],
        [Raw("9" * 5000)],
        [Raw("1e400")],
        [Raw("NaN")],
        [2**63],
        [-(2**63) - 1],
        [True],
    ]
    keys += [
        ["\x00"],
        ["\ud800"],
        ["x" * 7000],
        ["9999-12-31T23:59:59-14:00", "x"],
        ["0001-01-01T00:00:00+14:00", 1],
        [1.5],
        [[1]],
    ]
    keys += [["0001-01-01", "x"], ["９", "x"], [-1], [2**62 - 1], ["2026-11-20T00:00:00", "x"], ["2026-11-20", "\n"]]
    deep = [unpadded(nested(depth, kind).encode()) for depth in (900, 995, 2000, 5000) for kind in "[{"]
    bare = [b"%%%", "é".encode(), b"\x00", b"=", b"====", b"A", b"-", b"9" * 5000, b"/+", b"bm90LWpzb24"]
    return [*(unpadded(dumped(key)).encode() for key in keys), *(text.encode() for text in deep), *bare]
