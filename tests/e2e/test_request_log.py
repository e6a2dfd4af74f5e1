"""What an operator reads of requests, refused tokens and receivers that fail: lines with an id, without a secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.ledger import Receiver
from tests.support.product import Logger, Process, Source, eventually, last_hour, running

PLANTED = "q8-planted-token-7Zx"


def lines(process: Process, event: str) -> list[dict[str, Any]]:
    """The log lines of this kind."""
    found = []
    for line in process.log_file.read_text(encoding="utf-8").splitlines():
        if line.startswith("{") and json.loads(line)["event"] == event:
            found.append(json.loads(line))
    return found


def test_a_request_has_one_line_and_one_id_in_answer_problem_and_line(embedded: Process) -> None:
    with embedded.client() as admin:
        missing = admin.get("/permits/v1/permits/91150102MA0000001X001P", headers={"X-Request-Id": "call-42"})
        made = admin.get("/permits/v1/keys", headers={"X-Request-Id": f"no id\t{PLANTED}"})
    assert missing.headers["x-request-id"] == missing.json()["request_id"] == "call-42"
    assert made.status_code == 200 and len(made.headers["x-request-id"]) == 16
    (line,) = [one for one in lines(embedded, "request") if one["request_id"] == "call-42"]
    assert (line["method"], line["route"], line["status"]) == ("GET", "/permits/v1/permits/{number}", 404)
    assert (line["role"], line["subject"], line["size"]) == ("admin", "admin", len(missing.content))
    assert 0 <= line["took_ms"] < 20_000
    assert {"/healthz", "/readyz", "/metrics"}.isdisjoint(one["route"] for one in lines(embedded, "request"))
    assert PLANTED not in embedded.log_file.read_text()


def test_refused_tokens_are_logged_with_reason_and_address_once_a_minute(embedded: Process) -> None:
    url = f"{embedded.base_url}/alerts/v1/alerts"
    for _ in range(50):
        answer = httpx.get(url, headers={"Authorization": f"Bearer {PLANTED}"}, trust_env=False)
        assert answer.status_code == 401 and answer.json()["request_id"] == answer.headers["x-request-id"]
    (line,) = lines(embedded, "a caller without a valid token was refused")
    assert (line["address"], line["route"], line["reason"]) == ("127.0.0.1", "/alerts/v1/alerts", "not-a-token")
    assert PLANTED not in embedded.log_file.read_text()


def test_a_receiver_that_answers_500_is_named_once_a_minute_without_its_address(
    embedded: Process, receiver: Receiver
) -> None:
    source = Source(password=None)
    with embedded.client() as admin, Logger(embedded.gateway_port) as logger:
        source.register(admin)
        eventually(lambda: admin.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point")
        with embedded.client(source.token(admin)) as enterprise:
            endpoint_id = receiver.register(enterprise, PLANTED)
        receiver.ledger.answer = 500
        assert b"9014" in logger.ask(source.hour(last_hour(), 40.0))
        (line,) = eventually(lambda: lines(embedded, "a push was not delivered"), what="its line")
    assert (line["endpoint_id"], line["status"], line["reason"]) == (endpoint_id, 500, "server_error")
    assert PLANTED not in embedded.log_file.read_text()


@pytest.mark.parametrize(("setting", "statuses"), [("off", set()), ("errors", {404})])
def test_the_access_log_can_be_off_or_of_errors_alone(tmp_path: Path, setting: str, statuses: set[int]) -> None:
    with running(tmp_path, YUJING_ACCESS_LOG=setting) as process, process.client() as admin:
        assert admin.get("/permits/v1/keys").status_code == 200
        assert admin.get("/permits/v1/permits/91150102MA0000001X001P").status_code == 404
        # a line may come a little later than its answer
        eventually(lambda: statuses <= {one["status"] for one in lines(process, "request")}, what="the lines")
        assert {one["status"] for one in lines(process, "request")} == statuses
