"""Silence as the built service sweeps it: the embedded log, its consumers and jobs, and a clock that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from services.monitoring.handlers.availability import AliveNotes
from services.monitoring.service import build
from services.monitoring.store.tables import RISK
from shared.domain.clock import Clock, rfc3339
from shared.domain.events import PACKETS, REGISTRY
from shared.domain.risk import Cleared, Risk, RiskState
from shared.eventlog.codec import encode
from shared.ports import NewRecord, Record
from shared.runtime.consuming import Consumer
from shared.runtime.service import Context, Service
from tests.support.contexts import a_context, migrated
from tests.support.lab import running
from tests.support.product import eventually
from tests.unit.monitoring.harness import MonitoringHarness, at

MNS = [f"A150102_{n:04d}" for n in range(1, 7)]
MINUTE = timedelta(minutes=1)


@dataclass
class Station:
    """The service with its consumers running; `now` is both clocks, moved by the test alone."""

    service: Service
    context: Context
    time: list[datetime]

    @property
    def now(self) -> datetime:
        return self.time[0]

    def append(self, topic: str, records: list[NewRecord]) -> None:
        """On the log, and handled."""
        self.context.log.append(topic, records).result(5)
        eventually(partial(self._handled, topic), what=f"{topic} handled")

    def _handled(self, topic: str) -> bool:
        groups = {name: c.group for c in self.service.consumptions for name in c.handlers}
        with self.service.database.read() as session:
            found = self.service.progress.positions(session, groups[topic])
        done = {partition.number: offset for partition, offset in found.items() if partition.topic == topic}
        return all(done.get(number, 0) >= end for number, end in self.context.log.ends(topic).items())

    def speak(self, *mns: str) -> None:
        """A sign of life of each."""
        heartbeat = {"command": "9015", "factors": {}, "received_at": rfc3339(self.now), "source": "gateway"}
        self.append(PACKETS, [NewRecord(mn, encode({"mn": mn, **heartbeat})) for mn in mns])

    def wait(self, minutes: int, *, hearing: bool = True) -> None:
        """Time passes; the gateway notes that it receives, every two minutes, unless it is down in between."""
        notes = AliveNotes(self.context.clock, self.service.database)
        end = self.now + minutes * MINUTE
        while self.now < end:
            self.time[0] = min(end, self.now + 2 * MINUTE) if hearing else end
            notes.note(self.now)

    def sweep(self) -> None:
        (job,) = (job for job in self.service.jobs if job.name == "silence")
        for _ in range(2):  # the first only learns where the log ends
            job.run(self.now)

    def later(self, minutes: int, *, hearing: bool = True) -> None:
        self.wait(minutes, hearing=hearing)
        self.sweep()

    def risks(self, kind: str = "data.offline", state: RiskState | None = RiskState.OPEN) -> list[Risk]:
        with self.service.database.read() as session:
            wanted = select(RISK.c.document).where(RISK.c.kind == kind).order_by(RISK.c.mn)
            found = [Risk.read(document) for document in session.connection().execute(wanted).scalars()]
        return [risk for risk in found if state is None or risk.state is state]


@contextmanager
def opened(folder: Path) -> Iterator[Station]:
    time = [at("2026-11-20 09:00")]
    clock = Clock(wall_now=lambda: time[0], field_now=lambda: time[0])
    context = migrated(a_context(folder, clock), "monitoring")
    service = build(context)
    with ExitStack() as stack:
        stack.callback(context.log.close)
        stack.callback(service.database.close)
        consumers = [
            Consumer(one, log=context.log, database=service.database, progress=service.progress, poison=_refuse)
            for one in service.consumptions
        ]
        stack.enter_context(running(*(consumer.run for consumer in consumers)))
        yield Station(service, context, time)


def _refuse(_session: Any, record: Record, wrong: Exception) -> None:
    raise AssertionError(f"not handled: {record.value!r}") from wrong


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    """Six points of one county, all seen at nine."""
    with opened(tmp_path) as found:
        harness = MonitoringHarness(tmp_path / "harness")  # only to word the register's records
        registered: list[Record] = []
        harness.take_registry = lambda *records: registered.extend(records)  # type: ignore[method-assign]
        harness.an_enterprise()
        for mn in MNS:
            harness.a_point(mn)
        harness.database.close()
        found.append(REGISTRY, [NewRecord(record.key, record.value) for record in registered])
        found.speak(*MNS)
        yield found


def conditions(station: Station) -> list[tuple[str | None, str]]:
    return [(risk.mn, risk.condition) for risk in station.risks()]


def test_one_silent_point_is_reported_after_half_an_hour_two_hours_and_a_day(station: Station) -> None:
    silent, others = MNS[0], MNS[1:]
    steps = []
    for minutes in (29, 1, 89, 1, 60, 21 * 60 - 1, 1):
        station.wait(minutes - 1)
        station.speak(*others)
        station.later(1)
        steps.append([step for mn, step in conditions(station) if mn == silent])
        assert [mn for mn, _ in conditions(station) if mn != silent] == []
    assert steps == [[], ["short"], ["short"], ["hours"], ["hours"], ["hours"], ["day"]]
    assert station.risks("data.outage") == []
    (risk,) = station.risks()
    assert risk.revision == 3  # once a step


def test_a_packet_ends_the_silence(station: Station) -> None:
    station.later(30)
    station.speak(*MNS)
    station.later(1)
    assert station.risks() == []
    ended = station.risks(state=RiskState.CLEARED)
    assert [(risk.mn, risk.cleared) for risk in ended] == [(mn, Cleared.RESUMED) for mn in MNS]
    assert {risk.cleared_at for risk in ended} == {at("2026-11-20 09:30")}


def test_a_silent_county_is_the_operators_and_mutes_the_single_points(station: Station) -> None:
    station.later(30)
    (outage,) = station.risks("data.outage")
    assert (outage.region, outage.credit_code, outage.facts["silent"]) == ("150102", None, 6)
    assert [risk.muted for risk in station.risks()] == ["area_outage"] * 6
    station.speak(*MNS[:3])
    station.later(1)
    assert station.risks("data.outage") == []
    assert [(risk.mn, risk.muted) for risk in station.risks()] == [(mn, None) for mn in MNS[3:]]


def test_while_our_own_gateway_is_down_nobody_is_silent(station: Station) -> None:
    station.later(10)
    station.later(300, hearing=False)
    assert station.risks(state=None) == []
    station.later(19)
    assert station.risks(state=None) == []
    station.later(1)
    assert {condition for _, condition in conditions(station)} == {"short"}


def test_nobody_is_called_silent_before_the_log_was_seen_to_be_read(station: Station) -> None:
    station.wait(40)
    (job,) = (job for job in station.service.jobs if job.name == "silence")
    job.run(station.now)
    assert station.risks(state=None) == []
    job.run(station.now)
    assert len(station.risks()) == 6
