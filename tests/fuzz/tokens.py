"""Tokens: garbage, tampered ones, and ones rightly signed by the installation's own key with claims of any shape."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.fuzz.inputs import Input
from tests.fuzz.mutations import ODD_TEXTS, Raw, bytes_mutated, dumped, json_mutated, nested
from tests.fuzz.site import TARGET, unpadded
from tests.fuzz.web import Unsendable, WebEntrance

HEADER: dict[str, Any] = {"alg": "EdDSA", "typ": "JWT", "kid": "{key}"}
TARGETS = (
    "GET /permits/v1/permits",
    "GET /permits/v1/keys",
    "GET /monitoring/v1/exceedances",
    "GET /alerts/v1/alerts",
    "GET /alerts/v1/events",
    "GET /alerts/v1/endpoints",
    f"GET /monitoring/v1/points/{TARGET.mn}/latest",
    "GET /alerts/v1/peer-notices",
    "GET /permits/v1/coverage",
)


class Tokens(WebEntrance):
    """With a header named `header`, `payload` is the claims, to be signed; else it is the value of Authorization."""

    name = "tokens"

    def known(self) -> Sequence[Input]:
        signed = [_signed(TARGETS[n % len(TARGETS)], dumped(claims)) for n, claims in enumerate(_odd_claims())]
        heads = [_signed(TARGETS[0], dumped(_claims("admin")), dumped(head)) for head in _odd_headers()]
        return [*signed, *heads, *(Input(TARGETS[0], text) for text in _garbage())]

    def make(self, random: Random) -> Input:
        target = random.choice(TARGETS)
        claims = _claims(random.choice(("admin", "ops", "officer", "enterprise", "device")))
        kind = random.random()
        if kind < 0.7:
            return _signed(target, json_mutated(claims, random))
        if kind < 0.85:
            return _signed(target, dumped(claims), json_mutated(HEADER, random))
        token = f"Bearer {self._token(dumped(claims), dumped(HEADER))}".encode()
        return Input(target, bytes_mutated(token, random))

    def send(self, one: Input) -> str:
        head = dict(one.headers).get("header")
        value = one.payload or b""
        if head is not None:
            value = b"Bearer " + self._token(value, self.site.filled(head.decode("utf-8", "replace")).encode()).encode()
        try:
            return self.oracle.answer(self.ask(Input(one.target, None, (("authorization", value),))))
        except Unsendable:
            return "not sendable"

    def _token(self, claims: bytes, header: bytes) -> str:
        signed = f"{unpadded(header)}.{unpadded(claims)}"
        return f"{signed}.{unpadded(self.site.key.key.sign(signed.encode()))}"


def _signed(target: str, claims: bytes, header: bytes | None = None) -> Input:
    return Input(target, claims, (("header", header or dumped(HEADER)),))


def _claims(role: str) -> dict[str, Any]:
    now = int(time.time())
    scopes: dict[str, dict[str, Any]] = {
        "officer": {"region": "15", "scopes": ["investigate"]},
        "enterprise": {"credit_codes": [TARGET.code]},
        "device": {"mns": [TARGET.mn]},
    }
    return {
        "sub": role,
        "role": role,
        "iat": now,
        "exp": now + 90 * 86400,
        "jti": "0123456789ab",
        **scopes.get(role, {}),
    }


def _odd_claims() -> list[Any]:
    """Claims that once did harm, or might: whoever signs is trusted, but a mistake of his must not be a 500."""
    odd: tuple[Any, ...] = (
        None,
        True,
        0,
        -1,
        Raw("1e400"),
        Raw("NaN"),
        Raw("9" * 5000),
        "x",
        "\x00",
        "\ud800",
        "9" * 5000,
        [],
        [[]],
        [{}],
        [1, None],
        {},
        {"a": 1},
        Raw(nested(900)),
        Raw(nested(2000)),
    )
    admin, officer = _claims("admin"), _claims("officer")
    enterprise, device = _claims("enterprise"), _claims("device")
    found: list[Any] = [{**admin, name: value} for name in ("exp", "sub", "jti", "role") for value in odd]
    found += [{**admin, name: value} for name in ("iat", "nbf", "aud", "iss") for value in odd[::4]]
    found += [{**officer, name: value} for name in ("region", "scopes") for value in odd]
    found += [{**enterprise, "credit_codes": value} for value in odd]
    found += [{**device, "mns": value} for value in odd]
    return [*found, *odd, {}, {"exp": admin["exp"]}]


def _odd_headers() -> list[Any]:
    odd: tuple[Any, ...] = (
        None,
        1,
        [],
        {},
        "none",
        "HS256",
        "\x00",
        "\ud800",
        "9" * 5000,
        Raw(nested(2000)),
        Raw("9" * 5000),
    )
    return [
        *({**HEADER, name: value} for name in ("alg", "kid", "typ", "crit", "b64", "jwk", "x5u") for value in odd),
        *odd,
    ]


def _garbage() -> list[bytes]:
    texts = [text.encode("utf-8", "surrogatepass") for text in ODD_TEXTS]
    bare = [
        b"Bearer",
        b"Bearer ",
        b"Bearer  ",
        b"bearer a.b.c",
        b"Bearer ..",
        b"Bearer " + b"." * 5000,
        b"Basic eA==",
        b"\xff\xfe",
    ]
    return [*bare, *(b"Bearer " + text for text in texts), b"Bearer " + b"A" * 7000]
