"""Peer notices from risks to recipients, on real rows: who gets them, when, once; and that nobody can name a source."""

from __future__ import annotations

import json
import random
import shutil
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from services.alerts.store.peer_tables import ENTERPRISE, FACT, NOTICE, PERMIT
from shared.database import open_database
from shared.domain.errors import Invalid
from shared.domain.events import HEARTBEAT, PEER_NOTICE_ISSUED, REGISTRY, Event
from shared.domain.risk import RiskState
from shared.eventlog.codec import encode, encode_event
from shared.ports import Record
from shared.runtime.migrating import migrate
from tests.support.alerts_case import T0
from tests.support.alerts_harness import (
    AlertsHarness,
    an_alerts_harness,
    an_enterprise,
    an_exceedance,
    codes,
    minutes,
    opened,
    registered,
)
from tests.support.migrating import downgrade
from tests.support.receiver import Receiver

SLOT = T0 + timedelta(hours=1)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[AlertsHarness]:
    yield from opened(tmp_path)


def three(harness: AlertsHarness, some: list[str], **other: Any) -> None:
    """Three of them exceed the same limit within the hour."""
    harness.take_at_their_time(*(an_exceedance(code, T0 + minutes(5 * n), **other) for n, code in enumerate(some[:3])))


def notices(harness: AlertsHarness) -> list[Any]:
    return list(harness.rows(NOTICE, NOTICE.c.slot, NOTICE.c.id))


def test_a_common_exceedance_is_sent_to_the_whole_class_at_the_next_whole_hour(harness: AlertsHarness) -> None:
    some = codes(14)
    harness.register_enterprises(*some)
    harness.register_enterprises("X001", industry="C3011")
    harness.register_enterprises("X002", factors=["a34013"])  # its permit has no SO2
    harness.register_enterprises("X003", valid_to="2026-11-19")  # its permit ran out
    ends = {code: harness.endpoint(f"https://{code}.example/", credit_code=code)[0] for code in [*some, "X001"]}
    three(harness, some)
    harness.at(SLOT - timedelta(seconds=1))
    assert notices(harness) == []
    harness.at(SLOT)
    harness.relay()
    (notice,) = notices(harness)
    assert (notice.slot, notice.area, notice.industry, notice.family) == (SLOT, "150102", "D4411", "so2")
    received = [push for push in harness.pushes() if push.reason == "peer_notice"]
    assert {push.endpoint_id for push in received} == {ends[code] for code in some}
    assert len({encode(push.notification) for push in received}) == 1 and len({push.id for push in received}) == 14
    for code in some:
        (seen,) = harness.get(f"enterprise:{code}", "/peer-notices")["items"]
        assert seen == received[0].notification["data"]
        assert harness.get(f"enterprise:{code}", f"/peer-notices/{notice.id}") == seen
        assert harness.get(f"enterprise:{code}", "/events")["items"][-1] == received[0].notification
        listed = harness.get(f"enterprise:{code}", "/alerts")["items"]
        assert [one["kind"] for one in listed] == (["emission.exceeded"] if code in some[:3] else [])
    for outsider in ("X001", "X002", "X003"):
        assert harness.get(f"enterprise:{outsider}", "/peer-notices")["items"] == []
        assert harness.get(f"enterprise:{outsider}", "/events")["items"] == []
        assert harness.client(f"enterprise:{outsider}").get(f"/alerts/v1/peer-notices/{notice.id}").status_code == 404


def test_the_permit_that_governs_on_the_day_says_who_is_exposed(harness: AlertsHarness) -> None:
    some = codes(12)
    harness.register_enterprises(*some)
    harness.register_enterprises("G001", group="集团")  # three sites of one group
    harness.register_enterprises("G002", group="集团")
    first, permit = an_enterprise("V001", factors=["a34013"])
    later = json.loads(permit.value or b"")
    (version,) = later["data"]["versions"]
    document = json.loads(json.dumps(version["document"]).replace("a34013", "a21026"))
    for code, day in (("V001", "2026-11-20"), ("V002", "2026-11-21")):  # the second changes tomorrow only
        new = {"effective_from": day, "recorded_at": version["recorded_at"], "document": document}
        data = {"credit_code": code, "versions": [version, new]}
        enterprise = first if code == "V001" else an_enterprise(code)[0]
        harness.register([enterprise, registered("permit", f"{code}001P", data)])
    three(harness, some)
    harness.at(SLOT)
    harness.relay()
    received = {
        code: len(harness.get(f"enterprise:{code}", "/peer-notices")["items"])
        for code in ("E011", "G001", "G002", "V001", "V002")
    }
    assert received == {"E011": 1, "G001": 1, "G002": 1, "V001": 1, "V002": 0}


