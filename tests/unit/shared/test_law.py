"""A warning cites what is in force on the day of the fact, and says how sure the citation is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.alerts.catalogue.loader import load_catalogue
from services.alerts.domain.law import LegalBasis, cited, legal_bases

DAY = date(2026, 11, 20)


@pytest.mark.parametrize("basis", legal_bases(), ids=lambda one: f"{one.key} {one.in_force_from}")
def test_every_basis_names_its_instrument_and_how_sure_it_is(basis: LegalBasis) -> None:
    assert basis.instrument and basis.says_en and basis.confidence
    assert basis.article or basis.confidence != "verified" or basis.key == "inspection.frequency"  # a whole instrument
    assert basis.in_force_to is None or basis.in_force_from <= basis.in_force_to


def test_a_basis_is_in_force_from_its_first_to_its_last_day() -> None:
    basis = replace(legal_bases()[0], in_force_from=date(2021, 3, 1), in_force_to=date(2024, 2, 29))
    assert not basis.in_force(date(2021, 2, 28))
    assert basis.in_force(date(2021, 3, 1))
    assert basis.in_force(date(2024, 2, 29))
    assert not basis.in_force(date(2024, 3, 1))


def test_only_what_is_in_force_on_the_day_is_cited() -> None:
    for basis in legal_bases():
        assert basis in cited([basis.key], basis.in_force_from)
        assert basis not in cited([basis.key], basis.in_force_from - timedelta(days=1))
        if basis.in_force_to is not None:
            assert basis not in cited([basis.key], basis.in_force_to + timedelta(days=1))


def test_the_order_is_the_caller_s_and_an_unknown_key_cites_nothing() -> None:
    keys = list(dict.fromkeys(basis.key for basis in legal_bases() if basis.in_force(DAY)))[::-1]
    assert len(keys) > 2
    assert list(dict.fromkeys(basis.key for basis in cited(["no.such.key", *keys], DAY))) == keys


def test_two_wordings_of_one_basis_are_never_in_force_together() -> None:
    bases = [basis for basis in legal_bases() if basis.in_force(DAY)]
    named = [(basis.key, basis.instrument, basis.article) for basis in bases]
    assert len(named) == len(set(named))


def test_every_law_that_the_catalogue_cites_is_in_force_with_it() -> None:
    entries = [entry for versions in load_catalogue().entries.values() for entry in versions]
    cites = {(key, entry.effective_from) for entry in entries for row in entry.rows.values() for key in row.law}
    assert len(cites) > 5
    assert {(key, day) for key, day in cites if not cited([key], max(day, DAY))} == set()
