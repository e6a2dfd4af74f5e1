"""What an endpoint's owner is shown of an answer's body: the beginning of a text from a public host. Of other answers
nothing is kept: a push must not be a way to read what only the sender reaches.
"""

from __future__ import annotations

import asyncio
import codecs

import httpcore

from services.alerts.channels.guard import Guard, Reach

READ_S = 1.0  # the status decides; the body is only sampled
READ_BYTES = 64 * 1024  # read to its end, the connection can be used again
SNIPPET_BYTES = 500
TEXT_TYPES = ("application/json", "application/problem+json")


async def read_snippet(answer: httpcore.Response, guard: Guard) -> str:
    """The beginning of the answer's body as it may be shown; empty when it may not."""
    public = _is_public(answer, guard)
    body = await _read(answer)
    return shown_text(_content_type(answer), body) if public else ""


def shown_text(content_type: str, body: bytes) -> str:
    """At most 500 bytes of a UTF-8 text without control characters; empty for anything else."""
    kind = content_type.partition(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind in TEXT_TYPES):
        return ""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:  # a character that the limit cuts in two is left out
        text = decoder.decode(body[:SNIPPET_BYTES], final=len(body) <= SNIPPET_BYTES)
    except UnicodeDecodeError:
        return ""
    printable = "".join(character if character.isprintable() else _replacement(character) for character in text)
    return printable.encode()[:SNIPPET_BYTES].decode("utf-8", "ignore")


def _replacement(character: str) -> str:
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def _is_public(answer: httpcore.Response, guard: Guard) -> bool:
    """Whether the connection goes to a host that everybody reaches."""
    peer = answer.extensions["network_stream"].get_extra_info("server_addr")
    return bool(peer) and guard.reach(str(peer[0])) is Reach.PUBLIC


def _content_type(answer: httpcore.Response) -> str:
    found = (value for name, value in answer.headers if name.lower() == b"content-type")
    return next(found, b"").decode("latin-1")


async def _read(answer: httpcore.Response) -> bytes:
    read = bytearray()
    try:
        async with asyncio.timeout(READ_S):
            async for chunk in answer.aiter_stream():
                read += chunk
                if len(read) >= READ_BYTES:
                    break
    except (TimeoutError, httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        pass  # the status has come; that is what counts
    return bytes(read)
