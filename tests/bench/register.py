"""Figures of the register: import of the official list, a whole sweep, a tick with nothing due.

Permits are invented, their ends spread evenly over five years. `sweep_all` is the long one (3,300,000 rows on PostgreSQL).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import monotonic

from sqlalchemy import text

from services.permits.handlers.due_work import Sweep
from services.permits.handlers.imports import Importer
from services.permits.handlers.publishing import Registrar
from services.permits.service import importer_of, registrar_of
from shared.access import Caller, Role
from shared.database import Database
from tests.bench.rows import Row
from tests.support.product import credit_code
from tests.support.register_harness import RegisterHarness, register_harness
from tests.support.servers import postgres_server

LISTED = 100_000
SWEPT = {"sqlite": 100_000, "postgres": 3_300_000}
FIVE_YEARS = 1826
ROWS_AT_ONCE = 20_000
GENERATED = {
    "sqlite": "(WITH RECURSIVE c(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM c WHERE n + 1 < PERMITS) SELECT n FROM c)",
    "postgres": "(SELECT generate_series(0, PERMITS - 1) AS n)",
}
# ends spread over five years; each permit is first due 180 days before its end
DAYS = {
    True: "date('TODAY', ((n % 1826) - BACK) || ' days')",
    False: "(CAST('TODAY' AS date) + CAST(mod(n, 1826) - BACK AS int))",
}
CODE = "('9115010200' || substr(CAST(100000000 + n AS text), 2))"
HOLDER = '{"credit_code": "91150102MA0N0AAA1B", "name": "企业", "region": "150102", "industry": "D4411"}'
LINE = 'CAST(\'[["2021-01-01","2021-01-01","\' || DAY || \'",null,null]]\' AS JSON_TYPE)'
FILLING = (
    "INSERT INTO enterprise (credit_code, region, industry, document, versions, revision) "
    f"SELECT {CODE}, '150102', 'D4411', '{HOLDER}', '[]', 1 FROM NUMBERED AS g",
    f"INSERT INTO permit (number, credit_code, valid_to, revision) SELECT {CODE} || '001P', {CODE}, DAY, 1 "
    "FROM NUMBERED AS g",
    "INSERT INTO renewal (number, credit_code, valid_to, next_check_on, line, published) "
    f"SELECT {CODE} || '001P', {CODE}, DAY, DUE, {LINE}, '{{}}' FROM NUMBERED AS g",
)
CALLER = Caller(Role.ADMIN, "bench")


def list_import(folder: Path) -> list[Row]:
    """100,000 rows of the official list into an empty embedded register, committed with what `registry` is reported."""
    content = _list(LISTED)
    with register_harness(folder) as opened:
        importer = _importer(opened)
        begun = monotonic()
        entry = importer.accept(CALLER, "list.csv", content, dry_run=False)
        importer.take(entry.id)
        took = monotonic() - begun
    path = "CSV in memory → permit, version, renewal, registry and risk rows (SQLite)"
    return [Row("import of 100,000 permits", took, "s", path, {"permits": LISTED, "mb": len(content) / 1e6})]


def sweep(folder: Path) -> list[Row]:
    """The first sweep over 100,000 permits, embedded."""
    with register_harness(folder) as opened:
        return _swept(opened, SWEPT["sqlite"], "SQLite")


def sweep_all(folder: Path) -> list[Row]:
    """The first sweep over 3,300,000 permits on PostgreSQL."""
    with (
        postgres_server(folder / "postgres") as server,
        register_harness(folder, server.new_database_at_head()) as opened,
    ):
        return _swept(opened, SWEPT["postgres"], "PostgreSQL")


def _swept(opened: RegisterHarness, permits: int, where: str) -> list[Row]:
    database, registrar = opened.service.database, registrar_of(opened.context)
    _fill(database, permits, opened.clock.at)
    job = Sweep(registrar, database, lambda year: None)
    first, idle = _timed(job, opened.clock.at), _timed(job, opened.clock.at)
    day = _timed(job, opened.clock.at + timedelta(days=1))
    with database.read() as session:
        published = session.connection().execute(text("SELECT count(*) FROM outbox")).scalar_one()
    path = f"rows due → decision → book and risk rows ({where})"
    detail = {"permits": permits, "published": float(published)}
    return [
        Row(f"whole sweep of {permits:,} permits", first, "s", path, detail),
        Row(f"the next day's sweep of {permits:,} permits", day, "s", path, detail),
        Row(f"idle tick over {permits:,} permits", idle, "s", path, detail),
    ]


def _timed(job: Sweep, at: datetime) -> float:
    begun = monotonic()
    job.run(at)
    return monotonic() - begun


def _importer(opened: RegisterHarness) -> Importer:
    registrar: Registrar = registrar_of(opened.context)
    return importer_of(registrar, opened.service.database)


def _list(rows: int) -> bytes:
    lines = ["Permit_ID,FacilityName,IndustryName,ProvinceCode,PermitValidFrom,PermitValidTo"]
    for number, valid_to in _ends(rows, datetime(2026, 11, 20, tzinfo=UTC)):
        valid_from = valid_to - timedelta(days=FIVE_YEARS - 1)
        lines.append(f"{credit_code(number)}001P,企业{number},火力发电,内蒙古自治区,{valid_from},{valid_to}")
    return "\n".join(lines).encode()


def _ends(rows: int, now: datetime) -> Iterator[tuple[int, date]]:
    for number in range(rows):
        yield number, now.date() + timedelta(days=number % FIVE_YEARS)


def _fill(database: Database, permits: int, now: datetime) -> None:
    """Rows of permits that were never looked at, made inside the database."""
    kind = "sqlite" if database.embedded else "postgres"
    day, due = (DAYS[database.embedded].replace("BACK", str(back)) for back in (0, 180))
    words = {"NUMBERED": GENERATED[kind], "DAY": day, "DUE": due, "JSON_TYPE": "text" if database.embedded else "json"}
    words |= {"TODAY": now.date().isoformat(), "PERMITS": str(permits)}
    with database.transaction() as session:
        for statement in FILLING:
            for word, meant in words.items():
                statement = statement.replace(word, meant)
            session.connection().exec_driver_sql(statement)
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("ANALYZE")
