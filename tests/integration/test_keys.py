"""The keys that data were made with: adopted once, another one is named and refused, in both databases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from services.composition import SERVICES, adopt_keys, check_keys
from services.permits.handlers.tokens import publish_key
from services.permits.service import registrar_of
from services.permits.store import tokens as token_store
from services.permits.store.tokens import Issuance
from shared.database import Database
from shared.domain.clock import system_clock
from shared.domain.errors import Conflict
from shared.runtime.auth import signing_key
from shared.runtime.directory import PASSWORD, Directory
from shared.runtime.sealing_key import OtherKey
from shared.runtime.secrets import Sealer
from shared.runtime.service import Context
from tests.support.contexts import a_context, migrated
from tests.support.migrating import downgrade

OTHER = Sealer(b"o" * 32)
BEFORE = {"permits": "0008", "monitoring": "0003", "alerts": "0008"}  # the revisions without a fingerprint
NOW = "2026-11-20 00:00:00+00:00"


@dataclass
class Data:
    """One service's database, and the context of the key that it was made with."""

    name: str
    context: Context
    database: Database

    def run(self, *statements: str) -> None:
        with self.database.transaction() as session:
            for statement in statements:
                session.connection().execute(text(statement))

    def adopt(self, sealer: Sealer | None = None) -> None:
        adopt_keys(replace(self.context, sealer=sealer or self.context.sealer), self.name, self.database)

    def fingerprints(self) -> list[str]:
        with self.database.read() as session:
            return list(session.connection().execute(text("SELECT fingerprint FROM sealing_key")).scalars())

    def seal_something(self) -> None:
        seal = self.context.sealer.seal
        rows = {
            "permits": [
                "INSERT INTO enterprise VALUES ('c', '150102', 'D4411', '{}', '[]', 1, FALSE)",
                "INSERT INTO point (mn, credit_code, settings, sealed_password, active, registered_at, revision)"
                f" VALUES ('m', 'c', '{{}}', '{seal('123456', PASSWORD)}', TRUE, '{NOW}', 1)",
            ],
            "monitoring": [
                "INSERT INTO point (mn, credit_code, active, data, revision) VALUES"
                f""" ('m', 'c', TRUE, '{{"sealed_password": "{seal("123456", PASSWORD)}"}}', 1)"""
            ],
            "alerts": [
                "INSERT INTO endpoint (id, kind, address, operators, state, state_at, sealed_secret, created_at, created_by)"
                f" VALUES ('e', 'webhook', 'https://x.example', FALSE, 'active', '{NOW}',"
                f" '{seal('whsec_1', 'endpoint-secret')}', '{NOW}', 'me')"
            ],
        }
        self.run(*(statement.replace(":", r"\:") for statement in rows[self.name]))


@pytest.fixture(params=sorted(SERVICES))
def data(request: pytest.FixtureRequest, tmp_path: Path, database_url: str | None) -> Iterator[Data]:
    context = migrated(a_context(tmp_path, system_clock(), database_url=database_url), request.param)
    database = context.database(request.param)
    yield Data(request.param, context, database)
    database.close()
    context.log.close()


def test_the_first_key_is_adopted_and_another_is_refused_by_name(data: Data) -> None:
    data.adopt()
    data.adopt()
    assert data.fingerprints() == [data.context.sealer.fingerprint]
    with pytest.raises(OtherKey, match=r"secret\.key"):
        data.adopt(OTHER)
    assert data.fingerprints() == [data.context.sealer.fingerprint]


def test_data_of_an_earlier_version_adopt_only_a_key_that_opens_what_they_sealed(data: Data) -> None:
    data.seal_something()
    downgrade(data.database, data.name, BEFORE[data.name])
    with pytest.raises(Conflict, match="yujing migrate"):
        data.adopt()
    migrated(data.context, data.name)
    with pytest.raises(OtherKey):
        data.adopt(OTHER)
    assert data.fingerprints() == []
    data.adopt()
    assert data.fingerprints() == [data.context.sealer.fingerprint]


def test_a_fingerprint_tells_keys_apart_and_holds_nothing_of_them() -> None:
    one, same = Sealer(b"k" * 32), Sealer(b"k" * 32)
    assert one.fingerprint == same.fingerprint != OTHER.fingerprint
    assert b"k" * 4 not in one.fingerprint.encode() and len(one.fingerprint) == 32


@pytest.fixture
def permits(tmp_path: Path, database_url: str | None) -> Iterator[Data]:
    context = migrated(a_context(tmp_path, system_clock(), database_url=database_url), "permits")
    database = context.database("permits")
    yield Data("permits", context, database)
    database.close()
    context.log.close()


def with_a_token(permits: Data, *, days: float = 1) -> Path:
    """Publish the key, as a host does, and issue a token for so many days; the key's file."""
    path = permits.context.settings.signing_key
    now = permits.context.clock.wall_now()
    with permits.database.transaction() as session:
        publish_key(registrar_of(permits.context), session, signing_key(path))
        issuance = Issuance("j1", "officer", "o", "admin", now - timedelta(days=90), now + timedelta(days=days))
        token_store.save_issuance(session, issuance)
    permits.adopt()
    return path


def test_a_new_signing_key_is_refused_while_tokens_are_in_force_until_it_is_accepted(permits: Data) -> None:
    path = with_a_token(permits)
    old = path.read_bytes()
    path.unlink()
    with pytest.raises(OtherKey, match=r"no key in .*signing\.key.* 1 token.*yujing keys accept"):
        permits.adopt()
    assert not path.exists(), "a refused start makes no key"
    signing_key(path)
    with pytest.raises(OtherKey, match="1 token"):
        permits.adopt()
    with permits.database.transaction() as session:
        publish_key(registrar_of(permits.context), session, signing_key(path))
    permits.adopt()
    path.write_bytes(old)
    permits.adopt()  # the old one stays known


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_tokens_that_nobody_can_use_hold_up_no_new_key(permits: Data, how: str) -> None:
    path = with_a_token(permits, days=-1 if how == "expired" else 1)
    if how == "revoked":
        permits.run(f"INSERT INTO revocation VALUES ('j1', '{NOW}', 'me', '{NOW}')".replace(":", r"\:"))
    path.unlink()
    with permits.database.read() as session:
        check_keys(permits.context, "permits", session)


def test_a_register_sealed_with_another_key_is_noticed_by_a_process_whose_own_data_are_empty(tmp_path: Path) -> None:
    context = a_context(tmp_path, system_clock())
    other = Directory(context.log, OTHER, context.clock.wall_now)
    for mn, directory in (("m1", context.directory), ("m2", other)):
        assert directory.other_key() is None, mn
        directory._try_key(mn, context.sealer.seal("123456", PASSWORD))
    assert context.directory.other_key() is None
    assert "m2" in str(other.other_key())
    other._try_key("m3", OTHER.seal("123456", PASSWORD))
    assert other.other_key() is None, "one that opens proves the key; the rest is that point's own trouble"
    context.log.close()
