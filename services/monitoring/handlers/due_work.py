"""What time itself brings: windows whose grace has passed, running means, silence, packets whose time has come.

Each asks the rows what is due by now and not yet done, so that a missed tick is caught up by the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from time import sleep, thread_time

from sqlmodel import Session

from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.changes import Changes, Elapsed
from services.monitoring.domain.due_work import (
    DAY,
    HOUR,
    REDO,
    RUNNING,
    RUNNING_DAY,
    RUNNING_TAKEN,
    UNFINISHED,
    UNKNOWN,
    DueKey,
    spread,
)
from services.monitoring.domain.windows import DAY_S, HOUR_S, WindowKey, day_start_s, end_s, hour_start_s, seconds
from services.monitoring.handlers.packets import PacketHandler
from services.monitoring.handlers.quarantine import PutBack
from services.monitoring.store import quarantine
from services.monitoring.store.due import all_due, done, due_by, due_times, mark_due, put_due, still_due
from services.monitoring.store.register import lock_points
from services.monitoring.store.values import first_window, windows_between
from services.monitoring.store.verdicts import windows_decided_between
from shared.database import Database
from shared.domain.clock import Clock, Instant
from shared.domain.errors import Conflict
from shared.gc_pause import gc_paused
from shared.sql import chunks

AT_ONCE = 250  # due rows in one transaction: about 12 MB of samples, a fifth of a second of CPU
MOST_PASSES = 5_000  # a tick ends some day even if work begets work
BACK_AT_ONCE = 100
TAKEN_AT_ONCE = 2_000  # running means; a short transaction, since packets of their points wait for it
EVALUATED_A_TURN, TURNS, TURN_S = 1_000, 16, 15  # of running means that are due at one time; within four minutes
RUNNING_OF = {RUNNING: HOUR, RUNNING_TAKEN: HOUR, RUNNING_DAY: DAY}  # kind → averaging
AVERAGING_OF_UNFINISHED = {kind: averaging for averaging, kind in UNFINISHED.items()}


class Jobs:
    """The jobs `decide-due` and `put-back`."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        handler: PacketHandler,
        put_back: PutBack,
    ) -> None:
        self._database = database
        self._clock = clock
        self._handler = handler
        self._put_back = put_back

    def decide_due(self, now: datetime) -> None:
        """Everything on the due list up to now, in transactions of a bounded size."""
        self._take_running(Instant(now, self._clock.wall_now()))
        for _ in range(MOST_PASSES):
            begun = thread_time()
            worked_off = self._some(Instant(now, self._clock.wall_now()))
            if not worked_off:
                break
            if worked_off == AT_ONCE:
                _give_way(begun)

    def _take_running(self, now: Instant) -> None:
        """Running means that are due leave the marks that packets look for: no packet waits while they are evaluated. A nation's
        are due at one moment: they are evaluated turn by turn."""
        with self._database.read() as session:
            keys = all_due(session, RUNNING, now.s)
        turn_s = TURN_S if self._clock.speed <= 1 else 0
        times = spread(len(keys), now.s, at_once=EVALUATED_A_TURN, every_s=turn_s, within=TURNS)
        at_s = dict(zip(keys, times, strict=True))
        for part in chunks(keys, TAKEN_AT_ONCE):
            begun = thread_time()
            with self._database.transaction() as session:
                lock_points(session, {key.mn for key in part})
                taken = [key for key, due_s in due_times(session, part).items() if due_s <= now.s]
                done(session, taken)
                mark_due(session, {DueKey(key.mn, RUNNING_TAKEN, key.start_s): at_s[key] for key in taken})
            if len(part) == TAKEN_AT_ONCE:
                _give_way(begun)

    def _some(self, now: Instant) -> int:
        with self._database.read() as session:
            if not due_by(session, now.s, 1):
                return 0
        with gc_paused(), self._database.transaction() as session:
            found = due_by(session, now.s, AT_ONCE)
            mns = {mn for mn, _, _ in found}
            sites = self._handler.decider.register.sites(session, mns)
            lock_points(session, {*mns, *_siblings(sites.values(), now.s)})
            keys = still_due(session, found) if found else set()
            done(session, keys)
            self._decide(session, [key for key in found if key in keys], now)
        return len(found)

    def _decide(self, session: Session, keys: Sequence[DueKey], now: Instant) -> None:
        windows: set[WindowKey] = set()
        for mn, kind, start in keys:
            if kind in (HOUR, DAY):
                windows.add(WindowKey(mn, kind, start))
            elif kind in AVERAGING_OF_UNFINISHED:
                windows.add(WindowKey(mn, AVERAGING_OF_UNFINISHED[kind], start))
            elif kind == REDO:
                windows |= _redone(session, mn, start, now)
        decider = self._handler.decider
        for averaging in (HOUR, DAY):  # hours first: days are made of them
            part = {window for window in windows if window.averaging == averaging}
            self._handler.settle(session, decider.decide(session, part, now.s, settle=True), now)
        means = decider.running(session, _still_running(keys, now.s), now.s)
        elapsed = [
            Elapsed(mn, kind.removeprefix(f"{UNKNOWN}-"), start) for mn, kind, start in keys if kind.startswith(UNKNOWN)
        ]
        if means or elapsed:
            self._handler.settle(session, Changes(running=means, elapsed=elapsed), now)

    def put_back(self, now: datetime) -> None:
        """Packets from the future whose time has come."""
        with self._database.read() as session:
            more = bool(quarantine.come_back_by(session, seconds(now), 1))
        while more:
            with self._database.transaction() as session:
                items = quarantine.come_back_by(session, seconds(now), BACK_AT_ONCE)
                for item in items:
                    try:
                        self._put_back.now(session, item, by="clock")
                    except Conflict:
                        quarantine.stay(session, item.id)
                more = len(items) == BACK_AT_ONCE


def _give_way(begun_s: float) -> None:
    """Where much is due, half of the time is left to the gateway and the packets of this process. `begun_s`: the CPU time of
    this thread when its work began."""
    sleep(thread_time() - begun_s)


def _still_running(keys: Iterable[DueKey], now_s: int) -> set[WindowKey]:
    """The running windows among what is due; one that has closed is decided by its own verdict."""
    windows = {WindowKey(mn, RUNNING_OF[kind], start) for mn, kind, start in keys if kind in RUNNING_OF}
    return {window for window in windows if now_s < end_s(window.start_s, window.averaging)}


def _redone(session: Session, mn: str, day: int, now: Instant) -> set[WindowKey]:
    """The windows of one day, as values or verdicts have them; the next day goes on the list."""
    end = day_start_s(day) + DAY_S
    found: set[WindowKey] = set()
    for averaging in (HOUR, DAY):
        starts = {
            *windows_between(session, mn, averaging, day, end),
            *windows_decided_between(session, mn, averaging, day, end),
        }
        found |= {WindowKey(mn, averaging, start) for start in starts}
    for period in ("minute", "instant"):
        hours = {hour_start_s(start) for start in windows_between(session, mn, period, day, end)}
        found |= {WindowKey(mn, HOUR, hour) for hour in hours if hour + HOUR_S <= now.s}
    following = first_window(session, mn, end)
    if following is not None:
        put_due(session, {DueKey(mn, REDO, day_start_s(following)): now.s})
    return found


def _siblings(sites: Iterable[Site], now_s: int) -> set[str]:
    found: set[str] = set()
    for site in sites:
        limits = site.limits_at(now_s)
        if limits is not None:
            found.update(limits.siblings)
    return found
