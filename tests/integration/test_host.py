"""One host: when it says it is ready, and that its metrics have our names, closed labels, and all that the rules ask for."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from fastapi import Response
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from services.composition import SERVICES, make
from shared.domain.errors import Conflict
from shared.runtime.host import Host
from shared.runtime.metrics_server import MetricsServer
from shared.runtime.service import AGAIN_S, ThreadWorker
from shared.runtime.settings import Settings
from tests.support.product import Logger, Source, eventually, last_hour
from tests.support.whole import Whole, whole

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Source(number=4401)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """The product after a packet of each ingress, an excess, a push and a refusal."""
    with whole(tmp_path_factory.mktemp("host")) as made:
        admin = made.client()
        SOURCE.register(admin)
        made.knows_point(SOURCE.mn)
        admin.post("/alerts/v1/endpoints", json={"url": "http://127.0.0.1:9/", "owner": {"credit_code": SOURCE.code}})
        made.exceeds(SOURCE)
        with Logger(made.gateway_port) as logger:
            logger.ask(SOURCE.hour(last_hour(2), 20.0))
            logger.send(b"##noise\r\n")
        eventually(lambda: admin.get("/alerts/v1/deliveries").json()["items"], what="push")
        eventually(lambda: admin.get("/monitoring/v1/quarantine").json()["items"], what="quarantine")
        admin.get("/nowhere/at/all")
        yield made


def families(product: Whole) -> dict[str, Any]:
    text = product.bare().get("/metrics").text
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_every_metric_is_ours_by_name(product: Whole) -> None:
    names = set(families(product))
    ordinary = {name for name in names if name.startswith(("process_", "python_"))}
    assert {"process_resident_memory_bytes", "process_open_fds", "python_info"} <= ordinary
    assert {name for name in names - ordinary if not re.fullmatch(r"yujing_[a-z0-9]+(_[a-z0-9]+)*", name)} == set()


def test_every_metric_is_explained_in_chinese_and_english(product: Whole) -> None:
    ours = [family for family in families(product).values() if family.name.startswith("yujing_")]
    assert len(ours) > 35
    bilingual = re.compile(r"[\u4e00-\u9fff].* / [\x20-\x7e…]+")
    assert [family.name for family in ours if not bilingual.fullmatch(family.documentation)] == []


def test_counters_begin_at_zero(tmp_path: Path) -> None:
    made = make(Settings(_env_file=None, data_dir=tmp_path, gateway_port=0), SERVICES)
    host = Host(made.context, made.services)
    value = made.context.metrics.registry.get_sample_value
    for name, labels in (
        ("yujing_ingest_packets_total", {"ingress": "gateway", "outcome": "accepted"}),
        ("yujing_ingest_packets_total", {"ingress": "http", "outcome": "rejected"}),
        ("yujing_quarantine_total", {"reason": "unknown-point"}),
        ("yujing_gateway_brakes_total", {"scope": "address"}),
        ("yujing_gateway_closed_total", {"reason": "too-many-unidentified"}),
        ("yujing_delivery_attempts_total", {"channel": "webhook", "outcome": "delivered", "reason": "ok"}),
        ("yujing_delivery_attempts_total", {"channel": "webhook", "outcome": "refused", "reason": "gone"}),
        ("yujing_delivery_attempts_total", {"channel": "webhook", "outcome": "later", "reason": "server_error"}),
        ("yujing_alerts_issued_total", {"kind": "emission.exceeded", "level": "red"}),
        ("yujing_push_decisions_total", {"reason": "first"}),
        ("yujing_risks_total", {"kind": "data.offline", "change": "cleared"}),
        ("yujing_handler_poison_total", {"topic": "registry"}),
        ("yujing_import_failures_total", {"reason": "crashed"}),
        ("yujing_worker_failures_total", {"worker": "alerts-delivery"}),
        ("yujing_http_refused_total", {"reason": "body-too-large"}),
    ):
        assert value(name, labels) == 0.0, (name, labels)
    assert value("yujing_delivery_attempts_total", {"channel": "webhook", "outcome": "refused", "reason": "ok"}) is None
    host.stop()


def test_a_long_poll_is_no_slow_request(product: Whole) -> None:
    route, admin = "/alerts/v1/events", product.client()
    value = product.host.context.metrics.registry.get_sample_value
    timed = {"method": "GET", "route": route, "status": "200"}
    last = 0
    while (page := admin.get(route, params={"after": last}).json())["items"]:
        last = page["next"]
    count = value("yujing_http_request_duration_seconds_count", timed)
    asked = admin.get(route, params={"after": last, "wait": 0.2})
    assert asked.status_code == 200 and asked.json()["items"] == []
    assert value("yujing_http_waits_total", {"route": route, "status": "200"}) == 1.0
    assert value("yujing_http_request_duration_seconds_count", timed) == count


def test_no_label_names_an_enterprise_a_point_a_permit_or_an_object(product: Whole) -> None:
    labels = {
        (family.name, name, value)
        for family in families(product).values()
        for sample in family.samples
        for name, value in sample.labels.items()
        if name != "le"
    }
    assert len(labels) > 50
    own = re.compile(r"rsk_|alr_|psh_|ntc_|end_|\d{6,}")
    given_away = (SOURCE.code, SOURCE.mn, SOURCE.permit, "127.0.0.1")
    assert [one for one in labels if own.search(one[2]) or any(word in one[2] for word in given_away)] == []


def test_the_route_of_a_request_is_its_template(product: Whole) -> None:
    samples = families(product)["yujing_http_request_duration_seconds"].samples
    routes = {sample.labels["route"] for sample in samples}
    known = {route.path for route in product.routes()} | {"/metrics", "/readyz", "/healthz", "unmatched"}
    assert "/monitoring/v1/points/{mn}/latest" in routes and "unmatched" in routes
    assert routes <= known


def test_a_verb_that_somebody_invents_makes_no_new_label(product: Whole) -> None:
    for n in range(3):
        assert product.bare().request(f"INVENTED{n}", "/alerts/v1/alerts").status_code == 405
    samples = families(product)["yujing_http_request_duration_seconds"].samples
    assert {sample.labels["method"] for sample in samples} <= {"GET", "POST", "PUT", "DELETE", "other"}


@pytest.mark.parametrize("file", ["deploy/prometheus/rules.yaml", "docs/metrics.md"])
def test_every_metric_that_operators_are_shown_is_there(product: Whole, file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    named = set(re.findall(r"\byujing_[a-z0-9_]+", text))
    parts = ("", "_total", "_bucket", "_count", "_sum")
    there = {family + part for family in families(product) for part in parts}
    assert len(named) > 8
    assert named - there == set()


def test_every_group_and_topic_has_its_lag(product: Whole) -> None:
    found = families(product)
    groups = {
        (sample.labels["group"], sample.labels["topic"]) for sample in found["yujing_log_unread_partitions"].samples
    }
    read = {
        (consumption.group, topic)
        for service in product.host.services
        for consumption in service.consumptions
        for topic in consumption.handlers
    }
    assert groups == read
    for name in ("records", "seconds"):
        lag = found[f"yujing_log_consumer_lag_{name}"].samples
        assert {(sample.labels["group"], sample.labels["topic"]) for sample in lag} == read
        assert all(sample.value >= 0 for sample in lag)


def test_the_rules_speak_of_jobs_and_stages_that_there_are(product: Whole) -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yaml").read_text(encoding="utf-8"))
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) > 10
    assert all(rule["annotations"]["summary"] and rule["annotations"]["action"] for rule in alerts if "for" in rule)
    jobs = {job.name for service in product.host.services for job in service.jobs}

    def ended() -> set[str]:
        samples = families(product)["yujing_job_last_success_timestamp_seconds"].samples
        return {sample.labels["task"] for sample in samples}

    eventually(lambda: ended() == jobs, what="every job")


def test_a_running_host_is_ready_and_says_so_without_a_token(product: Whole) -> None:
    bare = product.bare()
    assert bare.get("/readyz").json() == {"status": "ready", "why": {}}
    assert bare.get("/healthz").json() == {"status": "ok"}


def test_a_host_that_did_not_start_is_alive_but_not_ready(tmp_path: Path) -> None:
    made = make(Settings(_env_file=None, data_dir=tmp_path, gateway_port=0), SERVICES)
    host = Host(made.context, made.services)
    bare = TestClient(host.app)  # not entered: nothing is started
    answer = bare.get("/readyz")
    assert (answer.status_code, bare.get("/healthz").status_code) == (503, 200)
    assert answer.json()["status"] == "not ready"
    assert {"register", "permits", "monitoring"} <= set(answer.json()["why"])
    host.stop()


@pytest.mark.parametrize("part", ["alerts", "log"])
def test_a_host_that_lost_what_it_stands_on_names_it(tmp_path: Path, part: str) -> None:
    with whole(tmp_path) as product:
        if part == "log":
            product.host.context.log.close()
        else:
            (service,) = (one for one in product.host.services if one.name == part)
            lost = service.database
            lost.ping = lambda: "the database is away"  # type: ignore[method-assign]
        answer = product.bare().get("/readyz")
        assert answer.status_code == 503
        assert [name for name in answer.json()["why"] if part in name]


def test_threads_end_side_by_side_not_one_after_the_other(tmp_path: Path) -> None:
    """A host of many threads, each of which needs a moment to see that it is to end."""
    made = make(Settings(_env_file=None, data_dir=tmp_path, gateway_port=0), SERVICES)
    host = Host(made.context, made.services)
    notified: list[int] = []
    every = threading.Barrier(8)

    def waits_for_the_others(stop: threading.Event) -> None:
        stop.wait(20)
        every.wait(20)  # breaks unless all eight were notified
        notified.append(1)

    host._workers = [ThreadWorker(f"t{n}", waits_for_the_others) for n in range(8)]
    host.start()
    host.stop()
    assert len(notified) == 8


def test_a_worker_that_raises_starts_again() -> None:
    runs: list[int] = []
    again = threading.Event()

    def breaks(_stop: threading.Event) -> None:
        runs.append(1)
        if len(runs) > 1:
            again.set()
            _stop.wait(20)
            return
        raise RuntimeError("broken")

    worker = ThreadWorker("breaks", breaks)
    worker.start()
    assert again.wait(AGAIN_S + 10)
    worker.stop()


def test_a_worker_that_fails_again_and_again_makes_its_process_unready_and_is_counted(tmp_path: Path) -> None:
    made = make(Settings(_env_file=None, data_dir=tmp_path, gateway_port=0), SERVICES)
    failed: list[int] = []

    def breaks(_stop: threading.Event) -> None:
        failed.append(1)
        raise RuntimeError("broken")

    (first, *others) = made.services
    host = Host(made.context, (replace(first, workers=[*first.workers, ThreadWorker("breaks", breaks)]), *others))
    with TestClient(host.app) as bare:
        eventually(lambda: len(failed) > 2, what="three failures")
        answer = bare.get("/readyz")
        assert answer.status_code == 503
        assert "3 times" in answer.json()["why"]["worker breaks"]
        counted = re.search(r'yujing_worker_failures_total{worker="breaks"} (\d+)', bare.get("/metrics").text)
        assert counted and int(counted[1]) > 2


def test_metrics_with_a_port_of_their_own_are_there_alone_and_end_with_the_host(tmp_path: Path) -> None:
    made = make(Settings(_env_file=None, data_dir=tmp_path, gateway_port=0, metrics_port=0), SERVICES)
    host = Host(made.context, made.services)
    (server,) = [worker for worker in host._workers if isinstance(worker, MetricsServer)]
    with TestClient(host.app) as bare, httpx.Client(trust_env=False) as client:
        address = f"http://127.0.0.1:{server.port}"
        answer = client.get(f"{address}/metrics")
        assert answer.status_code == 200 and "yujing_build_info" in answer.text
        assert "yujing_log_consumer_lag_seconds" in answer.text, "what is brought up to date when it is asked for"
        assert (bare.get("/metrics").status_code, bare.get("/readyz").status_code) == (404, 200)
        for path in ("/readyz", "/alerts/v1/alerts"):
            refused = client.get(address + path)
            assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address}/metrics", trust_env=False)


def test_a_metrics_port_that_is_taken_is_named_at_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = MetricsServer("127.0.0.1", port, lambda: Response())
        with pytest.raises(Conflict, match=f"127.0.0.1:{port}"):
            server.start()
        server.stop()
