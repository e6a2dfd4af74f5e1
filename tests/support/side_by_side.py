"""Which tests one worker takes as a whole when they run side by side."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

# `product[embedded]` and its like: one of each shape for the whole run, so all its tests go to one worker
SHARED_PRODUCT = re.compile(r"^tests/e2e/.*\[(embedded|distributed)\b")


class ByCost(LoadScopeScheduling):
    """A file stays whole; the tests on the shared products of e2e are one part, and fuzz is another: to start both shapes
    with their servers costs more than most of these tests."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file.startswith("tests/fuzz/"):
            return "tests/fuzz"
        return "tests/e2e" if SHARED_PRODUCT.match(nodeid) else file
