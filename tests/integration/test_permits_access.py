"""Who may do what at the register's routes; tokens made, revoked, verified; the key and the heartbeat on the log."""

from __future__ import annotations

import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from fastapi.testclient import TestClient

from services.permits.handlers.tokens import ensure_admin_token
from services.permits.store.tables import PermitsTable
from shared.access import Role
from shared.eventlog.relay import Relay
from shared.runtime.auth import Verifier
from shared.runtime.host import openapi
from tests.support.product import Source
from tests.support.register_harness import RegisterHarness, Ring, register_harness

MINE, THEIRS = Source(), Source(number=2, region="110105")
PATHS = {
    "enterprise": f"/permits/v1/enterprises/{THEIRS.code}",
    "permit": f"/permits/v1/permits/{THEIRS.permit}",
    "point": f"/permits/v1/points/{THEIRS.mn}",
}
LISTS = {"/permits/v1/enterprises": "credit_code", "/permits/v1/permits": "credit_code", "/permits/v1/points": "mn"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RegisterHarness]:
    with register_harness(tmp_path) as opened:
        with opened.client() as admin:
            MINE.register(admin)  # type: ignore[arg-type]
            THEIRS.register(admin)  # type: ignore[arg-type]
        yield opened


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_an_enterprise_cannot_read_another(desk: RegisterHarness, path: str) -> None:
    theirs = desk.client(Role.ENTERPRISE, credit_codes=(THEIRS.code,))
    mine = desk.client(Role.ENTERPRISE, credit_codes=(MINE.code,))
    assert theirs.get(path).status_code == 200
    hidden, missing = mine.get(path), mine.get(f"{path.rsplit('/', 1)[0]}/unknown")
    as_missing = missing.json()["detail"].replace("unknown", path.rsplit("/", 1)[1])
    assert (hidden.status_code, hidden.json()["detail"]) == (404, as_missing)


@pytest.mark.parametrize("path", LISTS)
def test_an_enterprises_lists_hold_only_its_own(desk: RegisterHarness, path: str) -> None:
    items = desk.client(Role.ENTERPRISE, credit_codes=(MINE.code,)).get(path).json()["items"]
    assert [item[LISTS[path]] for item in items] == [MINE.mn if path.endswith("points") else MINE.code]


@pytest.mark.parametrize("path", [*PATHS.values(), *LISTS, "/permits/v1/regions", "/permits/v1/keys"])
def test_no_route_answers_without_a_token(desk: RegisterHarness, path: str) -> None:
    answer = desk.bare().get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_every_route_asks_for_a_token(desk: RegisterHarness) -> None:
    asked = 0
    for path, verbs in openapi(desk.service)["paths"].items():
        for verb in verbs:
            address = path.format(
                credit_code=MINE.code, number=MINE.permit, mn=MINE.mn, code="150102", year=2026, id="imp_none"
            )
            assert desk.bare().request(verb.upper(), address, json={}).status_code == 401, (verb, path)
            asked += 1
    assert asked >= 16


def test_a_device_reads_nothing_of_the_register(desk: RegisterHarness) -> None:
    device = desk.client(Role.DEVICE, mns=(MINE.mn,))
    assert [device.get(path).status_code for path in (*PATHS.values(), *LISTS)] == [403] * 6
    assert device.get("/permits/v1/keys").status_code == 200


@pytest.mark.parametrize("role", [Role.ENTERPRISE, Role.DEVICE, Role.OPS], ids=str)
def test_only_admin_and_officer_write(desk: RegisterHarness, role: Role) -> None:
    caller = desk.client(role, credit_codes=(MINE.code,), mns=(MINE.mn,))
    answer = caller.put(f"/permits/v1/enterprises/{MINE.code}", json=MINE.enterprise())
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


