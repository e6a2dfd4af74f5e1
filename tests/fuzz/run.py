"""One entrance fuzzed for a while: known inputs first, then made ones, the oracle after every batch; on a failure the
smallest input that still fails is looked for, shown, and written to a file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import NoReturn

import pytest

from tests.fuzz.inputs import Broken, Entrance, Input
from tests.fuzz.mutations import smaller
from tests.fuzz.oracle import Oracle
from tests.fuzz.site import Site
from tests.fuzz.web import Unsendable

SLICE_S = 2.0  # of made inputs, between two questions to the oracle
MOST_MADE = 600
MOST_KNOWN = 300  # of known inputs between two questions
SHRINK_S = 20.0
BLAME_S = 120.0  # for finding the one input of a batch that did it

Make = Callable[[Site, Oracle], Entrance]
Fresh = Callable[[], AbstractContextManager[Site]]


class Fuzzed:
    """One product that runs, in one shape; a new one once it was broken."""

    def __init__(self, shape: str, fresh: Fresh) -> None:
        self.shape = shape
        self.fresh = fresh
        self._open = ExitStack()
        self._start()

    def _start(self) -> None:
        self.site = self._open.enter_context(self.fresh())
        self.oracle = Oracle(self.site)

    def renew(self) -> None:
        """Another in its place."""
        self.close()
        self._start()

    def close(self) -> None:
        self._open.close()


@dataclass
class Tally:
    """What one entrance was given and what became of it."""

    entrance: str
    shape: str
    seed: int
    outcomes: Counter[str] = field(default_factory=Counter)
    tried: int = 0
    seconds: float = 0.0
    grown: int = 0

    def line(self) -> str:
        rate = self.tried / self.seconds if self.seconds else 0.0
        shown = ", ".join(f"{outcome} {count}" for outcome, count in self.outcomes.most_common(12))
        grown = f"{self.grown / 2**20:+.0f} MB"
        return f"{self.shape:11} {self.entrance:9} {self.tried:6} inputs {rate:6.0f}/s {grown:>8}  {shown}"


class Fuzzer:
    """Fuzzes one entrance of one product."""

    def __init__(self, make: Make, fuzzed: Fuzzed, *, tally: Tally, folder: Path) -> None:
        self._make = make
        self._fuzzed = fuzzed
        self._entrance = make(fuzzed.site, fuzzed.oracle)
        self._tally = tally
        self._folder = folder

    def run(self, seconds: float) -> None:
        """Fails with the smallest input found that breaks the product."""
        began = monotonic()
        try:
            for batch in self._batches(seconds):
                self._try(batch)
        finally:
            self._tally.seconds += monotonic() - began
        self._tally.grown = self._fuzzed.oracle.growth()

    def _batches(self, seconds: float) -> Iterator[Iterator[Input]]:
        """The known inputs, then made ones for the rest of the time, but for half of it at least."""
        until = monotonic() + seconds
        known = list(self._entrance.known())
        for start in range(0, len(known), MOST_KNOWN):
            yield iter(known[start : start + MOST_KNOWN])
        random = Random(f"{self._tally.seed}:{self._entrance.name}")
        until = max(until, monotonic() + seconds / 2)
        while monotonic() < until:
            yield self._made(random, min(until, monotonic() + SLICE_S))

    def _made(self, random: Random, until: float) -> Iterator[Input]:
        for _ in range(MOST_MADE):
            if monotonic() >= until:
                return
            yield self._entrance.make(random)

    def _try(self, batch: Iterator[Input]) -> None:
        sent: list[Input] = []
        if (wrong := self._sent(batch, sent)) is not None:
            self._fail(self._shrunk_here(sent[-1], wrong), sent, wrong)
        if (wrong := self._settled()) is not None:
            self._fail(self._blamed(sent), sent, wrong)

    def _sent(self, batch: Iterator[Input], sent: list[Input]) -> Broken | None:
        """Each of the batch, noted in `sent`; the first wrong answer ends it."""
        for one in batch:
            sent.append(one)
            self._tally.tried += 1
            try:
                self._tally.outcomes[outcome(self._entrance, one)] += 1
            except Broken as wrong:
                return wrong
        return None

    def _settled(self) -> Broken | None:
        try:
            self._tally.outcomes.update(self._entrance.settle())
            self._fuzzed.oracle.healthy(sets_aside=self._entrance.sets_aside)
        except Broken as wrong:
            return wrong
        return None

    def _shrunk_here(self, one: Input, why: Broken) -> Input:
        """The same with as little payload as is still answered as wrongly, for the same reason."""

        def breaks(smaller: Input) -> bool:
            try:
                outcome(self._entrance, smaller)
            except Broken as wrong:
                return kind_of(wrong) == kind_of(why)
            return False

        return shrunk(one, breaks)

    def _blamed(self, sent: Sequence[Input]) -> Input | None:
        """The one input of the batch that does it, found by halves: on this product while it recovers, else on new ones.
        None when it takes more than one, or chance, or too long."""
        breaks = self._breaks_again if self._recovers() else self._breaks_anew
        suspects, until = list(sent), monotonic() + BLAME_S
        while len(suspects) > 1 and monotonic() < until:
            half = len(suspects) // 2
            halves = (suspects[:half], suspects[half:])
            found = next((part for part in halves if breaks(part)), None)
            if found is None:
                return None
            suspects = found
        return suspects[0] if len(suspects) == 1 else None

    def _recovers(self) -> bool:
        """Whether the product is well now but for what was counted."""
        self._fuzzed.oracle.forgive()
        return self._settled() is None

    def _breaks_again(self, inputs: Sequence[Input]) -> bool:
        """Whether these inputs do harm again."""
        broken = self._sent(iter(inputs), []) or self._settled()
        self._fuzzed.oracle.forgive()
        return broken is not None

    def _breaks_anew(self, inputs: Sequence[Input]) -> bool:
        """Whether these inputs break a product that was started for them."""
        with self._fuzzed.fresh() as site:
            oracle = Oracle(site)
            entrance = self._make(site, oracle)
            try:
                for one in inputs:
                    outcome(entrance, one)
                list(entrance.settle())
                oracle.healthy(sets_aside=entrance.sets_aside)
            except Broken:
                return True
        return False

    def _fail(self, one: Input | None, batch: Sequence[Input], why: Broken) -> NoReturn:
        """Fails; the input (or, when no single one does it, the batch) stands in a file."""
        name = f"{self._tally.shape}-{self._tally.entrance}-seed-{self._tally.seed}"
        path = self._folder / f"{name}.txt"
        path.write_text("\n".join(map(repr, [one] if one else batch)), encoding="utf-8", errors="backslashreplace")
        shown = one.shown() if one else f"no single one of these {len(batch)} does it alone on a new product"
        self._fuzzed.renew()
        pytest.fail(f"{why}\ninput: {shown}\nwhole: {path}\nagain: make fuzz SEED={self._tally.seed}", pytrace=False)


def outcome(entrance: Entrance, one: Input) -> str:
    try:
        return entrance.send(one)
    except Unsendable:
        return "not sendable"


def kind_of(wrong: Broken) -> tuple[str, str]:
    """What tells one failure from another: how it begins, and the error at the end of its trace."""
    lines = str(wrong).splitlines()
    return lines[0][:40], lines[-1].partition(":")[0]


def shrunk(one: Input, breaks: Callable[[Input], bool]) -> Input:
    """The input with as little payload as still breaks, found within a while."""
    until, found = monotonic() + SHRINK_S, True
    while found:
        found = False
        for payload in smaller(one.payload or b""):
            if monotonic() > until:
                return one
            if breaks(one.holding(payload)):
                one, found = one.holding(payload), True
                break
    return one
