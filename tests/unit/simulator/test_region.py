"""The sample region: right codes, one seed one region, every trouble placed on a point that has the factor."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from stdnum.cn import uscc

from services.permits.domain.calendar import WorkCalendar
from services.permits.domain.renewal import Expiry, due_step
from services.simulator.region import credit_code, sample_region
from services.simulator.terms import CASES, STEPS, Term, validity
from services.simulator.trouble import TroubleKind
from shared.domain import identity
from shared.domain.industry import industry
from shared.domain.pollutant import pollutants
from shared.domain.region import region as division

DAY = date(2026, 11, 20)


def test_forty_enterprises_of_five_industries_in_inner_mongolia_and_a_district_of_fourteen() -> None:
    region = sample_region(on=DAY)
    assert len(region.enterprises) == 54
    assert len({enterprise.trade.industry for enterprise in region.enterprises}) == 6
    for enterprise in region.enterprises:
        assert industry(enterprise.trade.industry).level == "class"
        assert division(enterprise.region).level == "county"
        assert enterprise.region.startswith("15")
        assert enterprise.name.startswith("示例")
    assert len({enterprise.name for enterprise in region.enterprises}) == 54


def test_codes_and_numbers_pass_the_same_checks_as_real_ones() -> None:
    region = sample_region(on=DAY)
    for enterprise in region.enterprises:
        assert identity.credit_code(enterprise.credit_code) == enterprise.credit_code
        assert identity.permit_number(enterprise.permit_number) == enterprise.permit_number
    mns = [point.mn for point in region.points]
    assert len(set(mns)) == len(mns) == 58
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
        if enterprise.term is Term.LONG:
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


def test_fourteen_of_one_class_in_one_county_and_only_three_have_the_same_trouble() -> None:
    region = sample_region(on=DAY)
    peers = region.peers
    assert len(peers) == 14
    assert {(one.trade.industry, one.region) for one in peers} == {("C3140", region.district)}
    others = [one for one in region.enterprises if one not in peers]
    assert not any(one.region == region.district or one.trade.industry.startswith("C314") for one in others)
    troubles = [trouble for one in peers for point in one.points for trouble in point.troubles]
    assert [(trouble.kind, trouble.factor) for trouble in troubles] == [(TroubleKind.COMMON, "a34013")] * 3


@pytest.mark.parametrize("on", [DAY, date(2027, 2, 28), date(2028, 2, 29), date(2026, 12, 31), date(2027, 9, 20)])
@pytest.mark.parametrize("term", [term for term in CASES if term is not Term.EXPIRED])
def test_a_permit_stands_at_the_step_before_what_is_promised_of_it(term: Term, on: date) -> None:
    """The product's own rule says so."""
    _, valid_to = validity(term, on)
    tomorrow = on + timedelta(days=1)
    at = tomorrow if term is Term.TURNING else on
    step = due_step(Expiry(valid_to), at, discharged_on=None, calendar=WorkCalendar({}, frozenset()))
    assert step == CASES[term].step
    assert term is not Term.TURNING or valid_to - on == timedelta(days=91)


def test_every_step_of_a_renewal_is_placed_and_one_enterprise_has_no_permit() -> None:
    region = sample_region(on=DAY)
    terms = [one.term for one in region.enterprises if one.term is not Term.LONG]
    assert sorted(terms) == sorted([*CASES, Term.NONE])
    assert {case.step for case in CASES.values()} == set(STEPS) - {"expired_quiet"}


def test_all_three_generations_are_met() -> None:
    assert {point.generation for point in sample_region(on=DAY).points} == {2005, 2017, 2025}
