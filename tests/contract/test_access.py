"""Who may see what: the predicate and its SQL are one rule, for any caller and any row, on both databases."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, MetaData, String, Table, insert, select

from shared.access import Caller, Columns, Role, Subject, sees, visible
from shared.database import Database
from shared.domain.risk import FOR_OPERATORS, SCOPE_OF_KIND

MINE, OTHER = "91150102MA0N0AAA1B", "91150102MA0N0BBB2C"
ROW = Table(
    "subject",
    MetaData(),
    Column("credit_code", String),
    Column("region", String),
    Column("kind", String),
    Column("hidden", Boolean, nullable=False),
)
COLUMNS = Columns(ROW.c.credit_code, ROW.c.region, ROW.c.kind, ROW.c.hidden)


@pytest.fixture
def rows(database: Database) -> Database:
    ROW.metadata.create_all(database.engine)
    return database


callers = st.builds(
    Caller,
    role=st.sampled_from(Role),
    subject=st.just("x"),
    credit_codes=st.lists(st.sampled_from([MINE, OTHER]), max_size=2).map(tuple),
    region=st.none() | st.sampled_from(["", "15", "1501", "150102", "32", "1%", "15_1"]),
    scopes=st.lists(st.sampled_from(["investigate", "register"]), max_size=2).map(tuple),
)
subjects = st.builds(
    Subject,
    credit_code=st.none() | st.sampled_from([MINE, OTHER, ""]),
    region=st.none() | st.sampled_from(["150102", "150202", "320100", "15", ""]),
    kind=st.none() | st.sampled_from([*SCOPE_OF_KIND, *FOR_OPERATORS, "emission.exceeded"]),
    hidden=st.booleans(),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(callers, subjects)
def test_the_predicate_and_the_sql_are_one_rule(rows: Database, caller: Caller, subject: Subject) -> None:
    values = {name: getattr(subject, name) for name in ("credit_code", "region", "kind", "hidden")}
    with rows.engine.connect() as connection:  # never committed
        connection.execute(insert(ROW), values)
        found = connection.execute(select(ROW.c.hidden).where(visible(caller, COLUMNS))).all()
    assert bool(found) is sees(caller, subject)
