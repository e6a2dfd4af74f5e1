"""The guard of the unit tests: a test that opens a database or a socket fails, and an event loop still runs."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import Callable

import pytest

from tests.unit.conftest import Guard


def bind() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))


def connect() -> None:
    with socket.socket() as client:
        client.connect(("127.0.0.1", 9))


@pytest.mark.parametrize(
    "open_it", [lambda: sqlite3.connect(":memory:"), bind, connect], ids=["sqlite", "bind", "connect"]
)
def test_what_opens_a_database_or_a_socket_is_refused(open_it: Callable[[], object], closed: Guard) -> None:
    with pytest.raises(AssertionError, match="opens no database and no socket"):
        open_it()
    assert len(closed.opened) == 1
    closed.opened.clear()  # else this test would fail at its end, as any other would


def test_an_event_loop_runs() -> None:
    assert asyncio.run(asyncio.sleep(0, "awake")) == "awake"
