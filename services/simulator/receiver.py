"""A sample receiver of webhooks on 127.0.0.1: takes only what Standard Webhooks 1.0 lets it believe.

One path and secret an endpoint; a repeated `webhook-id` is answered and not passed on again. Its verifier is its own: it
shares no code with the sender.
"""

from __future__ import annotations

import base64
import hmac
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.domain.clock import Clock
from shared.domain.errors import Conflict
from shared.domain.json import JsonObject, as_object

TOLERANCE_S = 300
LARGEST_BODY = 1_000_000


class Unbelievable(Exception):
    """A message that the receiver refuses, and why."""


@dataclass(frozen=True, slots=True)
class Message:
    """A verified message."""

    owner: str
    webhook_id: str
    event: JsonObject
    body: bytes


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now_s: float) -> str:
    """The `webhook-id` of a message that the secret signed within five minutes; raises Unbelievable."""
    webhook_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not webhook_id or not (stamp.isascii() and stamp.isdigit()):
        raise Unbelievable("no webhook-id or webhook-timestamp")
    if abs(now_s - int(stamp)) > TOLERANCE_S:
        raise Unbelievable(f"signed {now_s - int(stamp):.0f} s ago")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    right = base64.b64encode(hmac.digest(key, b"%s.%s." % (webhook_id.encode(), stamp.encode()) + body, "sha256"))
    for given in headers.get("webhook-signature", "").split():
        version, _, signature = given.partition(",")
        if version == "v1" and hmac.compare_digest(signature.encode(), right):
            return webhook_id
    raise Unbelievable("the signature does not fit")


@dataclass
class Receiver:
    """`on_message` is called on a server thread with each verified message, once a webhook-id."""

    clock: Clock
    on_message: Callable[[Message], None]
    verified: int = 0
    repeated: int = 0
    refused: list[str] = field(default_factory=list)
    _secrets: dict[str, str] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    def start(self, port: int = 0) -> None:
        """Takes messages on this port of 127.0.0.1; 0 is any free one.

        Raises: Conflict when another program has the port.
        """
        try:
            self._server = _Server(("127.0.0.1", port), _handler(self))
        except OSError as taken:
            raise Conflict(f"port {port} is not free: {taken.strerror}", code="port-taken") from taken
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="receiver", daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def url(self, owner: str) -> str:
        """Where the messages of `owner` are to be sent."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}/hooks/{owner}"

    def trust(self, owner: str, secret: str) -> None:
        self._secrets[owner] = secret

    def take(self, owner: str, headers: Mapping[str, str], body: bytes) -> int:
        """The HTTP status for a message."""
        try:
            secret = self._secrets.get(owner)
            if secret is None:
                raise Unbelievable(f"no secret is known for {owner[:40]!r}")
            webhook_id = verify(secret, headers, body, now_s=self.clock.wall_now().timestamp())
        except Unbelievable as why:
            with self._lock:
                self.refused.append(str(why))
            return 401
        with self._lock:
            if (owner, webhook_id) in self._seen:
                self.repeated += 1
                return 204
            self._seen.add((owner, webhook_id))
            self.verified += 1
        self.on_message(Message(owner, webhook_id, as_object(json.loads(body), "an event"), body))
        return 204


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > LARGEST_BODY:
                self._answer(413)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(receiver.take(self.path.rpartition("/")[2], headers, body))

        def _answer(self, status: int) -> None:
            self.send_response(status)
            if status == 413:
                self.close_connection = True
            if status != 204:
                self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: verified messages are passed on, refused ones counted."""

    return Handler