def test_the_register_read_again_changes_nothing_and_its_heartbeat_is_passed_over(harness: AlertsHarness) -> None:
    harness.register_enterprises("E001")
    harness.register_enterprises("E001", factors=["a21026", "w01018"])
    beat = Event(HEARTBEAT, "/permits", "registry:heartbeat", 7, T0, {})
    gone = Record(REGISTRY, 0, 1, "enterprise:E009", None, {}, T0)
    harness.register([Record(REGISTRY, 0, 0, "heartbeat", encode_event(beat), {}, T0), gone])
    harness.register(an_enterprise("E001", factors=["a21026"]))
    ((_, industry, group, region, province, party),) = harness.rows(ENTERPRISE)
    assert (industry, group, region, province, party) == ("D4411", "D441", "150102", "15", None)
    assert [one["families"] for row in harness.rows(PERMIT) for one in row.versions] == [["flue", "so2"]]
    broken = registered("permit", "E001001P", {"credit_code": "E001", "versions": [{"document": {}}]})
    with pytest.raises(Invalid):
        harness.register([broken])


def test_ticks_restarts_and_replays_make_no_second_notice(harness: AlertsHarness, tmp_path: Path) -> None:
    some = codes(14)
    harness.register_enterprises(*some)
    three(harness, some)
    harness.at(SLOT)
    again = replace(harness)  # another process over the same rows
    again.at(SLOT + minutes(1))
    three(again, some)
    again.take_at_their_time(*(an_exceedance(code, SLOT + timedelta(days=2)) for code in some[3:6]))
    again.at(SLOT + timedelta(days=3))
    assert len(notices(again)) == 1
    again.take_at_their_time(*(an_exceedance(code, SLOT + timedelta(days=10)) for code in some[:3]))
    again.at(SLOT + timedelta(days=10, hours=1))
    assert len(notices(again)) == 1  # six of 14 in the week before: three are nothing unusual


def test_a_slot_that_was_missed_is_caught_up_at_the_last_whole_hour(harness: AlertsHarness) -> None:
    some = codes(14)
    harness.register_enterprises(*some)
    with_clock = [an_exceedance(code, T0 + minutes(n)) for n, code in enumerate(some[:3])]
    harness.take(*with_clock)
    harness.at(T0 + timedelta(hours=5, minutes=20))
    assert [one.slot for one in notices(harness)] == [T0 + timedelta(hours=5)]


@pytest.mark.parametrize(
    "changed",
    [{"historical": True}, {"muted": "area_outage"}, {"kind": "data.offline", "condition": "hours"}],
    ids=["historical", "muted", "another kind"],
)
def test_what_is_no_fact_for_peers_leads_to_nothing(harness: AlertsHarness, changed: dict[str, Any]) -> None:
    some = codes(14)
    harness.register_enterprises(*some)
    three(harness, some, **changed)
    harness.at(SLOT)
    assert notices(harness) == [] and harness.rows(FACT) == []


@pytest.mark.parametrize("by", ["finder", "officer"])
def test_a_withdrawn_one_does_not_count(harness: AlertsHarness, by: str) -> None:
    some = codes(14)
    harness.register_enterprises(*some)
    three(harness, some)
    first = an_exceedance(some[0], T0)
    if by == "finder":
        harness.take(replace(first, revision=2, state=RiskState.WITHDRAWN))
    else:
        path = f"/alerts/v1/alerts/{harness.alert(first.id).id}/withdraw"
        assert harness.client("officer:15").post(path, json={"text": "误报"}).status_code == 200
        harness.take(replace(first, revision=2))
    harness.at(SLOT)
    assert notices(harness) == []


def test_a_small_crowd_gives_a_draft_that_only_its_officers_see(harness: AlertsHarness) -> None:
    some = codes(11)
    harness.register_enterprises(*some)
    three(harness, some)
    harness.at(SLOT)
    harness.relay()
    (draft,) = harness.get("officer:150102", "/peer-notices/drafts")["items"]
    assert (draft["reason"], draft["crowd"], draft["affected"]) == ("crowd_too_small", 11, some[:3])
    assert len(harness.get("officer:15", "/peer-notices/drafts")["items"]) == 1
    assert harness.get("officer:1502", "/peer-notices/drafts")["items"] == []
    assert harness.client(f"enterprise:{some[0]}").get("/alerts/v1/peer-notices/drafts").status_code == 403
    assert all(harness.get(f"enterprise:{code}", "/peer-notices")["items"] == [] for code in some)
    assert not [push for push in harness.pushes() if push.reason == "peer_notice"]
    harness.take_at_their_time(an_exceedance(some[5], SLOT + minutes(10)))
    harness.at(SLOT + timedelta(hours=1))
    assert len(harness.get("admin", "/peer-notices/drafts")["items"]) == 1


