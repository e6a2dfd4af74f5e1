"""What is done while the database works: the transaction's own work before what is done ahead, each piece once."""

from __future__ import annotations

from pathlib import Path

from shared.database import Database, open_database
from shared.meanwhile import do_meanwhile, first_do


def a_database(folder: Path) -> Database:
    return open_database(None, folder, "permits")


def test_all_work_is_done_once_and_the_transactions_own_comes_first(tmp_path: Path) -> None:
    database, done = a_database(tmp_path), list[str]()
    with database.transaction(lambda: done.append("ahead")) as session:
        first_do(session, lambda: done.append("own"))
        do_meanwhile(session)
        do_meanwhile(session)
        assert done == ["own", "ahead"]
        first_do(session, lambda: done.append("more"))
        do_meanwhile(session)
    assert done == ["own", "ahead", "more"]
    database.close()


def test_nothing_is_done_of_an_earlier_transaction_or_while_reading(tmp_path: Path) -> None:
    database, done = a_database(tmp_path), list[str]()
    with database.transaction() as session:
        first_do(session, lambda: done.append("never asked for"))
    with database.transaction() as session:
        do_meanwhile(session)
    with database.read() as session:
        do_meanwhile(session)
    assert done == []
    database.close()
