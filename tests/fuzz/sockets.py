"""One exchange by a bare socket: all is sent, our end closed, and everything read that comes back."""

from __future__ import annotations

import socket
from contextlib import suppress
from errno import ENOTCONN

ENDLESS = b"text/event-stream"  # an answer of this type does not end by itself


def exchanged(line: socket.socket, *parts: bytes) -> bytes:
    """What came back. A peer that closes before it has all is no failure; one that neither answers nor closes raises
    TimeoutError."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with suppress(ConnectionError):
        for part in parts:
            line.sendall(part)
        _end(line)
    answers = b""
    with suppress(ConnectionError):
        while ENDLESS not in answers and (got := line.recv(65536)):
            answers += got
    return answers


def _end(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_WR)
    except OSError as gone:
        if gone.errno != ENOTCONN:  # reset by the peer since the last part
            raise
