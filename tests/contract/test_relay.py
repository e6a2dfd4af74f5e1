"""What the relay promises on both stores: each row on the log once, in order, numbered without a gap."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from shared.database import Database
from shared.domain.errors import Unreachable
from shared.domain.events import RISK_OPENED, Event
from shared.eventlog.codec import decode_event
from shared.eventlog.embedded import EmbeddedLog
from shared.eventlog.failpoints import EXIT_CODE
from shared.eventlog.outbox import Outbox
from shared.eventlog.relay import Relay, Sent
from shared.ports import NewRecord, TopicShape
from tests.contract.test_eventlog import read_all
from tests.support.lab import LabLease, LabOutbox, now, open_lab, running, table_of
from tests.support.product import eventually

ROOT = Path(__file__).resolve().parents[2]


def relay_of(database: Database, log: Any, holder: str = "host", **more: Any) -> Relay:
    given: dict[str, Any] = {"wall_now": now, **more}
    return Relay(database, table_of(LabOutbox), table_of(LabLease), log, holder=holder, **given)


def say(database: Database, *subjects: str) -> None:
    outbox = Outbox(table_of(LabOutbox))
    for subject in subjects:
        event = Event(RISK_OPENED, "lab", subject, 1, now(), {"level": "三级"})
        with database.transaction() as session:
            outbox.publish(session, "risks", "e", event, wall_now=now())


def numbers(database: Database) -> list[tuple[str, int | None]]:
    with database.read() as session:
        rows = session.exec(select(LabOutbox).order_by(LabOutbox.id)).all()  # type: ignore[arg-type]
        return [(row.event_id, row.stream_no) for row in rows]


def all_sent(database: Database) -> Callable[[], bool]:
    return lambda: all(number is not None for _event, number in numbers(database))


def published(log: EmbeddedLog) -> list[str]:
    return [decode_event(r.value or b"").id for r in read_all(log, "risks")]


@pytest.fixture
def risks(embedded: EmbeddedLog) -> EmbeddedLog:
    embedded.create({"risks": TopicShape(1)})
    return embedded


def test_each_row_is_published_once_in_order_and_numbered_densely(database: Database, risks: EmbeddedLog) -> None:
    received: list[Sent] = []
    relay = relay_of(database, risks, on_sent=lambda topic, events: received.extend(events))
    say(database, *(f"r{n}" for n in range(30)))
    assert relay.pending() == 30
    with running(relay.run):
        eventually(all_sent(database))
        say(database, "r30")
        eventually(all_sent(database))
    assert published(risks) == [f"r{n}:1" for n in range(31)]
    assert numbers(database) == [(f"r{n}:1", n + 1) for n in range(31)]
    assert [(one.stream_no, one.event_id) for one in received] == [(n + 1, f"r{n}:1") for n in range(31)]
    assert (relay.pending(), relay.oldest_age_s()) == (0, 0.0)


def test_how_long_the_oldest_row_has_waited_is_known(database: Database, risks: EmbeddedLog) -> None:
    say(database, "r")
    relay = relay_of(database, risks, wall_now=lambda: now() + timedelta(seconds=90))
    assert 89 < relay.oldest_age_s() < 100


def test_two_relays_share_one_lease(database: Database, risks: EmbeddedLog) -> None:
    first, second = relay_of(database, risks, "a"), relay_of(database, risks, "b")
    say(database, "r0")
    assert (first.relay_once(), second.relay_once()) == (1, 0)
    say(database, "r1")
    assert (second.relay_once(), first.relay_once()) == (0, 1)
    with running(first.run, second.run):
        say(database, *(f"r{n}" for n in range(2, 40)))
        eventually(all_sent(database))
    assert published(risks) == [f"r{n}:1" for n in range(40)]


def test_a_relay_that_stops_lets_the_next_in_at_once(database: Database, risks: EmbeddedLog) -> None:
    with running(relay_of(database, risks, "a").run):
        say(database, "r0")
        eventually(all_sent(database))
    say(database, "r1")
    assert relay_of(database, risks, "b").relay_once() == 1


class SlowLog:
    """Another relay takes the lease while this one is appending."""

    def __init__(self, log: EmbeddedLog, meanwhile: Callable[[], object]) -> None:
        self._log = log
        self._meanwhile = meanwhile

    def append(self, topic: str, records: Sequence[NewRecord]) -> Future[list[tuple[int, int]]]:
        future = self._log.append(topic, records)
        future.result(10)
        self._meanwhile()
        return future


def test_a_relay_that_lost_its_lease_while_appending_marks_nothing(database: Database, risks: EmbeddedLog) -> None:
    later: list[datetime] = []

    def clock() -> datetime:
        return later[0] if later else now()

    other = relay_of(database, risks, "other", wall_now=clock)

    def take_over() -> None:
        later.append(now() + timedelta(minutes=1))
        assert other.relay_once() == 1

    say(database, "r0")
    slow = relay_of(database, SlowLog(risks, take_over), "slow", wall_now=clock)
    with pytest.raises(Exception, match="another relay holds the lease"):
        slow.relay_once()
    assert numbers(database) == [("r0:1", 1)]
    assert published(risks) == ["r0:1", "r0:1"]  # twice, with one id


class AwayLog:
    """Refuses the first appends."""

    def __init__(self, log: EmbeddedLog, times: int) -> None:
        self._log = log
        self._left = times

    def append(self, topic: str, records: Sequence[NewRecord]) -> Future[list[tuple[int, int]]]:
        if self._left:
            self._left -= 1
            refused: Future[list[tuple[int, int]]] = Future()
            refused.set_exception(Unreachable("the broker is away"))
            return refused
        return self._log.append(topic, records)


def test_a_log_that_is_away_is_waited_for(database: Database, risks: EmbeddedLog) -> None:
    say(database, "r0", "r1")
    with running(relay_of(database, AwayLog(risks, 3)).run):
        eventually(all_sent(database))
    assert published(risks) == ["r0:1", "r1:1"]


@pytest.mark.parametrize(("point", "times"), [("before-append", 1), ("after-append", 2), ("after-mark", 1)])
def test_a_crash_loses_no_row_and_repeats_only_with_the_same_id(tmp_path: Path, point: str, times: int) -> None:
    script = [sys.executable, "-m", "tests.support.relay_crash", str(tmp_path), point]
    crashed = subprocess.run(script, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60, check=False)
    assert crashed.returncode == EXIT_CODE
    database = open_lab(None, tmp_path)
    with closing(EmbeddedLog(tmp_path / "log.sqlite", wall_now=now)) as log, closing(database):
        with running(relay_of(database, log, wall_now=lambda: now() + timedelta(minutes=1)).run):
            eventually(all_sent(database))
        assert published(log) == ["r0:1", "r1:1"] * times
        assert numbers(database) == [("r0:1", 1), ("r1:1", 2)]


@pytest.mark.parametrize(("point", "there"), [("before-commit", 0), ("after-log-commit", 1)])
def test_a_crash_of_the_log_keeps_whole_appends_or_nothing(tmp_path: Path, point: str, there: int) -> None:
    script = [sys.executable, "-m", "tests.support.log_crash", str(tmp_path), point]
    crashed = subprocess.run(script, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60, check=False)
    assert crashed.returncode == EXIT_CODE
    with closing(EmbeddedLog(tmp_path / "log.sqlite", wall_now=now)) as log:
        assert len(read_all(log, "risks")) == 3 * there
        assert log.append("risks", [NewRecord("e", b"next")]).result(10) == [(0, 3 * there)]


def test_the_relay_is_woken_by_a_commit(database: Database, risks: EmbeddedLog) -> None:
    received = threading.Event()
    with running(relay_of(database, risks, on_sent=lambda topic, events: received.set()).run):
        say(database, "r0")
        assert received.wait(10)
