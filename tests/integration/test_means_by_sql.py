"""Hour and day means, validity, verdicts and spans of exceedance: what DuckDB finds by SQL in the same bytes is what the engine
finds, to the last digit. Packets come late, twice, split, resent, marked and out of order.

YUJING_ORACLE_POINTS and YUJING_ORACLE_HOURS make it larger: 40 points and 260 hours are ten million readings.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from sqlalchemy import select

from services.monitoring.domain.windows import LENGTH_S, seconds
from services.monitoring.store.tables import DECISION
from shared.domain.clock import rfc3339
from shared.domain.risk import RiskState
from tests.support.product import credit_code
from tests.unit.monitoring.harness import NOX, O2, SO2, MonitoringHarness, a_limit

POINTS, HOURS = int(os.environ.get("YUJING_ORACLE_POINTS", "4")), int(os.environ.get("YUJING_ORACLE_HOURS", "60"))
BATCH = 2_000
BEGIN = datetime.fromisoformat("2026-11-08T00:00:00+08:00")
OTHERS = ("a34013", "a01011", "a01012", "a01013", "a01014")
COLUMNS = ("averaging", "mn", "start_s", "factor", "measured", "decided", "reason", "status")
Document = dict[str, Any]

TRUTH = """
CREATE TABLE sent AS
  SELECT mn, if(command = '2011', 'instant', 'hour') AS period, epoch(data_time::TIMESTAMPTZ)::BIGINT AS start_s, rf, qn,
    item.key AS factor, (coalesce(item.value.Rtd, item.value.Avg) * 1000000)::BIGINT AS micro, item.value.Flag AS mark
  FROM (SELECT *, unnest(map_entries(factors)) AS item FROM read_json($file, format = 'newline_delimited', columns = {
    mn: 'VARCHAR', command: 'VARCHAR', data_time: 'VARCHAR', qn: 'VARCHAR', rf: 'BOOLEAN',
    factors: 'MAP(VARCHAR, STRUCT(Rtd DECIMAL(18, 6), Avg DECIMAL(18, 6), Flag VARCHAR))'}));
CREATE TABLE truth AS SELECT *, start_s - start_s % 3600 AS hour_s FROM sent
  QUALIFY row_number() OVER (PARTITION BY mn, period, start_s, factor ORDER BY rf DESC, qn DESC) = 1;
