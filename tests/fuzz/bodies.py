"""JSON bodies of every PUT and POST that the OpenAPI documents name: a good one of each, with something wrong in it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.fuzz.inputs import Input
from tests.fuzz.mutations import ODD_TEXTS, Raw, bytes_mutated, dumped, mutated, nested, paths, put
from tests.fuzz.oracle import Oracle
from tests.fuzz.site import CALLER, ELSEWHERE, TARGET, Site
from tests.fuzz.web import WebEntrance

JSON = (("content-type", b"application/json"),)
MEDIA = (
    b"application/json",
    b"application/json; charset=utf-16",
    b"text/plain",
    b"",
    b"application/x-ndjson",
    b"a/b; c=\xff",
)
LIMIT = {"factor": "a21026", "averaging": "hour", "limit": "35", "unit": "mg/m3", "reference_o2_pct": "6", "basis": "x"}
PERMIT = TARGET.document(
    renewal_applied_on=None,
    renewal_accepted_on=None,
    renewal_refused_on=None,
    effective_from=None,
    reports=[{"kind": "annual", "due": "01-31"}],
    outlets=[
        {
            "code": "DA001",
            "medium": "air",
            "name": "1号锅炉烟囱",
            "points": [
                {"mn": TARGET.mn, "system": "31", "password": None, "units": {"w20115": "mg/L"}, "interval_s": 60}
            ],
            "limits": [LIMIT],
            "annual_amounts": [{"factor": "a21026", "year": 2026, "tonnes": "12.5"}],
        }
    ],
)
FILTER = {
    "regions": [ELSEWHERE],
    "industries": ["D44"],
    "kinds": ["emission.*"],
    "min_level": "yellow",
    "stages": ["during"],
}
GOOD: dict[str, Any] = {
    f"PUT /permits/v1/enterprises/{TARGET.code}": {
        **TARGET.enterprise(),
        "longitude": 111.7,
        "latitude": 40.8,
        "group": None,
    },
    f"PUT /permits/v1/permits/{TARGET.permit}": PERMIT,
    f"PUT /permits/v1/points/{TARGET.mn}": {
        "mn": TARGET.mn,
        "system": "31",
        "credit_code": TARGET.code,
        "outlet": "DA001",
    },
    "PUT /permits/v1/calendar/2031": {"holidays": ["2031-01-01"], "workdays": ["2031-01-04"], "source": "x"},
    f"PUT /permits/v1/regions/{ELSEWHERE}": {"register_complete": True},
    "POST /permits/v1/keys": {"role": "officer", "subject": "x", "region": "15", "scopes": ["investigate"], "days": 3},
    "POST /permits/v1/keys/revocations": {"jti": "x"},
    "POST /alerts/v1/endpoints": {"url": "http://127.0.0.1:9/x", "owner": {"region": ELSEWHERE}},
    "POST /alerts/v1/subscriptions": {
        "name": "x",
        "filter": FILTER,
        "via": {"endpoint": "{desk}"},
        "digest": "daily",
    },
    "PUT /alerts/v1/subscriptions/{subscription}": {"name": "x", "filter": FILTER, "via": {"endpoint": "{desk}"}},
    "POST /monitoring/v1/quarantine/{quarantined}/put-back": None,
    "POST /alerts/v1/endpoints/{endpoint}/rotate": None,
    "POST /alerts/v1/endpoints/{endpoint}/disable": {"text": "x"},
    "POST /alerts/v1/endpoints/{endpoint}/enable": None,
    "POST /alerts/v1/endpoints/{endpoint}/pause": None,
    "POST /alerts/v1/endpoints/{endpoint}/resume": None,
    "PATCH /alerts/v1/endpoints/{endpoint}": {
        "url": "http://127.0.0.1:9/x",
        "name": "x",
        "filter": {"events": ["yujing.alert.issued.v1"], "kinds": ["emission.*"]},
    },
    f"PUT /alerts/v1/offices/{ELSEWHERE}": {"name": "x", "phone": "0471-12345"},
    **{
        f"POST /alerts/v1/alerts/{{alert}}/{move}": {"text": "x"}
        for move in ("acknowledge", "answer", "objection", "verify", "close", "withdraw")
    },
}
UNTOUCHED = ("/packets", "/imports", "/dismiss", "/test", "/replay")  # entrances of their own, or nothing to send
# Targets of pushes. No name and no address here leads out of this machine: 192.0.2.0/24 and .invalid are nobody's.
URLS = (
    "http://127.0.0.1:9/x",
    "http://[v1.x]",
    "http://[::1",
    "http://[::1]:9/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:-1/",
    "http://127.0.0.1:9/\x00",
    "http://x@127.0.0.1/",
    "http://[::ffff:127.0.0.1]:9/",
    "http://0x7f.1:9/",
    "http://0/",
    "ftp://127.0.0.1",
    "http://",
    "http:",
    "//127.0.0.1/",
    "javascript:1",
    "http://127.0.0.1:9/\ud800",
    "http://é.invalid/",
    "http://xn--.invalid/",
    "http://" + "a" * 70 + ".invalid/",
    "http://a..invalid/",
    "http://.invalid",
    "http://192.0.2.1:9/%00",
    "http://127.0.0.1:9/" + "x" * 5000,
    "http://[fe80::1%25x]:9/",
    "http://127.0.0.1:9:9/",
    "http://127.0.0.1:٣/",
    "http://\u200b127.0.0.1:9/",
    "http://[]/",
    "http://[::1]x/",
    "http://[127.0.0.1]/",
    "http://1.1.1.1.invalid:0/",
    "HTTP://127.0.0.1:9",
    "http://127.0.0.1:9#\n",
)


class Bodies(WebEntrance):
    """`payload` is the body; where a URL stands in it, it is one of `URLS`."""

    name = "bodies"

    def __init__(self, site: Site, oracle: Oracle) -> None:
        super().__init__(site, oracle)
        for route in site.routes:
            if route.verb in ("PUT", "POST", "PATCH") and not route.path.endswith(UNTOUCHED):
                like = re.compile(f"{route.verb} {re.sub('{[^}]*}', '[^/]+', route.path)}")
                assert any(map(like.fullmatch, GOOD)), f"{route.verb} {route.path} has no good body here to begin with"

    def known(self) -> Sequence[Input]:
        endpoint = "POST /alerts/v1/endpoints"
        urls = [Input(endpoint, dumped({**GOOD[endpoint], "url": url}), JSON) for url in URLS]
        bodies = [Input(target, body, _headers(target)) for target in GOOD for body in _known(GOOD[target])]
        return [*urls, *bodies]

    def make(self, random: Random) -> Input:
        target = random.choice(list(GOOD))
        media = (("content-type", random.choice(MEDIA)),) if random.random() < 0.05 else JSON
        callers = (b"enterprise", b"officer", b"admin") if "/alerts/" in target else (b"admin",)
        headers = (*media, (CALLER, random.choice(callers)))
        if random.random() < 0.05:
            return Input(target, random.choice(_known(GOOD[target])), headers)
        body = mutated(GOOD[target], random)
        if isinstance(body, dict) and "url" in body:
            body["url"] = random.choice(URLS)
            return Input(target, dumped(body, random), headers)
        written = dumped(body, random)
        safe = b"http" not in written
        return Input(target, bytes_mutated(written, random) if safe and random.random() < 0.1 else written, headers)

    def send(self, one: Input) -> str:
        body = self.site.filled((one.payload or b"").decode("utf-8", "surrogateescape")).encode(
            "utf-8", "surrogateescape"
        )
        return self.oracle.answer(self.ask(one.holding(body)))


def _headers(target: str) -> tuple[tuple[str, bytes], ...]:
    """Subscriptions are the officer's, the endpoint is the enterprise's."""
    caller = b"officer" if "/subscriptions" in target else b"enterprise" if "/endpoints/" in target else b"admin"
    return (*JSON, (CALLER, caller))


def _known(good: Any) -> list[bytes]:
    """What is no document, and the good one with each of a few values at each of its places."""
    bare = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"0",
        b'"x"',
        b"\x00",
        b"[" * 100_000,
        nested(900).encode(),
        nested(2000, "{").encode(),
        b"9" * 5000,
    ]
    odd: tuple[Any, ...] = ("\x00", "\ud800", Raw("9" * 5000), Raw("1e400"), Raw("NaN"), Raw(nested(900)), None)
    places = [path for path in paths(good) if path and path != ("url",)][::2]
    found = [dumped(put(json.loads(json.dumps(good)), path, odd[n % len(odd)])) for n, path in enumerate(places)]
    more = (
        [dumped({**good, "unknown": Raw(nested(depth))}) for depth in (900, 989, 2000)]
        if isinstance(good, dict)
        else []
    )
    return [*bare, *found, *more, dumped(dict.fromkeys(ODD_TEXTS[:10], 1))]
