"""Which relations PostgreSQL opens for what a piece of work reads: the partitions that its plans name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import event

from shared.database import Database


def relations_read(database: Database, work: Callable[[], object]) -> list[set[str]]:
    """Of each SELECT of `work` the tables and partitions in its plan."""
    sent: list[tuple[str, object]] = []
    with _noting(database, sent):
        work()
    with database.engine.connect() as connection:
        plans = [connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {one}", given).scalar_one() for one, given in sent]
        connection.rollback()
    return [set(_relations(plan[0]["Plan"])) for plan in plans]


@contextmanager
def _noting(database: Database, sent: list[tuple[str, object]]) -> Iterator[None]:
    def note(_connection: object, _cursor: object, statement: str, given: object, *_rest: object) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            sent.append((statement, given))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def _relations(node: Mapping[str, object]) -> Iterator[str]:
    if isinstance(name := node.get("Relation Name"), str):
        yield name
    below = node.get("Plans", [])
    assert isinstance(below, list)
    for plan in below:
        yield from _relations(plan)