"""
OWN_MEANS = """
CREATE MACRO half_even(a, b) AS a // b
  + if(2 * (a % b) > b OR (2 * (a % b) = b AND (a // b) % 2 = 1), 1, 0);
CREATE TABLE own AS
  WITH minute AS (
    SELECT mn, factor, hour_s, start_s // 60 AS minute, sum(micro) AS total, count(*) AS n FROM truth
    WHERE period = 'instant' AND mark = 'N' GROUP BY ALL)
  SELECT mn, factor, hour_s, sum(total * (2 // n))::HUGEINT AS num, 2 * count(*)::HUGEINT AS den FROM minute
  GROUP BY ALL HAVING count(*) >= 45;
"""
HOUR_VERDICTS = """
CREATE TABLE hour AS
  WITH wanted AS (
    SELECT DISTINCT mn, hour_s, unnest([$so2, $nox]) AS factor, unnest([35000000, 100000000]) AS bound FROM truth),
  facts AS (
    SELECT w.*, r.mark, r.micro, m.num, m.den, o.mark AS o_mark, o.micro AS o_micro, x.num AS o_num, x.den AS o_den
    FROM wanted w
    LEFT JOIN truth r ON r.period = 'hour' AND (r.mn, r.start_s, r.factor) = (w.mn, w.hour_s, w.factor)
    LEFT JOIN truth o ON o.period = 'hour' AND (o.mn, o.start_s, o.factor) = (w.mn, w.hour_s, $o2)
    LEFT JOIN own m ON (m.mn, m.hour_s, m.factor) = (w.mn, w.hour_s, w.factor)
    LEFT JOIN own x ON (x.mn, x.hour_s, x.factor) = (w.mn, w.hour_s, $o2)),
  shares AS (
    SELECT *, mark != 'N' AS invalid, coalesce(micro, num) AS top, if(micro IS NULL, den, 1) AS below,
      CASE WHEN micro IS NULL AND o_num IS NOT NULL THEN o_num WHEN o_mark = 'N' THEN o_micro END AS o_top,
      CASE WHEN micro IS NULL AND o_num IS NOT NULL THEN o_den ELSE 1 END AS o_below
    FROM facts),
  reasons AS (
    SELECT *, CASE WHEN invalid THEN 'invalid_mark' WHEN top IS NULL THEN 'no_data' WHEN factor = $nox THEN NULL
      WHEN o_top IS NULL THEN 'oxygen_missing' WHEN o_top >= 19000000 * o_below THEN 'oxygen_high' END AS reason
    FROM shares),
  values_ AS (
    SELECT mn, hour_s AS start_s, factor, bound, reason,
      if(invalid IS NOT TRUE AND top IS NOT NULL, half_even(top, below), NULL)::BIGINT AS measured,
      CASE WHEN reason IS NOT NULL THEN NULL WHEN factor = $nox THEN half_even(top, below)
        ELSE half_even(top::HUGEINT * 15000000 * o_below, below * (21000000 * o_below - o_top)) END::BIGINT AS decided
    FROM reasons)
  SELECT mn, start_s, factor, measured, decided, reason,
    CASE WHEN reason IS NOT NULL THEN 'none' WHEN decided > bound THEN 'over' ELSE 'compliant' END AS status
  FROM values_;
"""
DAY_VERDICTS = """
CREATE TABLE day AS
  WITH means AS (
    SELECT mn, start_s - (start_s + 28800) % 86400 AS start_s, sum(decided)::HUGEINT AS num, count(decided) AS n FROM hour
    WHERE factor = $nox GROUP BY ALL)
  SELECT mn, start_s, $nox AS factor, if(n >= 20, half_even(num, n), NULL)::BIGINT AS measured, measured AS decided,
    if(n >= 20, NULL, 'no_data') AS reason,
    CASE WHEN n < 20 THEN 'none' WHEN measured > 60000000 THEN 'over' ELSE 'compliant' END AS status
  FROM means;
CREATE TABLE verdict AS SELECT 'hour' AS averaging, * FROM hour UNION ALL SELECT 'day', * FROM day;
"""
SPANS = """
CREATE TABLE span AS
  WITH decided AS (
    SELECT *, lag(status) OVER s AS before, start_s - lag(start_s) OVER s AS distance FROM verdict
    WHERE status != 'none' WINDOW s AS (PARTITION BY mn, factor, averaging ORDER BY start_s)),
  exceeding AS (
    SELECT *, before IS DISTINCT FROM 'over' OR distance > 24 * if(averaging = 'hour', 3600, 86400) AS begins FROM decided
    WHERE status = 'over'),
  numbered AS (
    SELECT *, count_if(begins) OVER (PARTITION BY mn, factor, averaging ORDER BY start_s) AS number FROM exceeding)
  SELECT mn, factor, averaging, min(start_s) AS first_s, max(start_s) AS last_s FROM numbered
  GROUP BY mn, factor, averaging, number;
"""


def the_point(number: int) -> str:
    return f"A110000_{number:04d}"


def documents(rng: random.Random) -> list[Document]:
    """Two readings a minute and an hour packet of every point, as odd as in the field."""
    found: list[tuple[float, Document]] = []
    for number in range(POINTS):
        for hour in range(HOURS):
            begin = BEGIN + timedelta(hours=hour)
            level, minutes = rng.uniform(5, 60), 60 if rng.random() < 0.6 else rng.choice([20, 44, 45, 46, 59])
            for step in range(2 * minutes):
                sent = a_packet(number, "2011", "Rtd", begin + timedelta(seconds=30 * step), level, rng)
                if rng.random() < 0.97:
                    found += placed(sent, begin, 30.0 * step, rng)
            if rng.random() < 0.7:
                found += placed(a_packet(number, "2061", "Avg", begin, level, rng), begin, 3700.0, rng)
    found.sort(key=lambda one: one[0])
    return [document for _place, document in found]


def a_packet(number: int, command: str, name: str, start: datetime, level: float, rng: random.Random) -> Document:
    oxygen = 19.0 + rng.random() if rng.random() < 0.08 else rng.uniform(4, 12)
    values = {SO2: level * rng.uniform(0.8, 1.2), NOX: level * rng.uniform(1, 3), O2: oxygen}
    values |= {code: level * rng.random() for code in OTHERS}
    left_out = rng.choice([O2, SO2]) if rng.random() < 0.15 else None
    mark = "N" if rng.random() < 0.95 else "D"
    return {
        "mn": the_point(number),
        "command": command,
        "data_time": rfc3339(start),
        "qn": f"{start:%Y%m%d%H%M%S}000",
        "rf": False,
        "factors": {code: {name: round(one, 3), "Flag": mark} for code, one in values.items() if code != left_out},
        "received_at": rfc3339(start),
        "source": "gateway",
    }


def placed(sent: Document, begin: datetime, after_s: float, rng: random.Random) -> Iterator[tuple[float, Document]]:
    """The packet at its place in the stream, and what comes of it."""
    at, kind = begin.timestamp() + after_s, rng.randrange(30)
    if kind == 0:
        yield at + rng.uniform(0, 200_000), sent
    elif kind == 1:
        yield from [(at, sent), (at + rng.uniform(0, 9_000), sent)]
    elif kind == 2:
        first, *rest = sent["factors"].items()
        yield from [(at, {**sent, "factors": dict(rest)}), (at + 40, {**sent, "factors": dict([first])})]
    elif kind == 3:
        higher = {
            code: {"Flag": of["Flag"], **{name: value + 1 for name, value in of.items() if name != "Flag"}}
            for code, of in sent["factors"].items()
        }
        yield from [(at, sent), (at + rng.uniform(-9_000, 9_000), {**sent, "rf": True, "factors": higher})]
    else:
        yield at, sent


def registered(folder: Path, url: str | None) -> MonitoringHarness:
    harness = MonitoringHarness(folder, "2026-11-08 00:00", url=url)
    for number in range(POINTS):
        code, mn = credit_code(number + 1), the_point(number)
        harness.an_enterprise(code)
        harness.a_point(mn, code=code)
        limits = a_limit(), a_limit(NOX, "100", o2=None), a_limit(NOX, "60", "day", o2=None)
        harness.a_permit(*limits, mns=[mn], code=code)
    harness.now = BEGIN + timedelta(hours=HOURS, minutes=10)
    return harness


def by_sql(sent: list[Document], file: Path) -> duckdb.DuckDBPyConnection:
    with file.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(document) + "\n" for document in sent)
    found = duckdb.connect()
    names = {"so2": SO2, "nox": NOX, "o2": O2}
    for statement in "".join((TRUTH, OWN_MEANS, HOUR_VERDICTS, DAY_VERDICTS, SPANS)).split(";\n"):
        given = {name: value for name, value in {**names, "file": str(file)}.items() if f"${name}" in statement}
        if statement.strip():
            found.execute(statement, given)
    return found


def test_what_sql_finds_in_the_same_packets_is_what_the_engine_finds(tmp_path: Path, database_url: str | None) -> None:
    seed = random.SystemRandom().randrange(10**6)
    sent = documents(random.Random(seed))
    readings = sum(len(document["factors"]) for document in sent)
    harness = registered(tmp_path, database_url)
    for first in range(0, len(sent), BATCH):
        harness.take(*(harness.of_document(document) for document in sent[first : first + BATCH]), batch=BATCH)
    harness.now += timedelta(days=3)
    harness.jobs.decide_due(harness.now)
    verdicts, spans = verdicts_of(harness), spans_of(harness)
    harness.database.close()
    sql = by_sql(sent, tmp_path / "packets.json")
    print(
        f"\nseed {seed}: {readings:,} readings, {len(sent):,} packets, {len(verdicts):,} verdicts, {len(spans)} exceedances"
    )
    assert verdicts == sorted(sql.execute(f"SELECT {', '.join(COLUMNS)} FROM verdict").fetchall())
    assert spans == sorted(sql.execute("SELECT mn, factor, averaging, first_s, last_s FROM span").fetchall())
    assert {"invalid_mark", "no_data", "oxygen_missing", "oxygen_high", None} == {reason for *_, reason, _ in verdicts}


def verdicts_of(harness: MonitoringHarness) -> list[Any]:
    with harness.database.read() as session:
        rows = session.connection().execute(select(*(DECISION.c[name] for name in COLUMNS)))
        return sorted(tuple(row) for row in rows)


def spans_of(harness: MonitoringHarness) -> list[Any]:
    """(point, factor, averaging, start of the first and of the last window) of every exceedance that stands."""
    found = []
    for risk in harness.risks():
        if risk.state in (RiskState.OPEN, RiskState.CLEARED):
            assert risk.window is not None
            first_s, end_s, averaging = seconds(risk.window.start), seconds(risk.window.end), risk.window.averaging
            found.append((risk.mn, risk.factor, averaging, first_s, end_s - LENGTH_S[averaging]))
    return sorted(found)
