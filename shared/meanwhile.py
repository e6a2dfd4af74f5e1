"""Work that is done while the database works: a transaction is given it, and whoever has sent the database much does it.

It is done once at most, must not raise, and has nothing to do with the transaction.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlmodel import Session

MEANWHILE = "meanwhile"  # key in Session.info


def do_meanwhile(session: Session) -> None:
    """The database has been given much to do, and nothing is left but to wait for it: what else there is to do is done now."""
    work: Callable[[], None] | None = session.info.pop(MEANWHILE, None)
    if work is not None:
        work()
