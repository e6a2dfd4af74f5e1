"""What the consumer loop promises on every log and store: exactly-once effect, and a stream that goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
from sqlmodel import Session, select

from shared.database import Database
from shared.domain.errors import Unreachable
from shared.eventlog.progress import Progress
from shared.meanwhile import do_meanwhile
from shared.ports import NewRecord, Partition, Record, TopicShape
from shared.runtime.consuming import MAX_RECORDS, Consumer, Consumption, Handler, NotYet, every_record
from tests.contract.conftest import Log
from tests.support.lab import Effect, LabProgress, Noting, effects, running, table_of
from tests.support.product import eventually

EACH_ONCE = {str(n): 1 for n in range(60)}


@dataclass
class Lab:
    """A log with 60 records on it, a database, and consumers of it."""

    log: Log
    database: Database

    def consumer(
        self, handler: Handler, concerns: Callable[[Record], bool] = every_record, max_records: int = MAX_RECORDS
    ) -> Consumer:
        return Consumer(
            Consumption("lab", {"packets": handler}, concerns),
            log=self.log,
            database=self.database,
            progress=Progress(table_of(LabProgress)),
            poison=set_aside,
            max_records=max_records,
        )

    def next_offsets(self) -> dict[int, int]:
        with self.database.read() as session:
            rows = session.exec(select(LabProgress)).all()
            return {row.partition: row.next_offset for row in rows}

    def finished(self) -> bool:
        return self.next_offsets() == dict(self.log.ends("packets"))

    def append(self, *values: str) -> None:
        records = [NewRecord(f"mn{n % 9}", value.encode()) for n, value in enumerate(values)]
        self.log.append("packets", records).result(20)


def set_aside(session: Session, record: Record, wrong: Exception) -> None:
    session.add(Effect(event=f"set aside: {(record.value or b'').decode()}", member=type(wrong).__name__))


@pytest.fixture
def lab(log: Log, database: Database) -> Iterator[Lab]:
    log.create({"packets": TopicShape(partitions=3)})
    lab = Lab(log, database)
    lab.append(*map(str, range(60)))
    yield lab


def test_every_record_has_one_effect_and_a_restart_adds_none(lab: Lab) -> None:
    with running(lab.consumer(Noting()).run):
        eventually(lab.finished)
    assert effects(lab.database) == EACH_ONCE
    again = Noting()
    consumer = lab.consumer(again)
    with running(consumer.run):
        eventually(lambda: len(consumer.assigned()) == 3)
        lab.append("60")
        eventually(lab.finished)
    assert again.seen == ["60"]
    assert effects(lab.database) == EACH_ONCE | {"60": 1}


def test_a_replay_from_the_beginning_adds_nothing_to_what_is_known_by_row(lab: Lab) -> None:
    def once(session: Session, records: Sequence[Record]) -> None:
        for record in records:
            event = (record.value or b"").decode()
            if session.exec(select(Effect).where(Effect.event == event)).first() is None:
                session.add(Effect(event=event))

    with running(lab.consumer(once).run):
        eventually(lab.finished)
    with lab.database.transaction() as session:
        for row in session.exec(select(LabProgress)).all():
            row.next_offset = 0
    with running(lab.consumer(once).run):
        eventually(lab.finished)
    assert effects(lab.database) == EACH_ONCE


def test_a_poisonous_record_is_set_aside_and_the_rest_goes_on(lab: Lab) -> None:
    consumer = lab.consumer(Noting(poisonous={"7", "23"}))
    with running(consumer.run):
        eventually(lab.finished)
    assert effects(lab.database) == {
        **{event: 1 for event in EACH_ONCE if event not in ("7", "23")},
        "set aside: 7": 1,
        "set aside: 23": 1,
    }
    assert consumer.poisoned == 2


def test_a_record_whose_ground_has_not_arrived_waits_and_holds_up_no_other_partition(lab: Lab) -> None:
    arrived = threading.Event()
    (where, _offset), *_ = lab.log.append("packets", [NewRecord("late", b"waits")]).result(20)
    note = Noting()

    def patient(session: Session, records: Sequence[Record]) -> None:
        if any(record.value == b"waits" for record in records) and not arrived.is_set():
            raise NotYet
        note(session, records)

    with running(lab.consumer(patient).run):
        ends = lab.log.ends("packets")
        others = {number for number in ends if number != where}
        eventually(lambda: all(lab.next_offsets().get(n, 0) == ends[n] for n in others))
        assert "waits" not in effects(lab.database)
        arrived.set()
        eventually(lab.finished)
    assert effects(lab.database) == EACH_ONCE | {"waits": 1}


def test_records_of_several_partitions_have_their_effect_in_one_transaction(lab: Lab) -> None:
    note, calls = Noting(), list[set[int]]()

    def handler(session: Session, records: Sequence[Record]) -> None:
        calls.append({record.partition for record in records})
        note(session, records)

    def several_came_at_once() -> bool:
        lab.append(*["more"] * 9)
        eventually(lab.finished)
        return any(len(partitions) > 1 for partitions in calls)

    with running(lab.consumer(handler).run):
        eventually(lab.finished)
        eventually(several_came_at_once)
    found = effects(lab.database)
    assert sum(found.values()) == sum(lab.next_offsets().values()) == len(note.seen)


def test_what_was_polled_ahead_waits_for_what_was_put_back_before_it(lab: Lab) -> None:
    note, held = Noting(), [True] * 3

    def handler(session: Session, records: Sequence[Record]) -> None:
        do_meanwhile(session)  # the next records are polled now
        if held:
            held.pop()
            raise NotYet
        note(session, records)

    with running(lab.consumer(handler, max_records=5).run):
        eventually(lab.finished)
    assert effects(lab.database) == EACH_ONCE
    for key in range(9):
        seen = [int(event) for event in note.seen if int(event) % 9 == key]
        assert seen == sorted(seen)


def test_what_the_handler_stands_on_may_be_away_for_a_while(lab: Lab) -> None:
    away = [True] * 4
    note = Noting()

    def handler(session: Session, records: Sequence[Record]) -> None:
        note(session, records)
        if away:
            away.pop()
            raise Unreachable("the archive is away")

    with running(lab.consumer(handler).run):
        eventually(lab.finished)
    assert effects(lab.database) == EACH_ONCE


def test_a_member_that_another_has_fenced_adds_nothing_and_takes_the_partition_anew(lab: Lab) -> None:
    progress = Progress(table_of(LabProgress))
    consumer = lab.consumer(Noting())
    with running(consumer.run):
        eventually(lab.finished)
        with lab.database.transaction() as session:
            for number in range(3):
                progress.take(session, "lab", Partition("packets", number))
        lab.append("60", "61", "62")
        eventually(lab.finished)
    assert effects(lab.database) == EACH_ONCE | {"60": 1, "61": 1, "62": 1}


def concerns(record: Record) -> bool:
    return record.value != b"passed"


def test_records_that_concern_no_handler_move_the_position_on_without_one(lab: Lab) -> None:
    with running(lab.consumer(Noting()).run):
        eventually(lab.finished)
    lab.append(*["passed"] * 9)
    note = Noting()
    with running(lab.consumer(note, concerns).run):
        eventually(lab.finished)
        lab.append(*map(str, range(60, 69)))
        eventually(lab.finished)
    assert set(note.seen) - {"passed"} == {str(n) for n in range(60, 69)}
    again = Noting()
    consumer = lab.consumer(again, concerns)
    with running(consumer.run):
        eventually(lambda: len(consumer.assigned()) == 3)
        lab.append("69")
        eventually(lab.finished)
    assert again.seen == ["69"]


def test_a_fenced_member_sets_no_position_back_with_what_it_passed_over(lab: Lab) -> None:
    progress = Progress(table_of(LabProgress))
    with running(lab.consumer(Noting(), concerns).run):
        eventually(lab.finished)
        with lab.database.transaction() as session:
            for number in range(3):
                progress.take(session, "lab", Partition("packets", number))
        lab.append(*["passed"] * 9)
        eventually(lab.finished)
        lab.append("60")
        eventually(lab.finished)
    assert {event: n for event, n in effects(lab.database).items() if event != "passed"} == EACH_ONCE | {"60": 1}


def test_the_counts_for_metrics_are_those_of_the_work(lab: Lab) -> None:
    batches: list[tuple[str, int]] = []
    consumer = Consumer(
        Consumption("lab", {"packets": Noting()}),
        log=lab.log,
        database=lab.database,
        progress=Progress(table_of(LabProgress)),
        poison=set_aside,
        max_records=10,
        on_batch=lambda topic, count, newest: batches.append((topic, count)),
    )
    with running(consumer.run):
        eventually(lab.finished)
        eventually(lambda: set(consumer.lag().values()) == {0} and len(consumer.lag()) == 3)
    assert sum(count for _topic, count in batches) == 60
    assert max(count for _topic, count in batches) <= 10
    assert consumer.assigned() == frozenset()
