"""The alerting rules with Prometheus itself: its unit tests, and a real host whose ordinary life fires nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.product import Logger, Process, Source, eventually, last_hour
from tests.support.server_process import free_port

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
LIFE_S = 20.0
SHORTER = {"d": "h", "h": "m", "m": "s"}

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason="prometheus and promtool are not installed"
)


def shortened(rules: str) -> str:
    """Durations of minutes become seconds, those of hours minutes."""
    return re.sub(r"(?<![\w.])(\d+)([dhm])(?![\w.])", lambda found: found[1] + SHORTER[found[2]], rules)


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes `target` every 250 ms by the shortened rules."""
    folder.mkdir()
    rules, watching, rest = (FOLDER / "rules.yaml").read_text(encoding="utf-8").partition("  - name: yujing-watching")
    # whether a scrape is answered within 250 ms is this machine's matter: those of the last group keep their minutes
    (folder / "rules.yaml").write_text(shortened(rules) + watching + rest, encoding="utf-8")
    (folder / "prometheus.yml").write_text(
        "global: {scrape_interval: 250ms, scrape_timeout: 250ms, evaluation_interval: 250ms}\n"
        "rule_files: [rules.yaml]\n"
        f"scrape_configs: [{{job_name: yujing, static_configs: [{{targets: ['{target}']}}]}}]\n",
        encoding="utf-8",
    )
    port = free_port()
    arguments = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            ["prometheus", *arguments, f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            eventually(lambda: answers(client), what=lambda: (folder / "log").read_text()[-500:])
            yield client
    finally:
        child.terminate()
        child.wait(10)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/-/ready").status_code == 200
    except httpx.TransportError:
        return False


def ask(client: httpx.Client, query: str) -> list[dict[str, str]]:
    """The labels of what the query finds."""
    answer = client.get("/api/v1/query", params={"query": query})
    assert answer.status_code == 200, answer.text
    return [one["metric"] for one in answer.json()["data"]["result"]]


@needs_prometheus
def test_durations_are_shortened_and_nothing_else() -> None:
    assert shortened("x[6h:15m] offset 75m > 900 for: 1m 5d m3") == "x[6m:15s] offset 75s > 900 for: 1s 5h m3"


@needs_prometheus
@pytest.mark.slow
def test_the_rules_keep_their_own_tests() -> None:
    command = ["promtool", "test", "rules", str(FOLDER / "rules_test.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
@pytest.mark.slow
def test_a_host_that_starts_works_and_rests_fires_nothing_but_the_watchdog(embedded: Process, tmp_path: Path) -> None:
    source = Source()
    with prometheus(tmp_path / "prometheus", f"127.0.0.1:{embedded.http_port}") as client:
        end = time.monotonic() + LIFE_S
        with embedded.client() as admin, Logger(embedded.gateway_port) as logger:
            source.register(admin)
            eventually(lambda: admin.get(f"/monitoring/v1/points/{source.mn}/latest").status_code == 200, what="point")
            for before in range(2, 8):
                assert b"9014" in logger.ask(source.hour(last_hour(before), 40.0))
        while time.monotonic() < end:
            time.sleep(0.2)
        fired = ask(client, 'count by (alertname) (count_over_time(ALERTS{alertstate="firing"}[5m]))')
        rules = client.get("/api/v1/rules").json()["data"]["groups"]
        assert ask(client, "count_over_time(yujing_build_info[5m]) > 40"), "it was scraped"
        assert ask(client, "process_resident_memory_bytes > 0") and ask(client, "python_info")
    assert [one["alertname"] for one in fired] == ["YujingWatchdog"]
    assert {rule["health"] for group in rules for rule in group["rules"]} == {"ok"}
