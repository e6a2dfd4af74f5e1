"""Whether the product is still what it promises to be: asked of every answer, and of the whole after every batch."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import httpx

from shared.domain.clock import parse_rfc3339
from tests.fuzz.inputs import Broken
from tests.fuzz.site import GOOD, Site, official_list, row
from tests.support.product import Logger, Process, eventually, last_hour
from tests.support.whole import packet

PROBLEM = "application/problem+json"
FIELDS = {"type", "title", "status", "detail", "code"}
MOST_GROWTH = 200 * 1024 * 1024
# one for all, which keeps no connection: processes come and go
PLAIN = httpx.Client(timeout=20, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
WITHIN_S = 30.0  # a good input is through by then, whatever else is waiting
POISON = "yujing_handler_poison_total"
FAILURES = ("yujing_worker_failures_total", "yujing_job_failures_total", POISON)
LAG = "yujing_log_consumer_lag_records"
WATCHED = (*FAILURES, LAG)
COUNTED = re.compile(rf"^({'|'.join(FAILURES)})(\{{[^}}]*\}})? ([0-9.e+]+)$", re.M)
LAGGING = re.compile(rf"^{LAG}\{{[^}}]*\}} ([0-9.e+]+)$", re.M)


class Oracle:
    """Keeps what was so at the start: counters of failures, memory."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._hours = 5
        self._round = 0
        self._counted = self._counters()
        self._memory = dict.fromkeys((process.http_port for process in site.processes), 2**60)
        self.healthy(sets_aside=True)
        self._memory = {process.http_port: resident(process) for process in site.processes}

    def forgive(self) -> None:
        """What was counted so far is no failure any more."""
        self._counted = self._counters()

    def growth(self) -> int:
        """Bytes that the process grown most has grown."""
        return max(resident(process) - self._memory[process.http_port] for process in self.site.processes)

    def answer(self, answer: httpx.Response) -> str:
        """The outcome an answer stands for; raises Broken for one that must not be."""
        return self.judge(
            answer.request.url.path, answer.status_code, answer.headers.get("content-type", ""), answer.content
        )

    def judge(self, path: str, status: int, media: str, body: bytes) -> str:
        if status == 503:
            self._excused(path, body)
        elif status >= 500:
            raise Broken(f"{status} from {path}: {body[:300]!r}\n{self.site.errors(1)}")
        if status < 400:
            return str(status)
        return f"{status} {_code(path, status, media, body)}"

    def _excused(self, path: str, body: bytes) -> None:
        """503 is an answer while readiness says why, and only then."""
        answer = _ask(self.site.process_of(path), "/readyz")
        if answer.status_code == 200 or not answer.json().get("why"):
            raise Broken(f"503 from {path} while /readyz is {answer.status_code}: {body[:300]!r}")
        self._await(self._ready, "ready again")

    def healthy(self, *, sets_aside: bool) -> None:
        """All of it; `sets_aside`: handlers may have failed on records. Raises Broken."""
        for process in self.site.processes:
            if process.exit_code() is not None:
                raise Broken(f"the process ended with {process.exit_code()}: {process.tail(30)}")
        self._await(self._ready, "ready")
        self._good_values()
        self._good_import()
        self._await(self._caught_up, "all groups caught up")
        self._nothing_failed(sets_aside=sets_aside)

    def _await(self, ask: object, what: str) -> None:
        try:
            eventually(ask, within_s=WITHIN_S, what=lambda: f"{what} ({self._why()})")  # type: ignore[arg-type]
        except AssertionError as late:
            raise Broken(f"{late}\n{self.site.errors()}") from late

    def _ready(self) -> bool:
        return all(_ask(process, "/readyz").status_code == 200 for process in self.site.processes)

    def _why(self) -> str:
        return "; ".join(_ask(process, "/readyz").text for process in self.site.processes)

    def _good_values(self) -> None:
        """A good frame is acknowledged and a good packet taken, and both are decided."""
        self._hours += 2
        by_frame, by_packet = last_hour(self._hours), last_hour(self._hours + 1)
        with Logger(self.site.product.gateway_port) as logger:
            acknowledged = logger.ask(GOOD.hour(by_frame, 20.0))
        if b"CN=9014" not in acknowledged:
            raise Broken(f"a good frame was answered {acknowledged!r}")
        answer = self.site.client.post("/monitoring/v1/packets", json=[packet(GOOD, by_packet, 21.0)])
        if answer.status_code != 202 or answer.json()["accepted"] != 1:
            raise Broken(f"a good packet was answered {answer.status_code} {answer.text}")
        wanted = {("20", by_frame), ("21", by_packet)}
        self._await(lambda: wanted <= self._decided(), "good values decided")

    def _decided(self) -> set[tuple[str, object]]:
        asked = {"factor": GOOD.factor, "from": last_hour(self._hours + 1).isoformat(), "limit": "2"}
        answer = self.site.client.get(f"/monitoring/v1/points/{GOOD.mn}/series", params=asked)
        if answer.status_code != 200:
            raise Broken(f"a series was answered {answer.status_code} {answer.text[:300]}")
        return {
            (one["value"], parse_rfc3339(one["at"]))
            for one in answer.json()["items"]
            if one["verdict"] and one["verdict"]["status"] == "compliant"
        }

    def _good_import(self) -> None:
        self._round += 1
        content = official_list(row(name=f"示例企业{self._round}"))
        answer = self.site.client.post("/permits/v1/imports", content=content)
        if answer.status_code != 202:
            raise Broken(f"a good import was answered {answer.status_code} {answer.text[:300]}")
        path = f"/permits/v1/imports/{answer.json()['id']}"
        self._await(lambda: self.site.client.get(path).json()["state"] in ("done", "failed"), "a good import done")
        shown = self.site.client.get(path).json()
        if shown["state"] != "done" or shown["counts"].get("refused"):
            raise Broken(f"a good import ended so: {shown}")

    def _caught_up(self) -> bool:
        lags = [line for process in self.site.processes for line in LAGGING.findall(_ask(process, "/metrics").text)]
        return not any(float(value) for value in lags)

    def _nothing_failed(self, *, sets_aside: bool) -> None:
        found = self._counters()
        if sets_aside:
            self._counted |= Counter({name: count for name, count in found.items() if name.startswith(POISON)})
        if grown := found - self._counted:
            raise Broken(f"failures were counted: {dict(grown)}\n{self.site.errors()}")
        if self.growth() > MOST_GROWTH:
            raise Broken(f"memory grew by {self.growth() >> 20} MB")

    def _counters(self) -> Counter[str]:
        """Failures of workers and jobs and records set aside, over all processes."""
        found: Counter[str] = Counter()
        for process in self.site.processes:
            text = _ask(process, "/metrics").text
            assert all(f"# TYPE {name} " in text for name in WATCHED), "a metric that is watched has another name now"
            for name, labels, value in COUNTED.findall(text):
                found[f"{name}{labels}"] += int(float(value))
        return found


def _code(path: str, status: int, media: str, body: bytes) -> str:
    """The code in the problem that every refusal must carry."""
    try:
        problem = json.loads(body)
    except ValueError:
        problem = None
    if media != PROBLEM or not isinstance(problem, dict) or not problem.keys() >= FIELDS or problem["status"] != status:
        raise Broken(f"{status} from {path} is no problem+json: {media} {body[:300]!r}")
    return str(problem["code"])


def _ask(process: Process, path: str) -> httpx.Response:
    try:
        return PLAIN.get(f"{process.base_url}{path}")
    except httpx.TransportError as wrong:
        raise Broken(
            f"{path} was not answered: {wrong!r}; exit code {process.exit_code()}\n{process.tail(30)}"
        ) from wrong


def resident(process: Process) -> int:
    """Bytes of memory that the process holds."""
    assert process.child is not None
    for line in Path(f"/proc/{process.child.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
