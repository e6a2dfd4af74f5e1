"""The wake-up signal: sent once a transaction has committed, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.commit_signal import CommitSignal
from shared.database import open_database


def test_it_comes_once_after_the_commit_and_never_after_a_rollback(tmp_path: Path) -> None:
    database, signal, calls = open_database(None, tmp_path, "lab"), CommitSignal(), []
    signal.subscribe(lambda: calls.append("woken"))
    with pytest.raises(ZeroDivisionError), database.transaction() as session:
        signal.notify_after_commit(session)
        raise ZeroDivisionError
    with database.transaction() as session:
        signal.notify_after_commit(session)
        signal.notify_after_commit(session)
        assert calls == [] and not signal.is_set()
    assert calls == ["woken"] and signal.wait(0)
    signal.subscribe(None)
    signal.clear()
    signal.notify()
    assert calls == ["woken"] and signal.is_set()
    database.close()
