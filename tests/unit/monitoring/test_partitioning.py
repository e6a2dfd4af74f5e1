"""Which Shanghai day or month a start lies in, and which spans have a partition."""

from __future__ import annotations

import pytest

from services.monitoring.domain.partitioning import PACKETS, VALUES, Partitioning
from services.monitoring.domain.windows import DAY_S, seconds
from tests.unit.monitoring.harness import at


def _s(text: str) -> int:
    return seconds(at(text))


@pytest.mark.parametrize(
    ("of", "moment", "start", "following", "name"),
    [
        (VALUES, "2026-11-30 23:59", "2026-11-01 00:00", "2026-12-01 00:00", "value_202611"),
        (VALUES, "2026-12-01 00:00", "2026-12-01 00:00", "2027-01-01 00:00", "value_202612"),
        (VALUES, "2028-02-29 12:00", "2028-02-01 00:00", "2028-03-01 00:00", "value_202802"),
        (PACKETS, "2026-12-31 23:59", "2026-12-31 00:00", "2027-01-01 00:00", "packet_20261231"),
        (PACKETS, "2028-02-29 00:00", "2028-02-29 00:00", "2028-03-01 00:00", "packet_20280229"),
    ],
    ids=["the last minute of a month", "midnight", "29 February", "the last day of a year", "the day of 29 February"],
)
def test_a_start_lies_in_the_span_of_shanghai(
    of: Partitioning, moment: str, start: str, following: str, name: str
) -> None:
    found = of.start_s(_s(moment))
    assert (found, of.next_s(found), of.name(found)) == (_s(start), _s(following), name)
    assert of.next_s(of.next_s(found), -1) == found


def test_spans_around_now_have_partitions() -> None:
    assert VALUES.around(_s("2026-12-31 23:00")) == [
        _s(f"{month}-01 00:00") for month in ("2026-11", "2026-12", "2027-01", "2027-02")
    ]
    today = _s("2026-11-20 00:00")
    assert PACKETS.around(today + 3_600) == [today + n * DAY_S for n in range(-1, 4)]
