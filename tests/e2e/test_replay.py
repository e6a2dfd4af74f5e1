"""Reading the whole log again from offset zero, with other batch sizes, changes nothing; and what follows is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.support.ledger import Receiver
from tests.support.product import Logger, Process, Source, eventually, last_hour, pages

ROOT = Path(__file__).resolve().parents[2]


def facts(client: httpx.Client) -> list[Any]:
    """Everything that a replay must not change."""
    alerts = pages(client, "/alerts/v1/alerts")
    deliveries = pages(client, "/alerts/v1/deliveries")
    return [
        sorted(json.dumps(alert, sort_keys=True) for alert in alerts),
        sorted(d["id"] for d in deliveries),
        sorted(json.dumps(row, sort_keys=True) for row in pages(client, "/monitoring/v1/exceedances")),
    ]


def replay(host: Process) -> None:
    for service in ("monitoring", "alerts"):
        done = subprocess.run(
            [sys.executable, "-m", "services", "replay", service, "--yes", "--json"],
            env={**os.environ, **host.environment()},
            cwd=ROOT,
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["partitions"] > 0


def caught_up(host: Process) -> bool:
    text = httpx.get(f"{host.base_url}/metrics", trust_env=False).text
    lags = [line for line in text.splitlines() if line.startswith("yujing_log_consumer_lag_records{")]
    return bool(lags) and all(float(line.rsplit(" ", 1)[1]) == 0 for line in lags)


def test_a_replay_from_offset_zero_changes_nothing_and_the_next_red_hour_ends_red(
    embedded: Process, receiver: Receiver
) -> None:
    source = Source()
    with embedded.client() as admin, Logger(embedded.gateway_port) as logger:
        source.register(admin)
        eventually(lambda: admin.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point")
        with embedded.client(source.token(admin)) as enterprise:
            receiver.register(enterprise)
        for before, value in ((30, 40.0), (29, 20.0), (20, 40.0), (19, 41.0), (18, 42.0), (17, 20.0)):
            assert b"9014" in logger.ask(source.hour(last_hour(before), value))
        eventually(lambda: len(pages(admin, "/alerts/v1/alerts", kind="emission.exceeded")) == 2, what="two alerts")
        eventually(lambda: all(d["state"] == "delivered" for d in pages(admin, "/alerts/v1/deliveries")), what="pushed")
        eventually(lambda: caught_up(embedded), what="caught up")
        before_replay = facts(admin)
        delivered = len(receiver.ledger.verified)

    embedded.stop()
    replay(embedded)
    embedded.start(YUJING_MAX_BATCH="7")
    with embedded.client() as admin, Logger(embedded.gateway_port) as logger:
        eventually(lambda: caught_up(embedded), what="caught up again")
        assert facts(admin) == before_replay
        assert len(receiver.ledger.verified) == delivered

        assert b"9014" in logger.ask(source.hour(last_hour(3), 80.0))
        alert = eventually(
            lambda: next((a for a in pages(admin, "/alerts/v1/alerts") if a["level"] == "red"), None), what="red"
        )
        assert alert["window"]["hours"] == 1
        eventually(lambda: len(receiver.ledger.verified) > delivered, what="the red one pushed")