def test_late_renewals_and_faults_are_notified_too(harness: AlertsHarness) -> None:
    some = codes(13)
    harness.register_enterprises(*some)
    renewal = {"kind": "permit.renewal", "factor": None, "window": None}
    three(harness, some, condition="left_90", **renewal)
    late = [
        an_exceedance(code, T0 + minutes(5 * n), condition="late", revision=2, **renewal)
        for n, code in enumerate(some[:3])
    ]
    harness.at(SLOT)
    assert notices(harness) == []
    harness.take(*(replace(one, changed_at=SLOT + minutes(1)) for one in late))
    fault = {"kind": "data.fault", "condition": "fault", "factor": "a19001"}  # oxygen is measured, not permitted
    harness.take_at_their_time(
        *(an_exceedance(code, SLOT + minutes(n), id=f"rsk_f{n}", **fault) for n, code in enumerate(some[:3]))
    )
    harness.at(SLOT + timedelta(hours=1))
    assert {(one.kind, one.family) for one in notices(harness)} == {("permit.renewal", ""), ("data.fault", "flue")}


def test_officers_of_the_area_see_what_was_sent(harness: AlertsHarness) -> None:
    some = codes(8)
    harness.register_enterprises(*some)
    harness.register_enterprises(*codes(5, "N"), region="150103")
    three(harness, some)
    harness.at(SLOT)
    harness.relay()
    for officer, sees in {"15": 1, "1501": 1, "150102": 1, "150103": 1, "1502": 0}.items():
        assert len(harness.get(f"officer:{officer}", "/peer-notices")["items"]) == sees, officer
    assert "peer.notice" in str(harness.get("officer:1501", "/events")["items"])


def test_the_messages_that_arrive_are_the_same_bytes(harness: AlertsHarness) -> None:
    some = codes(13)
    harness.register_enterprises(*some)
    with Receiver() as receiver:
        for code in some[2:6]:
            harness.endpoint(receiver.url(f"/{code}"), credit_code=code)
        three(harness, some)
        harness.at(SLOT)
        with harness.sending():
            taken = [receiver.wait_taken(2 if code == some[2] else 1, f"/{code}") for code in some[2:6]]
    messages = [message for each in taken for message in each if json.loads(message.body)["type"] == PEER_NOTICE_ISSUED]
    same = {"webhook-id", "webhook-signature", "webhook-timestamp", "host"}
    assert len({message.body for message in messages}) == 1
    assert len({message.id for message in messages}) == 4
    heads = [{k.lower(): v for k, v in message.headers.items() if k.lower() not in same} for message in messages]
    assert all(head == heads[0] for head in heads)


def view(harness: AlertsHarness, code: str) -> str:
    """Everything that one enterprise gets: lists, counts, ids, times, and what is pushed to it, with its headers."""
    paths = ("/alerts", "/events", "/peer-notices", "/endpoints", "/deliveries")
    seen: dict[str, Any] = {path: harness.get(f"enterprise:{code}", path) for path in paths}
    for notice in seen["/peer-notices"]["items"]:
        seen[notice["id"]] = harness.get(f"enterprise:{code}", f"/peer-notices/{notice['id']}")
    refused = ("/peer-notices/drafts", "/regions/150102/summary", "/subscriptions")
    seen["refused"] = [harness.client(f"enterprise:{code}").get(f"/alerts/v1{one}").json() for one in refused]
    mine = harness.endpoints()[f"https://{code}.example/"].id
    seen["messages"] = [
        (push.id, push.event_id, str(push.due_at), encode(push.notification).decode())
        for push in harness.pushes()
        if push.endpoint_id == mine
    ]
    return json.dumps(seen, sort_keys=True, ensure_ascii=False)


def seeded(folder: Path, size: int) -> Path:
    """The register and the endpoints, the same for every run."""
    harness = an_alerts_harness(folder)
    harness.register_enterprises(*codes(size))
    for code in codes(size):
        harness.endpoint(f"https://{code}.example/", credit_code=code)
    harness.database.close()
    return folder / "alerts.sqlite"


def happened(template: Path, folder: Path, sources: list[str]) -> AlertsHarness:
    folder.mkdir()
    shutil.copy(template, folder / "alerts.sqlite")
    harness = an_alerts_harness(folder)
    three(harness, sources)
    harness.at(SLOT)
    harness.relay()
    return harness


