"""Point to point: an alert reaches its own enterprise and the authorities of its own division, never another's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain.audience import Owner, audience_of, owners
from services.alerts.domain.catalogue import Audience
from services.alerts.domain.office import Office, prefixes

CODE, OTHER = "91150102MA0N0AAA1B", "91150102MA0N0BBB2C"
ALL = tuple(Audience)


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ((), ()),
        ((Audience.ENTERPRISE,), (Owner(credit_code=CODE),)),
        ((Audience.COUNTY,), (Owner(region="150102"),)),
        ((Audience.CITY,), (Owner(region="1501"),)),
        ((Audience.PROVINCE,), (Owner(region="15"),)),
        ((Audience.OPERATORS,), (Owner(operators=True),)),
        ((Audience.DESK,), ()),  # only who subscribed to the kind
        ((Audience.ENTERPRISE, Audience.COUNTY), (Owner(credit_code=CODE), Owner(region="150102"))),
        (
            (Audience.CITY, Audience.PROVINCE, Audience.OPERATORS),
            (Owner(region="1501"), Owner(region="15"), Owner(operators=True)),
        ),
    ],
)
def test_each_audience_is_the_alert_s_own(audience: tuple[Audience, ...], expected: tuple[Owner, ...]) -> None:
    assert owners(audience, credit_code=CODE, region="150102") == expected


@pytest.mark.parametrize(
    ("region", "reached"),
    [
        ("150102", ["150102", "1501", "15"]),
        ("150100", ["1501", "15"]),  # a city itself has no county
        ("150000", ["15"]),
        ("110101", ["110101", "1101", "11"]),
    ],
)
def test_a_division_reaches_as_far_down_as_its_code_does(region: str, reached: list[str]) -> None:
    found = owners((Audience.COUNTY, Audience.CITY, Audience.PROVINCE), credit_code=CODE, region=region)
    assert [one.region for one in found] == reached


def test_an_alert_of_no_enterprise_reaches_none() -> None:
    assert owners((Audience.ENTERPRISE,), credit_code=None, region="150102") == ()


@given(st.lists(st.sampled_from(ALL), unique=True), st.sampled_from(["150102", "150100", "150000", "310115"]))
def test_nobody_outside_is_ever_reached(audience: list[Audience], region: str) -> None:
    for owner in owners(audience, credit_code=CODE, region=region):
        assert owner.credit_code in (None, CODE)
        assert owner.region is None or region.startswith(owner.region)
        assert owner != Owner(credit_code=OTHER)


@given(st.lists(st.sampled_from(ALL), unique=True))
def test_who_is_reached_is_notified_as_what_the_catalogue_named(audience: list[Audience]) -> None:
    found = {audience_of(owner) for owner in owners(audience, credit_code=CODE, region="150102")}
    assert found == set(audience) - {Audience.DESK}


@pytest.mark.parametrize(
    ("owner", "audience"),
    [
        (Owner(credit_code=CODE), Audience.ENTERPRISE),
        (Owner(operators=True), Audience.OPERATORS),
        (Owner(region="150102"), Audience.COUNTY),
        (Owner(region="1501"), Audience.CITY),
        (Owner(region="15"), Audience.PROVINCE),
        (Owner(region=""), None),  # the whole country
        (Owner(region="150"), None),
        (Owner(), None),
    ],
)
def test_as_whom_an_owner_is_notified(owner: Owner, audience: Audience | None) -> None:
    assert audience_of(owner) is audience


@pytest.mark.parametrize(
    ("region", "nearest_first"),
    [("150102", ("150102", "1501", "15")), ("110101", ("110101", "1101", "11"))],
)
def test_the_office_that_people_call_is_looked_for_from_the_county_up(
    region: str, nearest_first: tuple[str, ...]
) -> None:
    assert prefixes(region) == nearest_first


def test_an_office_is_shown_with_its_name_and_phone() -> None:
    assert Office("1501", "呼和浩特市生态环境局", "0471-12369").document() == {
        "division": "1501",
        "name": "呼和浩特市生态环境局",
        "phone": "0471-12369",
    }
