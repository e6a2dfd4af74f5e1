"""A receiver that keeps a ledger: every delivery by `webhook-id`, verified by an independent library."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


@dataclass
class Ledger:
    """`verified`: webhook-id → bodies; `forged`: what did not verify. Secrets by path."""

    secrets: dict[str, str] = field(default_factory=dict)
    verified: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    forged: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    answer: int = 204

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        with self.lock:
            try:
                event = Webhook(self.secrets[path]).verify(body, headers)
            except (KeyError, WebhookVerificationError, ValueError) as wrong:
                self.forged.append(f"{path}: {wrong}")
                return 401
            if self.answer < 300:
                self.verified[headers["webhook-id"]].append(event)
            return self.answer

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        """One event a webhook-id, in the order of arrival."""
        with self.lock:
            found = [bodies[0] for bodies in self.verified.values()]
        return [event for event in found if kind is None or event["data"].get("kind") == kind]


class Server(ThreadingHTTPServer):
    request_queue_size = 256  # a burst of pushes after a restart must not be reset


class Receiver:
    """Serves a ledger on loopback until closed."""

    def __init__(self) -> None:
        self.ledger = ledger = Ledger()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length)
                if not length or len(body) < length:  # its sender was killed in the middle of headers or body
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(ledger.take(self.path, headers, body))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.port}/{name}"

    def register(self, client: Any, name: str = "inbox") -> str:
        """Make an endpoint of the caller that points here; its id."""
        answer = client.post("/alerts/v1/endpoints", json={"url": self.url(name)})
        assert answer.status_code in (200, 201), answer.text
        body = json.loads(answer.text)
        self.ledger.secrets[f"/{name}"] = body["secret"]
        return str(body["id"])

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
