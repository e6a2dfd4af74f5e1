"""Test clients of an application in this process, all on one event loop: one a request takes longer than most answers."""

from __future__ import annotations

import atexit
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache

from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi.testclient import TestClient
from starlette.types import ASGIApp


@cache
def _portal() -> BlockingPortal:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(start_blocking_portal())


def client_of(app: ASGIApp, headers: Mapping[str, str] | None = None) -> TestClient:
    """A client that neither starts nor stops the application, and reads the answer where a handler fails."""
    client = TestClient(app, headers=dict(headers or {}), raise_server_exceptions=False)
    client.portal = _portal()
    return client
