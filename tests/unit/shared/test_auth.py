"""Tokens: verified offline, scoped, expiring, revocable."""

from __future__ import annotations

import json
import stat
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import jwt
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.access import Caller, Role
from shared.domain.errors import Unauthorized, Unreachable
from shared.runtime.auth import Authentication, SigningKey, Verifier, allow, claims, signing_key
from shared.runtime.web import install_problems

NOW = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)


class Ring:
    """The public keys and revocations a test wants known."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = {key.kid: key.public_pem() for key in keys}
        self.gone: set[str] = set()
        self.stale = False

    def public_key(self, kid: str) -> str | None:
        if self.stale:
            raise Unreachable("stale")
        return self.keys.get(kid)

    def revoked(self, jti: str) -> bool:
        return jti in self.gone


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path / "signing.key")


OFFICER = Caller(Role.OFFICER, "officer", region="1501", scopes=("investigate",))


def test_a_token_says_who_calls(key: SigningKey) -> None:
    verifier = Verifier(Ring(key), lambda: NOW)
    assert verifier.caller(key.sign(claims(OFFICER, now=NOW))) == OFFICER


@pytest.mark.parametrize("life", [timedelta(seconds=-1), timedelta(0)])
def test_an_expired_token_is_refused(key: SigningKey, life: timedelta) -> None:
    with pytest.raises(Unauthorized, match="expired"):
        Verifier(Ring(key), lambda: NOW).caller(key.sign(claims(OFFICER, now=NOW, life=life)))


def test_a_revoked_token_is_refused(key: SigningKey) -> None:
    ring = Ring(key)
    body = claims(OFFICER, now=NOW)
    ring.gone.add(body["jti"])
    with pytest.raises(Unauthorized, match="revoked"):
        Verifier(ring, lambda: NOW).caller(key.sign(body))


def test_no_token_is_taken_while_no_revocation_can_arrive_however_well_its_key_is_known(key: SigningKey) -> None:
    ring = Ring(key)
    verifier, token = Verifier(ring, lambda: NOW), key.sign(claims(OFFICER, now=NOW))
    assert verifier.caller(token) == OFFICER
    ring.stale = True
    with pytest.raises(Unreachable):
        verifier.caller(token)
    ring.stale = False
    assert verifier.caller(token) == OFFICER


def test_a_token_without_expiry_or_of_another_key_or_algorithm_is_refused(key: SigningKey, tmp_path: Path) -> None:
    verifier = Verifier(Ring(key), lambda: NOW)
    body = claims(OFFICER, now=NOW)
    other_key = signing_key(tmp_path / "other.key")
    unsigned = jwt.encode(body, "x" * 40, algorithm="HS256", headers={"kid": key.kid})
    endless = {name: value for name, value in body.items() if name != "exp"}
    for token in (other_key.sign(body), unsigned, key.sign(endless), "nonsense"):
        with pytest.raises(Unauthorized):
            verifier.caller(token)


ODD_CLAIMS: dict[str, list[Any]] = {
    "exp": ["soon", None, [], {}, True, 1.5, float("nan"), float("inf"), -1, 10**12, 10**400],
    "jti": [None, [], ["x"], 7, {}, "\x00", "\ud800"],
    "sub": [None, [], 7, {}, "\ud800"],
    "role": [None, [], {}, 7, "nobody", "\ud800"],
    "region": [[], 7, {}, True, "\x00"],
    "credit_codes": [7, "91150102MA0000001X", [7], [None], [["x"]], {}, None, ["\ud800"]],
    "scopes": [7, "register", [7], [[]], {"register": 1}],
    "mns": [7, "M", [7], [{}], False],
    "nbf": ["soon", None, [], {}, float("inf"), 10**400],
    "aud": [[], "others", 7],
    "iss": [[], {}, 7],
}
ODD = [(name, value) for name, values in ODD_CLAIMS.items() for value in values]
UNREAD = {"iss", "aud", "nbf"}  # not ours: PyJWT may take or refuse them, but not fail


def signed(key: SigningKey, body: bytes) -> str:
    """A token of ours whose claims are these bytes."""
    return jwt.api_jws.encode(body, key.key, algorithm="EdDSA", headers={"kid": key.kid})


@pytest.mark.parametrize(("name", "value"), ODD, ids=lambda value: repr(value)[:30])
def test_a_token_of_ours_with_a_claim_of_the_wrong_type_is_refused(key: SigningKey, name: str, value: Any) -> None:
    token = signed(key, json.dumps({**claims(OFFICER, now=NOW), name: value}).encode())
    try:
        caller = Verifier(Ring(key), lambda: NOW).caller(token)
    except Unauthorized:
        return
    assert name in UNREAD and caller == OFFICER


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 30_000,
        b"7",
        b'{"alg": "EdDSA", "kid": ["x"]}',
        b'{"alg": "EdDSA", "kid": null}',
        b'{"alg": ["EdDSA"], "kid": "x"}',
        b'{"alg": "EdDSA", "crit": ["\\ud800"]}',
        b"\xff\xfe",
    ],
    ids=["deep", "a number", "kid a list", "no kid", "alg a list", "half a pair", "no UTF-8"],
)
def test_a_token_with_an_odd_header_is_refused(key: SigningKey, header: bytes) -> None:
    token = urlsafe_b64encode(header).decode().rstrip("=") + ".e30.e30"
    with pytest.raises(Unauthorized):
        Verifier(Ring(key), lambda: NOW).caller(token)


def test_a_token_with_deeply_nested_claims_is_refused(key: SigningKey) -> None:
    with pytest.raises(Unauthorized):
        Verifier(Ring(key), lambda: NOW).caller(signed(key, b"[" * 20_000))


@pytest.fixture
def site(key: SigningKey) -> TestClient:
    """An application with a route for officers that reads a JSON body."""
    app = FastAPI()
    app.state.verifier = Verifier(Ring(key), lambda: NOW)
    install_problems(app)
    app.add_middleware(Authentication)

    @app.post("/officers")
    def officers(_caller: Annotated[Caller, allow(Role.OFFICER)], body: list[int]) -> int:
        return sum(body)

    return TestClient(app, raise_server_exceptions=False)


def bearer(key: SigningKey, caller: Caller) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.sign(claims(caller, now=NOW))}"}


@pytest.mark.parametrize("body", [b"{", b"[" * 20_000, b"[1]"], ids=["no JSON", "too deep", "good"])
def test_without_a_valid_token_no_body_is_read(site: TestClient, body: bytes) -> None:
    for authorization, code in (
        (None, "unauthorized"),
        ("Bearer not.a.token", "not-a-token"),
        ("Basic eA==", "unauthorized"),
    ):
        headers = {"Authorization": authorization} if authorization else {}
        answer = site.post("/officers", content=body, headers={**headers, "Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (401, code)


def test_with_a_valid_token_the_body_is_read_and_the_role_decides(site: TestClient, key: SigningKey) -> None:
    assert site.post("/officers", json=[1, 2], headers=bearer(key, OFFICER)).json() == 3
    assert site.post("/officers", json=[1, 2], headers=bearer(key, Caller(Role.ADMIN, "a"))).json() == 3
    assert site.post("/officers", json=[1, 2], headers=bearer(key, Caller(Role.DEVICE, "d"))).status_code == 403


def test_the_key_file_is_its_owners_alone_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    first = signing_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_key(path).kid == first.kid
