"""The sample region: right codes, one seed one region, every trouble placed on a point that has the factor."""

from __future__ import annotations

from datetime import date

import pytest
from stdnum.cn import uscc

from services.simulator.region import credit_code, sample_region
from services.simulator.trouble import TroubleKind
from shared.domain import identity
from shared.domain.industry import industry
from shared.domain.pollutant import pollutants
from shared.domain.region import region as division

DAY = date(2026, 11, 20)


def test_forty_enterprises_of_five_industries_in_inner_mongolia() -> None:
    region = sample_region(on=DAY)
    assert len(region.enterprises) == 40
    assert len({enterprise.trade.industry for enterprise in region.enterprises}) == 5
    for enterprise in region.enterprises:
        assert industry(enterprise.trade.industry).level == "class"
        assert division(enterprise.region).level == "county"
        assert enterprise.region.startswith("15")
        assert enterprise.name.startswith("示例")
    assert len({enterprise.name for enterprise in region.enterprises}) == 40


def test_codes_and_numbers_pass_the_same_checks_as_real_ones() -> None:
    region = sample_region(on=DAY)
    for enterprise in region.enterprises:
        assert identity.credit_code(enterprise.credit_code) == enterprise.credit_code
        assert identity.permit_number(enterprise.permit_number) == enterprise.permit_number
    mns = [point.mn for point in region.points]
    assert len(set(mns)) == len(mns) == 44
    assert all(identity.mn(mn) == mn for mn in mns)


def test_the_organisation_code_carries_its_own_check_character() -> None:
    # GB 11714: 33·3 + 33·7 + 33·9 + 33·10 = 957, and 1·2 of the last digit = 959; 11 - 959 mod 11 = 9
    assert credit_code("150102", 1)[8:17] == "XXXX00019"
    assert uscc.is_valid(credit_code("150102", 1))


def test_one_seed_is_one_region() -> None:
    assert sample_region(7, on=DAY) == sample_region(7, on=DAY)
    assert sample_region(7, on=DAY) != sample_region(8, on=DAY)


def test_permits_hold_on_the_day_and_name_an_outlet_for_every_point() -> None:
    for enterprise in sample_region(on=DAY).enterprises:
        permit = enterprise.permit()
        assert date.fromisoformat(permit["valid_from"]) < DAY < date.fromisoformat(permit["valid_to"])
        sent = [point["mn"] for outlet in permit["outlets"] for point in outlet["points"]]
        assert sent == [point.mn for point in enterprise.points]
        for outlet in permit["outlets"]:
            assert all(limit["factor"] in pollutants() and limit["limit"] for limit in outlet["limits"])
            assert all(len(point["password"]) == 6 for point in outlet["points"])


@pytest.mark.parametrize("kind", TroubleKind)
def test_every_kind_of_trouble_is_seeded(kind: TroubleKind) -> None:
    placed = [(point, trouble) for point in sample_region(on=DAY).points for trouble in point.troubles]
    hits = [(point, trouble) for point, trouble in placed if trouble.kind is kind]
    assert hits
    for point, trouble in hits:
        assert trouble.factor in {limit.factor for limit in point.limits}


def test_all_three_generations_are_met() -> None:
    assert {point.generation for point in sample_region(on=DAY).points} == {2005, 2017, 2025}