def test_an_officer_writes_with_the_scope_inside_his_region(desk: RegisterHarness) -> None:
    path, document = f"/permits/v1/permits/{MINE.permit}", MINE.document()
    without = desk.client(Role.OFFICER, region="15").put(path, json=document)
    assert (without.status_code, without.json()["code"]) == (403, "scope-missing")
    officer = desk.client(Role.OFFICER, region="1501", scopes=("register",))
    assert officer.put(path, json=document).status_code == 200
    assert officer.put(f"/permits/v1/permits/{THEIRS.permit}", json=THEIRS.document()).status_code == 404
    assert officer.delete(PATHS["point"]).status_code == 404
    assert officer.put(PATHS["point"], json={"system": "31"}).status_code == 404
    away = MINE.enterprise() | {"region": "110105"}
    assert officer.put(f"/permits/v1/enterprises/{MINE.code}", json=away).status_code == 404
    assert officer.put("/permits/v1/regions/110105", json={"register_complete": True}).status_code == 404
    assert officer.put("/permits/v1/regions/150102", json={"register_complete": True}).status_code == 201


def test_only_an_admin_makes_tokens(desk: RegisterHarness) -> None:
    body = {"role": "ops"}
    for role in (Role.ENTERPRISE, Role.OFFICER, Role.DEVICE, Role.OPS):
        assert desk.client(role).post("/permits/v1/keys", json=body).status_code == 403
    assert desk.client().post("/permits/v1/keys", json=body).status_code == 201


def test_a_token_works_until_it_is_revoked(desk: RegisterHarness) -> None:
    admin = desk.client()
    made = admin.post("/permits/v1/keys", json={"role": "enterprise", "credit_codes": [MINE.code]}).json()
    bearer = desk.bare({"Authorization": f"Bearer {made['token']}"})
    assert bearer.get(f"/permits/v1/permits/{MINE.permit}").status_code == 200
    revoked = [admin.post("/permits/v1/keys/revocations", json={"token": made["token"]}) for _ in range(2)]
    assert [answer.status_code for answer in revoked] == [201, 200]
    assert [answer.json()["changed"] for answer in revoked] == [True, False]
    answer = bearer.get(f"/permits/v1/permits/{MINE.permit}")
    assert (answer.status_code, answer.json()["code"]) == (401, "token-revoked")
    (published,) = desk.published(f"revocation:{made['jti']}")
    assert published["data"]["until"] == made["expires_at"]


def test_a_token_is_revoked_by_its_id(desk: RegisterHarness) -> None:
    admin = desk.client()
    made = admin.post("/permits/v1/keys", json={"role": "ops", "days": 7}).json()
    answer = admin.post("/permits/v1/keys/revocations", json={"jti": made["jti"]})
    assert answer.json() == {"jti": made["jti"], "until": made["expires_at"], "changed": True}


def test_a_token_dies_on_its_day(desk: RegisterHarness) -> None:
    made = desk.client().post("/permits/v1/keys", json={"role": "ops", "days": 7}).json()
    bearer = desk.bare({"Authorization": f"Bearer {made['token']}"})
    desk.clock.at += timedelta(days=7)
    assert bearer.get("/permits/v1/permits").json()["code"] == "token-expired"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"role": "enterprise"}, "credit_codes"),
        ({"role": "enterprise", "credit_codes": ["91150102MA0N0AAA11"]}, "credit_codes[0]"),
        ({"role": "officer"}, "region"),
        ({"role": "officer", "region": "99"}, "region"),
        ({"role": "officer", "region": "15", "scopes": ["register", "registr"]}, "scopes[1]"),
        ({"role": "device"}, "mns"),
        ({"role": "ops", "mns": ["A1"]}, "mns"),
        ({"role": "king"}, "role"),
        ({"role": "ops", "days": 366}, "days"),
        ({"role": "ops", "day": 1}, "day"),
    ],
    ids=lambda value: str(value),
)
def test_a_wrong_wish_for_a_token_names_its_field(desk: RegisterHarness, body: dict[str, object], field: str) -> None:
    answer = desk.client().post("/permits/v1/keys", json=body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_an_unknown_scope_is_refused_with_the_nearest(desk: RegisterHarness) -> None:
    body = {"role": "officer", "region": "15", "scopes": ["investigation"]}
    (error,) = desk.client().post("/permits/v1/keys", json=body).json()["errors"]
    assert (error["value"], error["rule"]) == ("investigation", "a known scope; the nearest is investigate")


@pytest.mark.parametrize("body", [{}, {"jti": "a", "token": "b"}, {"token": "not-a-token"}], ids=str)
def test_a_revocation_says_which_token(desk: RegisterHarness, body: dict[str, str]) -> None:
    answer = desk.client().post("/permits/v1/keys/revocations", json=body)
    assert answer.status_code == 422
    assert "not-a-token" not in answer.text


def test_no_token_is_kept_or_published(desk: RegisterHarness, tmp_path: Path) -> None:
    made = desk.client().post("/permits/v1/keys", json={"role": "ops"}).json()
    signature = made["token"].rsplit(".", 1)[1]
    assert signature not in str(desk.published())
    desk.service.database.close()
    assert signature.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("permits.sqlite*"))


