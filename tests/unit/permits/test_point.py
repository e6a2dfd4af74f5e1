"""What registering a point again changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.permits.domain.point import GivenSettings, PointSettings, PointWish, Position, Registration, register

NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
CODE = "91150102MA0N0AAA1B"


def wished(former: Registration | None, *, afresh: bool = False, at: datetime = NOW, **wish: Any) -> Registration:
    return register(
        former,
        PointWish("A1", **{"settings": GivenSettings(system="31"), **wish}),
        credit_code=CODE,
        position=Position("DA001", None),
        now=at,
        afresh=afresh,
    )


def a_point(**wish: Any) -> Registration:
    return wished(None, **wish)


def test_a_new_point_has_the_defaults() -> None:
    point = a_point()
    assert point.settings == PointSettings(system="31", strict=False, interval_s=60, units={}, dialect="hj212")
    assert point.password is None and point.active


def test_a_password_that_is_not_given_stays() -> None:
    point = a_point(password_given=True, password="123456")
    assert wished(point) == point


def test_null_takes_the_password_away() -> None:
    point = a_point(password_given=True, password="123456")
    assert wished(point, password_given=True).password is None


@pytest.mark.parametrize(("afresh", "interval_s"), [(False, 30), (True, 60)], ids=["with its permit", "alone"])
def test_settings_that_are_not_given(afresh: bool, interval_s: int) -> None:
    point = a_point(settings=GivenSettings(system="31", interval_s=30))
    assert wished(point, afresh=afresh).settings.interval_s == interval_s


def test_a_point_taken_back_into_service_is_registered_anew() -> None:
    retired = replace(a_point(), active=False)
    later = NOW + timedelta(days=3)
    assert wished(retired, at=later).registered_at == later
    assert wished(a_point(), at=later).registered_at == NOW


def test_a_password_is_not_in_the_representation() -> None:
    assert "123456" not in repr(a_point(password_given=True, password="123456"))
