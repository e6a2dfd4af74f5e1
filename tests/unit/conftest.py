"""A unit test opens no database and no socket: the interpreter's own audit events say when one tries, and it fails.

Sockets without an address stay free: an event loop wakes itself through a pair of them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("unit", deadline=None)  # the machine may be busy: a slow example is no error
settings.load_profile("unit")
OPENS = frozenset({"sqlite3.connect", "socket.connect", "socket.bind"})


class Guard:
    """Notes what a test opens; raises at the place, and again at the test's end when the test has caught that."""

    def __init__(self) -> None:
        self.active = False
        self.opened: list[str] = []

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.active and event in OPENS:
            self.opened.append(f"{event}{arguments}")
            raise AssertionError(f"a unit test opens no database and no socket: {event}{arguments}")


GUARD = Guard()
sys.addaudithook(GUARD)  # for the life of the process: it can only be put to rest


@pytest.fixture(autouse=True)
def closed() -> Iterator[Guard]:
    """Nothing is opened while a unit test runs."""
    GUARD.opened, GUARD.active = [], True
    yield GUARD
    GUARD.active = False
    assert not GUARD.opened, GUARD.opened
