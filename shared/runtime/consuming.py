"""The consumer loop: records in, handler, effect and progress in one transaction, on one thread.

What one poll brings of a topic is one transaction, however many partitions it is of: a nation's packets come from all of them
at every moment, and a transaction costs as much as a hundred packets.

Exactly-once effect stands on the progress row (`eventlog/progress.py`): on taking a partition the loop seeks to it, and
a member that lost its partition is fenced. What is away is waited for; what cannot be handled is set aside and the
stream goes on. Which handler does what is the services' affair.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from time import monotonic
from traceback import format_exception_only

import structlog
from sqlmodel import Session

from shared.database import Database
from shared.domain.errors import Unreachable
from shared.eventlog import failpoints
from shared.eventlog.progress import Fenced, Move, Progress
from shared.ports import EventLog, Partition, Polled, Record, Sharing

log = structlog.get_logger(__name__)

Handler = Callable[[Session, Sequence[Record]], None]
Poison = Callable[[Session, Record, Exception], None]
OnBatch = Callable[[str, int, datetime], None]

MAX_RECORDS = 500  # one batch ≈ 0.2 MB, handled in well under the session time-out
_partition_of = attrgetter("topic", "partition")
POLL_S = 0.5  # also how soon `stop` is seen
NOT_YET_S = 0.05  # what a handler stands on usually comes within this
FIRST_WAIT_S, LAST_WAIT_S = 0.2, 1.0  # between trials while log or database are away
REJOIN_AFTER = 10  # failures of the log in a row: leave, and join as a new member
RETAKE_S = 3.0  # fenced, and the log still says the partition is ours: take it anew after this
REPORT_S = 1.0  # positions are for display


class NotYet(Exception):
    """What this handler stands on has not arrived: the partition is paused briefly and the same records come again."""


def every_record(_record: Record) -> bool:
    """A handler that any record may concern."""
    return True


@dataclass(frozen=True, slots=True)
class Consumption:
    """What a group reads, and who handles it: topic → handler. `concerns` is False for a record that its handler passes
    over: a batch of such records alone needs no transaction of its own. `batches`: how many times the usual number of records
    a handler may be given at once, where a record costs little."""

    group: str
    handlers: Mapping[str, Handler]
    concerns: Callable[[Record], bool] = every_record
    batches: int = 1


@dataclass(frozen=True, slots=True)
class _Slice:
    """Records of one partition that follow one another."""

    partition: Partition
    records: list[Record]

    @property
    def end(self) -> int:
        """The offset after them."""
        return self.records[-1].offset + 1


class Consumer:
    """One member of a group; `run` on its own thread, `lag` and `assigned` from any."""

    def __init__(
        self,
        consumption: Consumption,
        *,
        log: EventLog,
        database: Database,
        progress: Progress,
        poison: Poison,
        max_records: int = MAX_RECORDS,
        on_batch: OnBatch = lambda _topic, _records, _newest: None,
    ) -> None:
        self._group = consumption.group
        self._handlers = consumption.handlers
        self._concerns = consumption.concerns
        self._log = log
        self._database = database
        self._progress = progress
        self._poison = poison
        self._max_records = max_records
        self._on_batch = on_batch
        self._sharing: Sharing | None = None
        self._ahead: Polled | None = None  # polled, and not yet handled
        self._is_behind = False  # the log has more for us than one poll brings
        self._epochs: dict[Partition, int] = {}
        self._take_at: dict[Partition, float] = {}  # taken, or fenced, and not yet positioned: when to try
        self._resume_at: dict[Partition, float] = {}
        self._unreported: dict[Partition, int] = {}
        self._passed: dict[Partition, int] = {}  # read without effect, and not yet in the progress row
        self._reported_at = 0.0
        self._wait_s = FIRST_WAIT_S
        self._lag: Mapping[Partition, int] = {}
        self._lag_at = 0.0
        self._poisoned = 0

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`; comes back by itself from a log or database that was away."""
        failures = 0
        try:
            while not stop.is_set():
                try:
                    self._turn()
                    failures = 0
                except Unreachable as away:
                    failures += 1
                    log.warning("consumer waits", group=self._group, reason=away.detail)
                    stop.wait(self._longer())
                    if failures % REJOIN_AFTER == 0:
                        self._leave()
        finally:
            self._leave()

    def lag(self) -> Mapping[Partition, int]:
        """Records not yet read of each partition owned, as of a second ago at most."""
        return self._lag

    def assigned(self) -> frozenset[Partition]:
        """Partitions that are ours and positioned."""
        return frozenset(self._epochs)

    @property
    def poisoned(self) -> int:
        """Records set aside by this consumer."""
        return self._poisoned

    def _turn(self) -> None:
        if self._sharing is None:
            self._sharing = self._log.share(self._group, sorted(self._handlers))
        sharing = self._sharing
        self._wake(sharing)
        polled, self._ahead = self._ahead or sharing.poll(self._max_records, self._patience()), None
        self._lose(polled.lost)
        for partition in polled.taken:
            self._take_at[partition] = 0.0
        self._take(sharing)
        self._is_behind = len(polled.records) >= self._max_records
        self._handle_all(sharing, polled.records)
        self._tell(sharing)

    def _poll_ahead(self) -> None:
        """The records that come next, while the database works; they wait until those before them are done."""
        if self._ahead is None and self._sharing is not None:
            try:
                self._ahead = self._sharing.poll(self._max_records, 0.0)
            except Unreachable:
                return  # the next poll says so again

    def _forget_ahead(self, partition: Partition) -> None:
        """Other records of this partition come next than those that were polled ahead."""
        if self._ahead is not None:
            left = tuple(
                r for r in self._ahead.records if (r.topic, r.partition) != (partition.topic, partition.number)
            )
            self._ahead = replace(self._ahead, records=left)

    def _patience(self) -> float:
        """How long to poll: until the next partition is to be tried again."""
        due = [*self._take_at.values(), *self._resume_at.values()]
        return max(0.0, min([POLL_S, *(at - monotonic() for at in due)]))

    def _wake(self, sharing: Sharing) -> None:
        due = [p for p, at in self._resume_at.items() if at <= monotonic()]
        for partition in due:
            del self._resume_at[partition]
        if due:
            sharing.resume(due)

    def _lose(self, lost: Sequence[Partition]) -> None:
        for partition in lost:
            for known in (self._epochs, self._take_at, self._resume_at, self._unreported, self._passed):
                known.pop(partition, None)

    def _take(self, sharing: Sharing) -> None:
        """Raise the epoch of what is ours now and go to where its progress row says."""
        due = sorted((p for p, at in self._take_at.items() if at <= monotonic()), key=lambda p: (p.topic, p.number))
        if not due:
            return
        try:
            with self._database.transaction() as session:
                rows = {p: self._progress.take(session, self._group, p) for p in due}
        except Unreachable as away:
            log.warning("consumer waits for its database", group=self._group, reason=away.detail)
            again = monotonic() + self._longer()
            self._take_at.update(dict.fromkeys(due, again))
            return
        for partition, (offset, epoch) in rows.items():
            del self._take_at[partition]
            self._epochs[partition] = epoch
            sharing.seek(partition, offset)
        log.info("partitions taken", group=self._group, partitions=[f"{p.topic}/{p.number}" for p in due])

    def _handle_all(self, sharing: Sharing, records: Sequence[Record]) -> None:
        away = False
        for slices in self._by_topic(records):
            if away:
                self._put_all_back(sharing, slices, self._wait_s)
            else:
                away = not self._handle_topic(sharing, slices)
        if records and not away:
            self._wait_s = FIRST_WAIT_S

    def _by_topic(self, records: Sequence[Record]) -> list[list[_Slice]]:
        """The records of partitions that are ours, topic by topic."""
        found: dict[str, dict[Partition, _Slice]] = {}
        for place, records_ in groupby(records, key=_partition_of):
            partition = Partition(*place)
            if partition in self._epochs:
                of_topic = found.setdefault(partition.topic, {})
                of_topic.setdefault(partition, _Slice(partition, [])).records.extend(records_)
        return [list(of_topic.values()) for of_topic in found.values()]

    def _handle_topic(self, sharing: Sharing, slices: Sequence[_Slice]) -> bool:
        """Slices of one topic in one transaction; where that fails, each by itself. False when something we stand on is away."""
        concerned = []
        for one in slices:
            if any(map(self._concerns, one.records)):
                concerned.append(one)
            else:
                self._done(one)
                self._passed[one.partition] = one.end
        if len(concerned) > 1:
            try:
                if self._error_of(concerned) is None:
                    return True
            except Unreachable as away:
                self._wait_out(sharing, concerned, away)
                return False
            except (NotYet, Fenced):
                pass  # the slice that it is about says so again
        while concerned and self._handle(sharing, concerned[0]):
            concerned = concerned[1:]
        self._put_all_back(sharing, concerned[1:], self._wait_s)
        return not concerned

    def _handle(self, sharing: Sharing, part: _Slice) -> bool:
        """One slice; when a record of it fails, the same records each in its own transaction, and one that still fails is
        set aside. False when something we stand on is away."""
        partition, records = part.partition, part.records
        try:
            wrong = self._error_of([part])
            if wrong is None:
                return True
            what = described(wrong)
            log.warning("batch failed, one by one now", group=self._group, topic=partition.topic, error=what)
            while records:
                single = _Slice(partition, records[:1])
                wrong = self._error_of([single])
                if wrong is not None:
                    self._set_aside(single, wrong)
                records = records[1:]
        except Unreachable as away:
            self._wait_out(sharing, [_Slice(partition, records)], away)
            return False
        except NotYet:
            self._put_back(sharing, records[0], NOT_YET_S)
        except Fenced:
            self._drop(sharing, partition)
        return True

    def _error_of(self, slices: Sequence[_Slice]) -> Exception | None:
        """The effect of the records, or what their handler failed on; raises Unreachable, NotYet and Fenced."""
        try:
            self._effect(slices)
        except (Unreachable, NotYet, Fenced):
            raise
        except (
            Exception
        ) as wrong:  # whatever a record does to its handler: the caller logs it, counts it and sets it aside
            return wrong
        return None

    def _effect(self, slices: Sequence[_Slice]) -> None:
        """What the records of some partitions of a topic do, and where these stand after it, in one transaction."""
        handler = self._handlers[slices[0].partition.topic]
        with self._database.transaction(self._poll_ahead if self._is_behind else None) as session:
            handler(session, [record for one in slices for record in one.records])
            self._advance(session, slices)
            failpoints.reach("after-handler")
        failpoints.reach("after-commit")
        for one in slices:
            self._done(one)

    def _set_aside(self, single: _Slice, wrong: Exception) -> None:
        (record,) = single.records
        log.error("record set aside", group=self._group, record=_place(record), exc_info=wrong)
        with self._database.transaction() as session:
            self._poison(session, record, wrong)
            self._advance(session, [single])
        self._poisoned += 1
        self._done(single)

    def _advance(self, session: Session, slices: Sequence[_Slice]) -> None:
        moves = [Move(one.partition, self._epochs[one.partition], one.end) for one in slices]
        self._progress.advance(session, self._group, moves)

    def _save_passed(self, sharing: Sharing) -> None:
        """Positions behind records without effect: after a crash they are read once more, and pass again."""
        for partition, offset in list(self._passed.items()):
            try:
                with self._database.transaction() as session:
                    self._progress.advance(session, self._group, [Move(partition, self._epochs[partition], offset)])
                del self._passed[partition]
            except Fenced:
                self._drop(sharing, partition)

    def _done(self, part: _Slice) -> None:
        self._passed.pop(part.partition, None)
        self._unreported[part.partition] = part.end
        self._on_batch(part.partition.topic, len(part.records), part.records[-1].appended_at)

    def _wait_out(self, sharing: Sharing, slices: Sequence[_Slice], away: Unreachable) -> None:
        log.warning("handler waits", group=self._group, topic=slices[0].partition.topic, reason=away.detail)
        self._put_all_back(sharing, slices, self._longer())

    def _put_all_back(self, sharing: Sharing, slices: Sequence[_Slice], wait_s: float) -> None:
        for one in slices:
            self._put_back(sharing, one.records[0], wait_s)

    def _put_back(self, sharing: Sharing, first: Record, wait_s: float) -> None:
        """The same records come again after `wait_s`; until then the partition is paused and membership lives on."""
        partition = Partition(first.topic, first.partition)
        self._forget_ahead(partition)
        sharing.seek(partition, first.offset)
        sharing.pause([partition])
        self._resume_at[partition] = monotonic() + wait_s

    def _drop(self, sharing: Sharing, partition: Partition) -> None:
        """Another has taken the partition. If the log goes on to call it ours (the other has died), we take it anew."""
        log.warning("partition taken by another", group=self._group, topic=partition.topic, number=partition.number)
        self._lose([partition])
        self._forget_ahead(partition)
        sharing.pause([partition])
        self._take_at[partition] = self._resume_at[partition] = monotonic() + RETAKE_S

    def _longer(self) -> float:
        now, self._wait_s = self._wait_s, min(self._wait_s * 2, LAST_WAIT_S)
        return now

    def _tell(self, sharing: Sharing) -> None:
        """Positions and lag, about once a second."""
        now = monotonic()
        if self._unreported and now - self._reported_at >= REPORT_S:
            self._save_passed(sharing)
            failpoints.reach("before-report")
            sharing.report(dict(self._unreported))
            self._unreported.clear()
            self._reported_at = now
        if now - self._lag_at >= REPORT_S:
            waiting = Counter(map(_partition_of, self._ahead.records)) if self._ahead else {}
            self._lag = {p: n + waiting.get((p.topic, p.number), 0) for p, n in sharing.lag().items()}
            self._lag_at = now

    def _leave(self) -> None:
        if self._sharing is None:
            return
        try:
            self._save_passed(self._sharing)
            if self._unreported:
                self._sharing.report(self._unreported)
            self._sharing.close()
        except Unreachable as away:
            log.warning("left the group without a word", group=self._group, reason=away.detail)
        self._sharing = self._ahead = None
        for known in (self._epochs, self._take_at, self._resume_at, self._unreported, self._passed):
            known.clear()


def _place(record: Record) -> str:
    """Where the record stands; never what is in it, which may be anything."""
    return f"{record.topic}/{record.partition}@{record.offset}"


def described(error: Exception) -> str:
    """The error in at most 500 characters that every log and database takes; never raises."""
    kind = type(error)
    lines = format_exception_only(kind, error)  # it copes with an error whose own text fails
    text = lines[-1].rstrip("\n").removeprefix(f"{kind.__module__}.")
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "�")[:500]
