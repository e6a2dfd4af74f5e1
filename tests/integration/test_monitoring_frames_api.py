"""The frames of a point over HTTP: who sees which, page by page, masked as they stand in the files."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.gateway.judging import Refused
from services.monitoring.gateway.records import quarantine_record
from services.monitoring.handlers.frame_archiving import FrameArchiving
from services.monitoring.packet_record import packet_record
from services.monitoring.store.archive import folder_of
from shared.access import Role
from shared.domain.clock import rfc3339
from shared.domain.events import PACKETS, QUARANTINE
from shared.ports import NewRecord
from tests.integration.test_monitoring_api import API, NOW, OTHER_MN, ApiHarness, opened, packet, post, two_enterprises
from tests.unit.monitoring.harness import CREDIT_CODE, MN, at

PATH = f"{API}/points/{MN}/frames"
BEGUN = at("2026-11-20 08:00")
FRAMES = 25


def device_frame(number: int, password: bytes = b"123456") -> bytes:
    return b"##0090QN=%d;ST=31;CN=2011;PW=%s;MN=%s;CP=&&x&&1C80\r\n" % (number, password, MN.encode())


def device_record(number: int, mn: str = MN) -> NewRecord:
    received = BEGUN + timedelta(minutes=number // 2, milliseconds=number)
    document: Any = {"mn": mn, "command": "2011", "data_time": rfc3339(received.replace(microsecond=0)), "factors": {}}
    return packet_record(document, received_at=received, source="gateway", raw=device_frame(number))


def refused_record(api: ApiHarness) -> NewRecord:
    refused = Refused(QuarantineReason.PASSWORD, "another password than registered", MN, "654321", registered=True)
    raw = device_frame(99, b"654321")
    return quarantine_record(refused, raw, address="192.0.2.7", received_at=BEGUN, sealer=api.context.sealer)


@pytest.fixture
def api(tmp_path: Path, database_url: str | None) -> Iterator[ApiHarness]:
    """Frames of two points, one that was refused under the MN of the first, and a document by HTTP; all in files."""
    with opened(tmp_path, database_url) as made:
        made.publish(two_enterprises(tmp_path))
        numbers = [*range(FRAMES)]
        made.context.log.append(PACKETS, [device_record(number) for number in numbers]).result(10)
        made.context.log.append(PACKETS, [device_record(number, OTHER_MN) for number in numbers[:3]]).result(10)
        made.context.log.append(QUARANTINE, [refused_record(made)]).result(10)
        post(made.device(), [packet("2026-11-20 08:00")])
        assert frames_worker(made).take()
        yield made


def frames_worker(api: ApiHarness) -> FrameArchiving:
    (found,) = (one for one in api.service.workers if isinstance(one, FrameArchiving))
    return found


def every(client: TestClient, limit: int = 7, **query: str) -> list[dict[str, Any]]:
    """The items of all pages."""
    found: list[dict[str, Any]] = []
    following: str | None = None
    while True:
        params = {"limit": str(limit), **query, **({"cursor": following} if following else {})}
        answer = client.get(PATH, params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        assert page["complete_to"] == rfc3339(NOW)
        following = page["next"]
        if following is None:
            return found


def test_all_frames_of_a_point_come_page_by_page_in_order_of_receipt_masked(api: ApiHarness) -> None:
    found = every(api.device())
    assert len(found) == FRAMES + 1
    assert [one["received_at"] for one in found] == sorted(one["received_at"] for one in found)
    *frames, document = found
    assert [b64decode(one["raw"]) for one in frames] == [device_frame(n, b"******") for n in range(FRAMES)]
    assert (document["form"], document["source"], document["command"]) == ("document", "http", "2061")
    assert frames[3] == {
        "mn": MN,
        "command": "2011",
        "data_time": "2026-11-20T08:01:00+08:00",
        "received_at": "2026-11-20T08:01:00.003+08:00",
        "logged_at": rfc3339(NOW),
        "source": "gateway",
        "topic": PACKETS,
        "partition": frames[3]["partition"],
        "offset": frames[3]["offset"],
        "reason": None,
        "form": "frame",
        "raw": frames[3]["raw"],
    }
    assert every(api.device(), limit=1000) == found


def test_a_span_is_of_times_of_receipt(api: ApiHarness) -> None:
    span = {"from": "2026-11-20T08:02:00+08:00", "to": "2026-11-20T08:04:00+08:00"}
    assert [b64decode(one["raw"])[9:11] for one in every(api.device(), **span)] == [b"4;", b"5;", b"6;", b"7;"]
    assert every(api.device(), **{"from": "2026-11-21T00:00:00+08:00"}) == []


def test_what_was_refused_under_the_mn_is_shown_to_officers_and_to_nobody_else(api: ApiHarness) -> None:
    officer = api.client(Role.OFFICER, region="15")
    for client in (officer, api.client()):
        (refused,) = (one for one in every(client) if one["topic"] == QUARANTINE)
        assert (refused["reason"], refused["form"]) == ("password", "frame")
        assert b64decode(refused["raw"]) == device_frame(99, b"******")
    own = api.client(Role.ENTERPRISE, credit_codes=(CREDIT_CODE,))
    for client in (own, api.device()):
        assert {one["topic"] for one in every(client)} == {PACKETS}
    outsiders = [api.client(Role.OFFICER, region="11"), api.client(Role.ENTERPRISE, credit_codes=("x",))]
    outsiders.append(api.client(Role.DEVICE, mns=(OTHER_MN,)))
    assert [client.get(PATH).status_code for client in outsiders] == [404, 404, 404]
    assert api.client(Role.OPS).get(PATH).status_code == 403


def test_files_of_several_runs_and_merged_ones_answer_the_same(api: ApiHarness) -> None:
    before = every(api.device())
    later = [device_record(number) for number in range(FRAMES, FRAMES + 10)]
    api.context.log.append(PACKETS, [*later, device_record(1)]).result(10)  # one comes again, as after a put-back
    assert every(api.device()) == before
    frames_worker(api).take()
    found = every(api.device())
    assert len(found) == len(before) + 11
    assert [one for one in found if one in before] == before
    day = int(at("2026-11-20 00:00").timestamp())
    frames_worker(api).merge(day, int(NOW.timestamp()) + 200_000)
    assert every(api.device()) == found
    assert every(api.device(), limit=3, **{"from": "2026-11-20T08:00:30+08:00"}) == found[2 + 1 :]


def test_bad_input_is_named(api: ApiHarness) -> None:
    device = api.device()
    for query, named in (
        ({"cursor": "abc"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"from": "yesterday"}, "from"),
        ({"from": "2026-11-21T00:00:00+08:00", "to": "2026-11-20T00:00:00+08:00"}, "from"),
    ):
        answer = device.get(PATH, params=query)
        assert answer.status_code == 422, answer.text
        assert named in answer.text


def test_a_folder_that_is_away_is_an_error_and_no_empty_answer(api: ApiHarness) -> None:
    with api.service.database.read() as session:
        folder = folder_of(session)
    for path in folder.iterdir():
        path.unlink()
    answer = api.device().get(PATH)
    assert (answer.status_code, answer.json()["code"]) == (503, "archive-away")


def test_before_the_first_run_the_answer_says_that_it_is_not_known_how_complete_it_is(tmp_path: Path) -> None:
    with opened(tmp_path) as made:
        made.publish(two_enterprises(tmp_path))
        assert made.device().get(PATH).json() == {"items": [], "next": None, "complete_to": None}
