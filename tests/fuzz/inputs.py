"""One input of the fuzzer, and what an entrance is: known inputs, a generator, a way in that names the outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Input:
    """`payload` to `target`, which an entrance reads as it likes (a route, a topic); None: no payload at all."""

    target: str
    payload: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    def holding(self, payload: bytes | None) -> Input:
        return replace(self, payload=payload)

    def shown(self, longest: int = 400) -> str:
        """Enough of it to read; the whole goes to a file."""
        text = repr(self)
        return text if len(text) <= longest else f"{text[:longest]}… ({len(text)} characters)"


class Broken(Exception):
    """The product did what it never may."""


class Entrance(Protocol):
    """One way into the product."""

    name: str
    sets_aside: bool  # whether handlers may fail on what comes this way: only on records that others wrote to the log

    def known(self) -> Sequence[Input]:
        """Inputs that once did harm, or might: always tried first."""
        ...

    def make(self, random: Random) -> Input:
        """The next input."""
        ...

    def send(self, one: Input) -> str:
        """Send it; the outcome, of a small set. Raises Broken."""
        ...

    def settle(self) -> Iterator[str]:
        """Wait for what the inputs so far have set going; the outcomes that show only now. Raises Broken."""
        ...
