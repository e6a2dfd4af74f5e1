"""Python's search for reference cycles, held back where it finds nothing and costs much."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """A batch of thousands of rows without the search for reference cycles, which would take half of its time.

    For about a second at most: what a batch allocates is freed by reference counts alone; collection goes on after it.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@contextmanager
def gc_paused_at_start() -> Iterator[None]:
    """What a start makes lives as long as the process: the search is not made meanwhile, and never looks at it later."""
    with gc_paused():
        yield
        gc.freeze()
