"""One input as a request: what every entrance over HTTP shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx

from tests.fuzz.inputs import Broken, Input
from tests.fuzz.oracle import Oracle
from tests.fuzz.site import Site


class WebEntrance:
    """What the entrances by HTTP have in common; each brings its own `make`. `target` is `VERB /path?query`, with the site's
    names in braces."""

    name = "web"
    sets_aside = False

    def __init__(self, site: Site, oracle: Oracle) -> None:
        self.site = site
        self.oracle = oracle

    def known(self) -> Sequence[Input]:
        return ()

    def settle(self) -> Iterator[str]:
        return iter(())

    def send(self, one: Input) -> str:
        return self.oracle.answer(self.ask(one))

    def ask(self, one: Input) -> httpx.Response:
        """The answer to whom the input names as caller; raises Broken when there is none."""
        client = self.site.caller(one)
        verb, _, path = self.site.filled(one.target).partition(" ")
        try:
            return client.request(verb, path, content=one.payload, headers=list(one.headers) or None)  # type: ignore[arg-type]
        except httpx.LocalProtocolError as unsendable:
            raise Unsendable(str(unsendable)) from unsendable
        except httpx.TransportError as wrong:
            raise Broken(f"no answer from {verb} {path}: {wrong!r}\n{self.site.errors()}") from wrong


class Unsendable(Exception):
    """The client's own library refuses to write it."""
