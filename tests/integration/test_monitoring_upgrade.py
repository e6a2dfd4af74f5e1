"""An older database keeps its data; what impossible numbers decided in the last 35 days is decided anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update

from services.monitoring.store.tables import LAST_SEEN, VALUE
from shared.database import open_database
from shared.domain.clock import SHANGHAI
from shared.domain.risk import RiskState
from shared.runtime.migrating import migrate
from tests.support.migrating import downgrade
from tests.unit.monitoring.harness import MN, NOX, MonitoringHarness, a_limit

PACKAGE = "services.monitoring.migrations"


def test_the_upgrade_keeps_the_data_and_takes_back_what_impossible_numbers_decided(
    database_url: str | None, tmp_path: Path
) -> None:
    database = open_database(database_url, tmp_path, "monitoring")
    migrate(database, PACKAGE, "monitoring")
    day = (datetime.now(UTC).astimezone(SHANGHAI) - timedelta(days=1)).date().isoformat()
    harness = MonitoringHarness(tmp_path, f"{day} 06:00", url=database_url).a_site(a_limit(NOX, "100", o2=None))
    hours = [120, 90, 120, 90, 120]
    harness.take(*(harness.packet(f"{day} 0{n}:00", {NOX: one}) for n, one in enumerate(hours)))
    assert [risk.condition for risk in harness.risks()][-1] == "repeated"  # three starts
    with harness.database.transaction() as session:  # as an older version had it: −999 was compliant
        minus = update(VALUE).where(VALUE.c.micro == 90_000_000).values(micro=-999_000_000)
        session.connection().execute(minus)
    downgrade(database, "monitoring", "0001")
    assert migrate(database, PACKAGE, "monitoring")
    harness.tick()
    with database.read() as session:
        assert session.connection().execute(select(LAST_SEEN.c.mn)).scalars().all() == [MN]
    assert [row.status for row in harness.decisions()] == ["over", "none", "over", "none", "over"]
    states = [risk.state for risk in harness.risks()]
    assert sorted(states) == [RiskState.MERGED, RiskState.MERGED, RiskState.OPEN]
    (risk,) = [risk for risk in harness.risks() if risk.state is RiskState.OPEN]
    assert (risk.condition, risk.window and risk.window.count) == ("first", 3)
    harness.database.close()
    database.close()
