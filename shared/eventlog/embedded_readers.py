"""How the embedded log is read: members of a group that divide its partitions, and followers of a whole topic.

A reader waits on its own event, which the writer sets; one SELECT brings records and nothing stays open. A partition
changes hands only when its old owner polls again (or leaves): by then it has done with what it was given.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from time import monotonic

import structlog

from shared.domain.errors import Unreachable
from shared.eventlog.embedded_file import LogFile, unreachable_when_broken
from shared.eventlog.embedded_writer import Writer
from shared.ports import Partition, Polled, Record

log = structlog.get_logger(__name__)

FOLLOW_AT_ONCE = 1_000  # records a follower gets in one poll


class Group:
    """The members of one group in this process, and who owns what."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.Lock()
        self._members: list[Member] = []
        self._owner: dict[Partition, Member] = {}

    def join(self, member: Member) -> None:
        with self.lock:
            self._members.append(member)
            self._ring()

    def leave(self, member: Member) -> None:
        with self.lock:
            if member in self._members:
                self._members.remove(member)
            self._owner = {p: owner for p, owner in self._owner.items() if owner is not member}
            self._ring()

    def settle(self, member: Member, owned: Iterable[Partition]) -> tuple[list[Partition], list[Partition]]:
        """(taken, lost) of `member`: it gives up what is no longer its share and takes what is free of it."""
        with self.lock:
            share = self._share(member)
            lost = [p for p in owned if p not in share]
            for partition in lost:
                del self._owner[partition]
            taken = [p for p in share if p not in self._owner]
            for partition in taken:
                self._owner[partition] = member
            if lost:
                self._ring()
            return taken, lost

    def _share(self, member: Member) -> list[Partition]:
        """Every n-th partition among the members that read its topic."""
        share: list[Partition] = []
        for topic in member.topics:
            readers = [other for other in self._members if topic in other.topics]
            if member in readers:
                share += member.file.partitions(topic)[readers.index(member) :: len(readers)]
        return share

    def _ring(self) -> None:
        for member in self._members:
            member.waiter.set()


class Member:
    """One sharer (ports.Sharing)."""

    def __init__(self, group: Group, topics: Sequence[str], *, file: LogFile, writer: Writer) -> None:
        self.topics = tuple(topics)
        self.file = file
        self.waiter = threading.Event()
        self._group = group
        self._writer = writer
        self._owned: set[Partition] = set()
        self._next: dict[Partition, int] = {}
        self._paused: set[Partition] = set()
        self._turn = 0
        self._closed = False
        for topic in topics:
            file.shape(topic)
        self._connection = file.connect()
        writer.waiters.subscribe(self.topics, self.waiter)
        group.join(self)

    def poll(self, max_records: int, timeout_s: float) -> Polled:
        deadline = monotonic() + timeout_s
        while True:
            self._check()
            self.waiter.clear()
            taken, lost = self._group.settle(self, self._owned)
            self._move(taken, lost)
            records = self._read(max_records)
            left = deadline - monotonic()
            if taken or lost or records or left <= 0:
                return Polled(tuple(taken), tuple(lost), tuple(records))
            self.waiter.wait(left)

    def seek(self, partition: Partition, offset: int) -> None:
        end = self._writer.ends[partition]
        if offset > end:  # the log is younger than the position (its file was replaced): begin anew, as Kafka would
            log.warning(
                "position beyond the end of the log", topic=partition.topic, partition=partition.number, end=end
            )
            offset = 0
        if partition in self._owned:
            self._next[partition] = offset

    def pause(self, partitions: Iterable[Partition]) -> None:
        self._paused.update(partitions)

    def resume(self, partitions: Iterable[Partition]) -> None:
        self._paused.difference_update(partitions)

    def report(self, positions: Mapping[Partition, int]) -> None:
        self._writer.report(self._group.name, positions)

    def lag(self) -> Mapping[Partition, int]:
        return {p: max(0, self._writer.ends[p] - self._next.get(p, 0)) for p in self._owned}

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.waiters.unsubscribe(self.waiter)
        self._group.leave(self)
        self._connection.close()

    def _check(self) -> None:
        if self._closed or not self._writer.thread.is_alive():
            raise Unreachable("the log is closed", code="log-away")

    def _move(self, taken: Iterable[Partition], lost: Iterable[Partition]) -> None:
        self._owned.update(taken)
        for partition in lost:
            self._owned.discard(partition)
            self._paused.discard(partition)
            self._next.pop(partition, None)

    def _read(self, max_records: int) -> list[Record]:
        """Round robin over partitions, so that a long one does not starve the rest."""
        waiting = sorted(
            (p for p, offset in self._next.items() if p not in self._paused and offset < self._writer.ends[p]),
            key=lambda p: (p.topic, p.number),
        )
        if not waiting:
            return []
        self._turn = (self._turn + 1) % len(waiting)
        records: list[Record] = []
        for partition in waiting[self._turn :] + waiting[: self._turn]:
            if len(records) >= max_records:
                break
            found = self.file.read(self._connection, partition, self._next[partition], max_records - len(records))
            self._next[partition] = found[-1].offset + 1 if found else self._writer.ends[partition]
            records += found
        return records


class Follower:
    """Reads one topic from the beginning (ports.Following)."""

    def __init__(self, topic: str, *, file: LogFile, writer: Writer) -> None:
        self._file = file
        self._writer = writer
        self._waiter = threading.Event()
        with unreachable_when_broken():
            self._connection = file.connect()
            self._goal = {p: file.end(self._connection, p) for p in file.partitions(topic)}
        self._next = dict.fromkeys(self._goal, 0)
        self._closed = False
        writer.waiters.subscribe([topic], self._waiter)

    def poll(self, timeout_s: float) -> Sequence[Record]:
        deadline = monotonic() + timeout_s
        while True:
            if self._closed or not self._writer.thread.is_alive():
                raise Unreachable("the log is closed", code="log-away")
            self._waiter.clear()
            records = self._read()
            left = deadline - monotonic()
            if records or left <= 0:
                return records
            self._waiter.wait(left)

    def caught_up(self) -> bool:
        return all(self._next[partition] >= end for partition, end in self._goal.items())

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._writer.waiters.unsubscribe(self._waiter)
            self._waiter.set()
            self._connection.close()

    def _read(self) -> list[Record]:
        records: list[Record] = []
        for partition, offset in self._next.items():
            end = self._writer.ends.get(partition, 0)
            if offset < end and len(records) < FOLLOW_AT_ONCE:
                found = self._file.read(self._connection, partition, offset, FOLLOW_AT_ONCE - len(records))
                self._next[partition] = found[-1].offset + 1 if found else end
                records += found
        return records
