"""A logger's line to a running gateway, and what came of the frames it sent."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.monitoring.gateway import GatewayWorker
from shared.access import Role
from shared.domain.events import PACKETS
from shared.eventlog.codec import decode
from shared.hj212.reply import encode
from shared.ports import Record
from tests.integration.test_monitoring_api import API, ApiHarness, packet, post
from tests.support.gateway_harness import Logger, wait_until
from tests.unit.monitoring.harness import MonitoringHarness


@dataclass
class Running:
    """Monitoring with its gateway, for all tests of this file on one database."""

    harness: ApiHarness
    gateway: GatewayWorker
    folder: Path
    points: int = 0

    def new_point(self, prefix: str = "P") -> str:
        self.points += 1
        return f"{prefix}{self.points:05d}"

    def register(self, mn: str, **settings: str) -> None:
        register = MonitoringHarness(self.folder / mn)
        registered: list[Record] = []
        register.take_registry = lambda *records: registered.extend(records)  # type: ignore[method-assign]
        register.a_point(mn, password="123456", **settings)
        register.database.close()
        self.harness.publish(registered)
        wait_until(lambda: self.harness.context.directory.point(mn), "the point to be known")


@dataclass
class Line:
    """One point of its own; `send` is its logger's end of the line."""

    running: Running
    mn: str

    @property
    def harness(self) -> ApiHarness:
        return self.running.harness

    def send(self, *frames: bytes) -> list[str]:
        """The commands that answered; what came is handled then."""
        logger = Logger(self.running.gateway.port)
        logger.send(b"".join(frames))
        answers = [answer.cn for answer in logger.rest()]
        logger.close()
        self.harness.pump()
        return answers

    def frame(self, body: str, **more: str) -> bytes:
        return framed(body, self.head(**more))

    def head(self, cn: str = "2061", qn: str = "20261120090000001") -> str:
        return f"QN={qn};ST=31;CN={cn};PW=123456;MN={self.mn};Flag=5;"

    def get(self, path: str, **params: Any) -> list[dict[str, Any]]:
        answer = self.harness.client().get(f"{API}/{path}", params=params)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def series(self, factor: str, period: str = "hour") -> list[dict[str, Any]]:
        return self.get(f"points/{self.mn}/series", factor=factor, period=period)

    def values(self) -> dict[tuple[str, str], str | None]:
        found = self.get(f"points/{self.mn}/latest")
        return {(one["factor"], one["at"]): one["value"] for one in found}

    def notes(self) -> list[tuple[str, str, str, str]]:
        notes = [one["note"] for one in self.get(f"points/{self.mn}/notes")]
        assert all(note["expected"] for note in notes)
        return [(note["factor"], note["field"], note["fault"], note["value"]) for note in notes]

    def quarantine(self) -> list[dict[str, Any]]:
        return self.get("quarantine", mn=self.mn)

    def packets(self) -> list[dict[str, Any]]:
        return [decode(record.value or b"") for record in self.harness.records(PACKETS) if record.key == self.mn]

    def metric(self, name: str, **labels: str) -> float:
        return self.harness.context.metrics.registry.get_sample_value(name, labels) or 0.0

    def noted(self, fault: str) -> float:
        return self.metric("yujing_packet_items_noted_total", fault=fault)

    def post(self, *items: dict[str, Any]) -> Any:
        return post(self.harness.client(Role.DEVICE, mns=(self.mn,)), list(items))

    def refused(self, item: dict[str, Any]) -> Any:
        """The report on a packet that is refused."""
        answer = self.harness.client(Role.DEVICE, mns=(self.mn,)).post(f"{API}/packets", json=[item])
        assert answer.status_code == 422, answer.text
        return answer.json()["rejected"][0]

    def packet(self, **more: Any) -> dict[str, Any]:
        return packet(mn=self.mn, **more)


def framed(body: str, head: str) -> bytes:
    return encode(f"{head}CP=&&{body}&&".encode())
