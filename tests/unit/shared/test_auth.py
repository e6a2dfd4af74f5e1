"""Tokens: verified offline, scoped, expiring, revocable."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jwt
import pytest

from shared.access import Caller, Role
from shared.domain.errors import NotFound, Unauthorized
from shared.runtime.auth import SigningKey, Verifier, claims, signing_key

NOW = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)


class Ring:
    """The public keys and revocations a test wants known."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = {key.kid: key.public_pem() for key in keys}
        self.gone: set[str] = set()

    def public_key(self, kid: str) -> str | None:
        return self.keys.get(kid)

    def revoked(self, jti: str) -> bool:
        return jti in self.gone


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return signing_key(tmp_path / "signing.key")


OFFICER = Caller(Role.OFFICER, "officer", region="1501", scopes=("investigate",))


def test_a_token_says_who_calls_and_what_they_see(key: SigningKey) -> None:
    verifier = Verifier(Ring(key), lambda: NOW)
    caller = verifier.caller(key.sign(claims(OFFICER, now=NOW)))
    assert caller == OFFICER
    assert caller.sees(credit_code="x", region="150102")
    assert not caller.sees(credit_code="x", region="150202")
    with pytest.raises(NotFound):
        caller.must_see("alert", credit_code="x", region="150202")


def test_an_enterprise_sees_its_own_and_never_anothers() -> None:
    caller = Caller(Role.ENTERPRISE, "e", credit_codes=("A",))
    assert caller.sees(credit_code="A", region="150102")
    assert not caller.sees(credit_code="B", region="150102")
    assert not caller.sees(credit_code=None, region="150102")


def test_a_device_and_an_officer_without_region_see_nothing() -> None:
    assert not Caller(Role.DEVICE, "d", mns=("M",)).sees(credit_code="A", region="150102")
    assert not Caller(Role.OFFICER, "o").sees(credit_code="A", region="150102")


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


def test_a_token_without_expiry_or_of_another_key_or_algorithm_is_refused(key: SigningKey, tmp_path: Path) -> None:
    verifier = Verifier(Ring(key), lambda: NOW)
    body = claims(OFFICER, now=NOW)
    stranger = signing_key(tmp_path / "other.key")
    unsigned = jwt.encode(body, "x" * 40, algorithm="HS256", headers={"kid": key.kid})
    endless = {name: value for name, value in body.items() if name != "exp"}
    for token in (stranger.sign(body), unsigned, key.sign(endless), "nonsense"):
        with pytest.raises(Unauthorized):
            verifier.caller(token)


def test_the_key_file_is_its_owners_alone_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    first = signing_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_key(path).kid == first.kid
