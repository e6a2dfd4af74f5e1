"""A socket for kafka-python that closes itself when it cannot connect.

kafka-python 3.0.12 leaves a refused socket open until the garbage collector finds it; a broker away for an hour would
cost an idle service its file descriptors. `proxy_url` is the library's own place for another kind of socket.
"""

from __future__ import annotations

import socket

from kafka.errors import KafkaError
from kafka.net.inet import KafkaNetSocket

DIRECT = "direct://broker"


class _DirectSocket(KafkaNetSocket):  # type: ignore[misc]  # kafka-python ships no types
    SCHEMES = ("direct",)  # registers itself by this

    async def sock_connect(
        self, net: object, sock: socket.socket, sockaddr: object, timeout_at: float | None = None
    ) -> object:
        try:
            return await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except (KafkaError, OSError):
            sock.close()
            raise