def test_the_first_start_leaves_an_admins_token_that_only_its_owner_reads(
    desk: RegisterHarness, tmp_path: Path
) -> None:
    path = tmp_path / "admin.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    verifier = Verifier(Ring(desk), desk.clock.now)
    assert verifier.caller(path.read_text()).role is Role.ADMIN


def test_the_admins_token_is_made_anew_only_when_it_expired(desk: RegisterHarness, tmp_path: Path) -> None:
    path = tmp_path / "admin.token"
    former = path.read_text()
    desk.tomorrow(89)
    ensure_admin_token(path, desk.key, desk.clock.now())
    assert path.read_text() == former
    desk.tomorrow(2)
    ensure_admin_token(path, desk.key, desk.clock.now())
    assert path.read_text() != former
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_public_key_and_a_heartbeat_reach_the_log_and_the_key_only_once(desk: RegisterHarness) -> None:
    service, context = desk.service, desk.context
    relay = Relay(
        service.database,
        service.outbox_table,
        service.lease_table,
        context.log,
        holder="test",
        wall_now=context.clock.wall_now,
    )
    assert service.ready() is not None
    stop = threading.Event()
    threads = [threading.Thread(target=run, args=(stop,)) for run in (relay.run, context.directory.run)]
    for thread in threads:
        thread.start()
    for worker in service.workers:
        worker.start()
    try:
        until(lambda: service.ready() is None)
    finally:
        stop.set()
        for worker in service.workers:
            worker.stop()
        for thread in threads:
            thread.join(5)
    assert [event["subject"] for event in desk.published() if event["subject"].startswith("key:")] == [
        f"key:{desk.key.kid}"
    ]
    assert Verifier(context.directory, desk.clock.now).caller((context.settings.data_dir / "admin.token").read_text())
    following = context.log.follow("registry")
    keys = {record.key for record in following.poll(1.0)}
    following.close()
    assert keys >= {"heartbeat", f"key:{desk.key.kid}", f"permit:{MINE.permit}"}
    shown = desk.client().get("/permits/v1/keys").json()["items"]
    assert [(one["kid"], one["algorithm"]) for one in shown] == [(desk.key.kid, "EdDSA")]


def until(holds: object, within_s: float = 10.0) -> None:
    deadline = monotonic() + within_s
    pause = threading.Event()
    while not holds():  # type: ignore[operator]
        assert monotonic() < deadline
        pause.wait(0.02)


def test_the_migrations_make_the_tables_that_the_code_means(tmp_path: Path, database_url: str | None) -> None:
    with register_harness(tmp_path, database_url) as opened, opened.service.database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), PermitsTable.metadata) == []


def test_two_that_create_the_same_enterprise_at_once_do_not_break_anything(
    tmp_path: Path, database_url: str | None
) -> None:
    answers: list[int] = []
    with register_harness(tmp_path, database_url) as opened:
        clients: list[TestClient] = [opened.client() for _ in range(4)]
        start = threading.Barrier(len(clients))

        def create(client: TestClient) -> None:
            start.wait(5)
            answers.append(client.put(f"/permits/v1/enterprises/{MINE.code}", json=MINE.enterprise()).status_code)

        threads = [threading.Thread(target=create, args=(client,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert answers.count(201) == 1
        assert set(answers) <= {200, 201, 409}
        assert len(opened.published()) == 1
