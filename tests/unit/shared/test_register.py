"""Which version of a permit governs on a day."""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.register import Permit, read_permit
from tests.support.product import Source


def a_permit(*versions: tuple[str, str, str]) -> Permit:
    """Versions as (effective_from, recorded_at day, limit)."""
    source = Source()
    rows: list[dict[str, Any]] = []
    for effective, recorded, limit in versions:
        document = source.document()
        document["outlets"][0]["limits"][0]["limit"] = limit
        rows.append({"effective_from": effective, "recorded_at": f"{recorded}T08:00:00+08:00", "document": document})
    return read_permit({"id": source.permit, "credit_code": source.code, "versions": rows})


def limit_on(permit: Permit, day: date) -> str | None:
    version = permit.in_force(day)
    outlet = version.outlet("DA001") if version else None
    return str(outlet.limits_for("a21026")[0].limit) if outlet else None


def test_a_version_governs_from_its_day_until_the_next_ones() -> None:
    permit = a_permit(("2024-01-01", "2024-01-01", "50"), ("2026-06-01", "2026-06-01", "35"))
    assert limit_on(permit, date(2023, 12, 31)) is None
    assert limit_on(permit, date(2026, 5, 31)) == "50"
    assert limit_on(permit, date(2026, 6, 1)) == "35"


def test_of_two_versions_of_one_day_the_later_recorded_governs() -> None:
    permit = a_permit(("2024-01-01", "2026-07-02", "35"), ("2024-01-01", "2024-01-01", "50"))
    assert limit_on(permit, date(2025, 1, 1)) == "35"


def test_a_correction_between_two_versions_leaves_the_later_one() -> None:
    permit = a_permit(
        ("2024-01-01", "2024-01-01", "50"), ("2026-06-01", "2026-06-01", "35"), ("2026-03-01", "2026-08-01", "45")
    )
    assert limit_on(permit, date(2026, 4, 1)) == "45"
    assert limit_on(permit, date(2026, 6, 1)) == "35"


def test_the_limits_of_an_expired_permit_go_on_binding() -> None:
    permit = a_permit(("2024-01-01", "2024-01-01", "50"))
    assert limit_on(permit, date(2030, 1, 1)) == "50"  # valid to 2028-12-31
