"""The clock and the folder that a demonstration gives its host."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.simulator.host_process import HostProcess, clock_setting, demo_command
from shared.domain.clock import SHANGHAI, parse_rfc3339
from shared.domain.errors import Conflict, Unreachable


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 20, 3, 0, tzinfo=UTC),
        datetime(2026, 11, 20, 16, 0, tzinfo=UTC),
        datetime(2026, 12, 31, 15, 59, tzinfo=UTC),
        datetime(2028, 2, 29, 4, 0, tzinfo=UTC),
    ],
    ids=["morning", "midnight in Shanghai", "year's end", "29 February, noon"],
)
def test_field_time_begins_at_a_noon_two_to_three_days_back(now: datetime) -> None:
    start, speed, wall = clock_setting(now, 1800).split("@")
    begins = parse_rfc3339(start)
    assert begins.astimezone(SHANGHAI).hour == 12
    assert timedelta(hours=48) <= now - begins <= timedelta(hours=72)
    assert (speed, parse_rfc3339(wall)) == ("1800", now)


def test_data_of_somebody_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    with pytest.raises(Conflict, match="not empty"):
        demo_command(keep=tmp_path, seconds=5)
    assert (tmp_path / "precious").read_text() == "data"


def test_a_host_that_cannot_start_says_why_and_is_not_left_behind(tmp_path: Path) -> None:
    host = HostProcess(tmp_path / "data", {"YUJING_HTTP_PORT": "no port"})
    with pytest.raises(Unreachable, match="YUJING_HTTP_PORT"):
        host.start()
    assert host.stop() not in (0, None)