@pytest.mark.parametrize(("seed", "size"), [(1, 13), (2, 16)])
def test_a_recipient_cannot_tell_which_of_the_crowd_were_the_sources(tmp_path: Path, seed: int, size: int) -> None:
    """Whoever sees the same bytes whoever the sources were can only guess, and is right as often as the crowd allows."""
    (tmp_path / "seeded").mkdir()
    template, some = seeded(tmp_path / "seeded", size), codes(size)
    order = random.Random(seed).sample(some, size)
    views: dict[str, set[str]] = {code: set() for code in some}
    suspects: dict[str, list[str]] = defaultdict(list)
    for shift in range(size):  # everyone is a source equally often
        sources = [order[(shift + step) % size] for step in (0, 1, 3)]
        harness = happened(template, tmp_path / str(shift), sources)
        for code in some:
            if code not in sources:
                views[code].add(view(harness, code))
                suspects[code] += sources
        harness.database.close()
    for code in some:
        assert len(views[code]) == 1, f"{code} sees a difference"
        (seen,) = views[code]
        assert "peer.notice" in seen and not any(other in seen for other in some if other != code)
        others = [suspects[code].count(other) for other in some if other != code]
        assert max(others) <= 3 and min(others) >= 1  # nobody of the crowd is ruled out, nobody sticks out


def test_an_affected_one_learns_nothing_of_the_others(tmp_path: Path) -> None:
    (tmp_path / "seeded").mkdir()
    template, some = seeded(tmp_path / "seeded", 13), codes(13)
    views = set()
    for n, others in enumerate([("E001", "E002"), ("E007", "E003"), ("E012", "E011")]):
        harness = happened(template, tmp_path / str(n), [others[0], "E000", others[1]])
        views.add(view(harness, "E000"))
        harness.database.close()
    assert len(views) == 1
    assert not any(code in next(iter(views)) for code in some[1:])


def test_two_replicas_that_tick_together_make_one_notice_and_one_digest(
    tmp_path: Path, empty_database_url: str | None
) -> None:
    database = open_database(empty_database_url, tmp_path, "alerts")
    migrate(database, "services.alerts.migrations", "alerts")
    harness, some = an_alerts_harness(tmp_path, database=database), codes(14)
    harness.register_enterprises(*some)
    endpoint, _ = harness.endpoint("https://office.example/", region="15")
    subscription = {"name": "日报", "via": {"endpoint": endpoint}, "digest": "daily"}
    assert harness.client("officer:15").post("/alerts/v1/subscriptions", json=subscription).status_code == 201
    three(harness, some)
    harness.clocks.field_now = T0 + timedelta(days=1)
    other = replace(harness)
    with ThreadPoolExecutor(2) as both:
        for done in [both.submit(one.tick) for one in (harness, other)]:
            done.result()
    assert len(notices(harness)) == 1
    (message,) = harness.messages(endpoint)
    assert len(message["data"]["alerts"]) == 3
    assert harness.get(f"enterprise:{some[9]}", "/peer-notices")["items"]
    database.close()


def test_the_upgrade_drops_the_bytes_of_a_notice_and_keeps_all_else(
    tmp_path: Path, empty_database_url: str | None
) -> None:
    database = open_database(empty_database_url, tmp_path, "alerts")
    migrate(database, "services.alerts.migrations", "alerts")
    harness, some = an_alerts_harness(tmp_path, database=database), codes(14)
    harness.register_enterprises(*some)
    three(harness, some)
    harness.at(SLOT)
    before = notices(harness)
    assert len(before) == 1
    downgrade(database, "alerts", "0006")
    with database.read() as session:  # an older version had the event's bytes in the row
        body = session.connection().execute(text("SELECT body FROM peer_notice")).scalar_one()
    (published,) = (json.loads(row.value) for row in harness.published() if row.event_id == before[0].id)
    (older,) = notices(harness)
    assert json.loads(body) | {"dataschema": published["dataschema"]} == {**published, "data": older.document}
    assert migrate(database, "services.alerts.migrations", "alerts")
    assert notices(harness) == before
    assert "body" not in {column["name"] for column in inspect(database.engine).get_columns("peer_notice")}
    indexes = {index["name"] for index in inspect(database.engine).get_indexes("peer_notice")}
    assert indexes == {"ix_peer_notice_topic", "ix_peer_notice_outcome_slot"}
    assert harness.get(f"enterprise:{some[9]}", "/peer-notices")["items"] == [before[0].document]
    database.close()
