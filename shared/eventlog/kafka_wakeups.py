"""One wake-up of Kafka's IO thread for many records.

kafka-python wakes it for every batch that a record begins: a system call each, in which the sending thread gives away the
interpreter. What one thread sends together wakes it once, at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from kafka.net.compat import KafkaNetClient


class _Sending(threading.local):
    """The clients that this thread is to wake; None while each is woken at once."""

    clients: set[KafkaNetClient] | None = None


_sending = _Sending()


class SparingClient(KafkaNetClient):  # type: ignore[misc]
    """The network client of a producer or consumer; inside `one_wake_up` it is woken at the end."""

    def wakeup(self) -> None:
        if _sending.clients is None:
            super().wakeup()
        else:
            _sending.clients.add(self)


@contextmanager
def one_wake_up() -> Iterator[None]:
    """Nothing inside may wait for the IO thread."""
    clients = _sending.clients = set[KafkaNetClient]()
    try:
        yield
    finally:
        _sending.clients = None
        for client in clients:
            client.wakeup()
