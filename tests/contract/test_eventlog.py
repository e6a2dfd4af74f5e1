"""What every log promises (ports.EventLog), on the embedded file and on Apache Kafka."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from time import monotonic

import pytest

from shared.domain.errors import NotFound, Unreachable
from shared.ports import EventLog, NewRecord, Partition, Record, Sharing, TopicShape
from tests.contract.conftest import Log, Logs
from tests.support.lab import now
from tests.support.log_reading import SHAPES, append, numbered, read_all, read_until
from tests.support.product import eventually
from tests.support.servers import KafkaServer


def by_key(records: Iterable[Record]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for record in records:
        found[record.key].append(int(record.value or b"-1"))
    return found


def test_records_of_one_key_keep_their_order(log: Log) -> None:
    log.create(SHAPES)
    for batch in range(10):
        append(log, "packets", *(NewRecord(f"mn{n % 5}", str(batch * 20 + n).encode()) for n in range(20)))
    found = read_all(log, "packets")
    assert len(found) == 200
    assert all(numbers == sorted(numbers) for numbers in by_key(found).values())
    assert {len({r.partition for r in found if r.key == key}) for key in by_key(found)} == {1}


def test_an_append_says_where_each_record_stands(log: Log) -> None:
    log.create(SHAPES)
    places = append(log, "packets", *numbered(40))
    stands = {(r.partition, r.offset): r.value for r in read_all(log, "packets")}
    assert [stands[place] for place in places] == [str(n).encode() for n in range(40)]


def test_a_record_comes_back_as_it_was(log: Log) -> None:
    log.create(SHAPES)
    before = now() - timedelta(seconds=2)
    append(log, "risks", NewRecord("企业", "超标".encode(), {"frame": b"\x00\xff##0101", "registry": b"12"}))
    (record,) = read_all(log, "risks")
    assert (record.key, record.value) == ("企业", "超标".encode())
    assert dict(record.headers) == {"frame": b"\x00\xff##0101", "registry": b"12"}
    assert before < record.appended_at < now() + timedelta(seconds=2)


def test_what_was_appended_is_there_after_reopening(logs: Logs) -> None:
    first = logs.open()
    first.create(SHAPES)
    append(first, "risks", *numbered(10))
    logs.close()
    again = logs.open()
    again.create(SHAPES)
    assert [r.value for r in read_all(again, "risks")] == [str(n).encode() for n in range(10)]
    assert append(again, "risks", NewRecord("e", b"next")) == [(0, 10)]


def test_four_threads_append_without_loss(log: Log) -> None:
    log.create(SHAPES)

    def write(thread: int) -> None:
        for n in range(50):
            append(log, "packets", NewRecord(f"thread{thread}", str(n).encode()))

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(write, n) for n in range(4)]:
            future.result(60)
    assert by_key(read_all(log, "packets")) == {f"thread{n}": list(range(50)) for n in range(4)}
    assert sum(log.ends("packets").values()) == 200


def test_a_topic_keeps_the_shape_it_was_born_with(log: Log) -> None:
    log.create(SHAPES)
    log.create({"packets": TopicShape(partitions=9)})
    assert log.partitions("packets") == 4
    with pytest.raises(NotFound):
        log.partitions("never-made")


def test_a_follower_says_when_it_has_reached_the_end_that_stood_at_its_start(log: Log) -> None:
    log.create(SHAPES)
    append(log, "registry", *numbered(30, keys=30))
    with closing(log.follow("registry")) as following:
        assert not following.caught_up()
        found: list[Record] = []
        eventually(lambda: found.extend(following.poll(0.5)) or following.caught_up())
        assert len(found) == 30
        append(log, "registry", NewRecord("later", b"30"))
        eventually(lambda: found.extend(following.poll(0.5)) or len(found) == 31)
        assert found[-1].value == b"30"


def test_a_follower_of_an_empty_topic_has_caught_up(log: Log) -> None:
    log.create(SHAPES)
    with closing(log.follow("registry")) as following:
        assert following.caught_up()
        assert list(following.poll(0.1)) == []


def test_a_taken_partition_gives_nothing_until_it_is_positioned(log: Log) -> None:
    log.create(SHAPES)
    append(log, "risks", *numbered(10))
    with closing(log.share("alerts", ["risks"])) as sharing:
        taken: list[Partition] = []
        eventually(lambda: taken.extend(sharing.poll(100, 0.5).taken) or taken)
        assert taken == [Partition("risks", 0)]
        assert sharing.poll(100, 1.0).records == ()
        sharing.seek(taken[0], 7)
        found: list[Record] = []
        eventually(lambda: found.extend(sharing.poll(100, 0.5).records) or len(found) == 3)
        assert [r.offset for r in found] == [7, 8, 9]
        sharing.seek(taken[0], 2)
        found.clear()
        eventually(lambda: found.extend(sharing.poll(3, 0.5).records) or len(found) == 8)
        assert [r.offset for r in found] == list(range(2, 10))


def test_a_paused_partition_waits_until_it_is_resumed(log: Log) -> None:
    log.create(SHAPES)
    with closing(log.share("alerts", ["risks"])) as sharing:
        eventually(lambda: [sharing.seek(p, 0) for p in sharing.poll(10, 0.5).taken])
        sharing.pause([Partition("risks", 0)])
        append(log, "risks", *numbered(3))
        assert sharing.poll(10, 1.0).records == ()
        sharing.resume([Partition("risks", 0)])
        found: list[Record] = []
        eventually(lambda: found.extend(sharing.poll(10, 0.5).records) or len(found) == 3)


def test_partitions_put_back_half_read_come_whole_when_they_are_resumed(log: Log) -> None:
    """As while a database is away: every slice is put back and its partition paused; then all must come, in order."""
    log.create(SHAPES)
    append(log, "packets", *numbered(400, keys=40))
    owned: set[Partition] = set()

    def poll(sharing: Sharing, most: int) -> Sequence[Record]:
        polled = sharing.poll(most, 0.2)
        for partition in polled.taken:
            sharing.seek(partition, 0)
        owned.update(polled.taken)
        return polled.records

    with closing(log.share("monitoring", ["packets"])) as sharing:
        eventually(lambda: poll(sharing, 1) is not None and len(owned) == 4)
        for partition in owned:
            sharing.seek(partition, 0)
        for _ in range(24):
            slices: dict[Partition, int] = {}
            for record in poll(sharing, 30):
                slices.setdefault(Partition(record.topic, record.partition), record.offset)
            for partition, first in slices.items():
                sharing.seek(partition, first)
            sharing.pause(slices)
            for record in poll(sharing, 1):
                sharing.seek(Partition(record.topic, record.partition), record.offset)
            sharing.resume(slices)
        found: list[Record] = []
        eventually(lambda: found.extend(poll(sharing, 30)) or len(found) >= 400)
        assert sorted(int(r.value or b"") for r in found) == list(range(400))


def test_the_lag_is_what_was_not_yet_read(log: Log) -> None:
    log.create(SHAPES)
    append(log, "risks", *numbered(10))
    with closing(log.share("alerts", ["risks"])) as sharing:
        found = read_until(sharing, lambda records: len(records) >= 4, start=0)
        sharing.seek(Partition("risks", 0), 4)
        assert len(found) >= 4
        eventually(lambda: sharing.poll(1, 0.5).records)
        assert sharing.lag() == {Partition("risks", 0): 5}
        sharing.report({Partition("risks", 0): 5})


class Reading:
    """A member on its own thread that reads from the beginning and remembers what it owned and read."""

    def __init__(self, log: EventLog) -> None:
        self.owned: set[Partition] = set()
        self.records: list[Record] = []
        self._stop = threading.Event()
        self._sharing = log.share("alerts", ["packets"])
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        next_: dict[Partition, int] = {}
        while not self._stop.is_set():
            polled = self._sharing.poll(100, 0.2)
            self.owned.difference_update(polled.lost)
            for partition in polled.taken:
                self._sharing.seek(partition, next_.get(partition, 0))
                self.owned.add(partition)
            self.records += polled.records
        self._sharing.close()

    def leave(self) -> None:
        self._stop.set()
        self._thread.join(20)


def test_two_members_divide_the_partitions_and_one_takes_over_when_the_other_leaves(log: Log) -> None:
    log.create(SHAPES)
    everything = {Partition("packets", n) for n in range(4)}
    first = Reading(log)
    eventually(lambda: first.owned == everything)
    second = Reading(log)
    eventually(lambda: len(first.owned) == 2 and len(second.owned) == 2)
    assert first.owned | second.owned == everything
    append(log, "packets", *numbered(40, keys=20))
    eventually(lambda: len({(r.partition, r.offset) for r in first.records + second.records}) == 40)
    assert {r.partition for r in first.records} <= {p.number for p in everything}
    first.leave()
    eventually(lambda: second.owned == everything)
    append(log, "packets", *(NewRecord(f"after{n}", b"1") for n in range(20)))
    eventually(lambda: sum(r.key.startswith("after") for r in second.records) == 20)
    second.leave()


# --- Kafka alone -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("logs", ["kafka"], indirect=True)
@pytest.mark.parametrize("how", ["suspended", "stopped"])
def test_a_broker_that_is_unavailable_is_reported_at_once_and_everything_resumes(
    log: Log, kafka: KafkaServer, how: str
) -> None:
    log.create(SHAPES)
    append(log, "risks", *numbered(3))
    with closing(log.share("alerts", ["risks"])) as sharing, closing(log.follow("risks")) as following:
        read_until(sharing, lambda records: len(records) == 3)
        try:
            (kafka.suspend if how == "suspended" else kafka.stop)()
            waiting = log.append("risks", [NewRecord("e", b"in flight")])
            eventually(lambda: log.healthy() is not None, within_s=5)
            with pytest.raises(Unreachable):
                waiting.result(14)
            asked = monotonic()
            with pytest.raises(Unreachable):
                append(log, "risks", NewRecord("e", b"refused"))
            assert monotonic() - asked < 0.5
            quiet(sharing)
        finally:
            (kafka.resume if how == "suspended" else kafka.start)()
        eventually(lambda: log.healthy() is None)
        eventually(lambda: appended(log, NewRecord("e", b"back")))
        read_until(sharing, lambda records: any(r.value == b"back" for r in records))
        eventually(lambda: any(r.value == b"back" for r in following.poll(0.5)))


def quiet(sharing: Sharing) -> None:
    try:
        assert sharing.poll(10, 0.5).records == ()
    except Unreachable:
        return


def appended(log: EventLog, *records: NewRecord) -> Sequence[tuple[int, int]]:
    try:
        return append(log, "risks", *records)
    except Unreachable:
        return ()
