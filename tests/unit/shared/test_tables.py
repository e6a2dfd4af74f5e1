"""The reference tables: divisions, industries, factors, law in force on a day."""

from __future__ import annotations

from datetime import date

import pytest

from services.alerts.domain.law import cited
from shared.domain.errors import Invalid
from shared.domain.industry import industry
from shared.domain.pollutant import aliases_2005, families, families_measured, family, pollutant, pollutants
from shared.domain.region import full_name, prefix, region


def test_divisions_are_named_as_far_up_as_they_reach() -> None:
    assert full_name("150102") == "内蒙古自治区呼和浩特市新城区"
    assert (prefix("150000"), prefix("150100"), prefix("150102")) == ("15", "1501", "150102")


@pytest.mark.parametrize(("ask", "code"), [(region, "999999"), (industry, "Z9999"), (industry, "4411")])
def test_a_code_that_is_none_is_refused_with_the_rule(ask: object, code: str) -> None:
    with pytest.raises(Invalid) as wrong:
        ask(code)  # type: ignore[operator]
    assert code in wrong.value.detail
    assert wrong.value.rule


def test_2005_codes_find_their_2017_factor() -> None:
    alias = aliases_2005()
    assert (alias["011"], alias["S01"], alias["02"]) == ("w01018", "a19001", "a21026")
    assert pollutant("a21026").zh == "二氧化硫"
    assert pollutant("x99999").zh == "x99999"  # unknown ones keep their code


def test_only_what_is_in_force_on_the_day_of_the_fact_is_cited() -> None:
    keys = ["emission.over_permit", "code.ecological_environment"]
    assert [row.key for row in cited(keys, date(2026, 8, 14))] == ["emission.over_permit"]
    assert [row.key for row in cited(keys, date(2026, 8, 15))] == keys


def test_every_factor_has_a_family_named_in_both_languages() -> None:
    assert set(families()) == set(pollutants())
    assert all(one.zh and one.en for one in families().values())
    assert (family("a34013").zh, family("w21003").zh, family("a25002").key) == ("颗粒物", "氮磷", "voc")
    assert family("x99999").key == "other"


def test_whoever_has_a_pollutant_in_the_permit_measures_the_parameters_beside_it() -> None:
    assert families_measured(["a21026", "a21002"]) == {"so2", "nox", "flue"}
    assert families_measured(["w01018"]) == {"cod", "effluent"}
