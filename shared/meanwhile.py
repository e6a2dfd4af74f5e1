"""Work that is done while the database works: a transaction is given it, and whoever has sent the database much does it.

Each piece is done once at most. What the transaction itself has to do comes before what is done ahead for a later one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from sqlmodel import Session

MEANWHILE = "meanwhile"  # key in Session.info
Work = Callable[[], object]


def to_be_done(work: Work | None) -> deque[Work]:
    """What a transaction begins with under `MEANWHILE`. `work`: has nothing to do with the transaction and must not raise."""
    return deque([] if work is None else [work])


def first_do(session: Session, work: Work) -> None:
    """Have this done too, before what was to be done so far. It must not use the session; what it raises ends the
    transaction."""
    pieces: deque[Work] | None = session.info.get(MEANWHILE)
    if pieces is not None:
        pieces.appendleft(work)


def do_meanwhile(session: Session) -> None:
    """The database has been given much to do, and nothing is left but to wait for it: what else there is to do is done now."""
    pieces: deque[Work] | None = session.info.get(MEANWHILE)
    while pieces:
        pieces.popleft()()
