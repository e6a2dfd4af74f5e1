"""A warning cites what is in force on the day of the fact, in Chinese and English, and whether the row was verified."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta

import pytest

from services.alerts.catalogue.loader import load_catalogue
from services.alerts.domain.law import LegalBasis, Mark, cited, legal_bases
from services.alerts.domain.notice import LAW

DAY = date(2026, 11, 20)
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.mark.parametrize("basis", legal_bases(), ids=lambda one: f"{one.key} {one.in_force_from}")
def test_every_basis_names_its_instrument_source_and_article(basis: LegalBasis) -> None:
    assert basis.instrument_zh and basis.instrument_en and basis.source
    assert basis.article or basis.mark is not Mark.VERIFIED or basis.key == "inspection.frequency"  # a whole instrument
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


@pytest.mark.parametrize("basis", legal_bases(), ids=lambda one: f"{one.key} {one.in_force_from}")
def test_every_basis_is_worded_in_both_languages(basis: LegalBasis) -> None:
    for zh, en in ((basis.instrument_zh, basis.instrument_en), (basis.text_zh, basis.text_en)):
        assert HAN.search(zh) and not HAN.search(en)
    assert basis.text_zh.endswith("。") and basis.text_en.endswith(".")
    assert not re.search(r"[,;:?!()]", basis.text_zh), "full-width punctuation in Chinese"


def test_a_basis_shows_both_languages_its_source_and_its_mark() -> None:
    (basis,) = cited(["emission.over_permit"], DAY)
    shown = basis.document()
    assert shown["instrument"] == {
        "zh": "排污许可管理条例",
        "en": "Regulations on the Administration of Discharge Permits",
    }
    assert (shown["article"], shown["mark"]) == ("34", "verified") and "国务院令第736号" in basis.source
    assert shown["text"] == {"zh": basis.text_zh, "en": basis.text_en} and basis.text_zh.startswith("超过许可排放浓度")


ROWS = [
    (kind, condition, entry.version)
    for kind, versions in load_catalogue().entries.items()
    for entry in versions
    for condition in entry.rows
]


@pytest.mark.parametrize(("kind", "condition", "version"), ROWS, ids=lambda value: str(value))
def test_every_kind_and_condition_of_the_catalogue_has_a_legal_basis_with_its_mark(
    kind: str, condition: str, version: int
) -> None:
    (entry,) = (one for one in load_catalogue().entries[kind] if one.version == version)
    bases = cited(entry.rows[condition].law, max(entry.effective_from, DAY))
    assert bases, "no article is in force"
    for basis in bases:
        assert HAN.search(basis.text_zh) and basis.text_en
        assert basis.mark in (Mark.VERIFIED, Mark.TO_CONFIRM)


@pytest.mark.parametrize("kind", LAW)
def test_every_peer_notice_has_a_legal_basis(kind: str) -> None:
    assert [basis.key for basis in cited(LAW[kind], DAY)] == list(LAW[kind])


def test_a_guessed_password_cites_the_article_by_its_number_of_the_day() -> None:
    assert [basis.article for basis in cited(["network.protection"], date(2025, 12, 31))] == ["21"]
    assert [basis.article for basis in cited(["network.protection"], date(2026, 1, 1))] == ["23"]


def test_two_wordings_of_one_basis_are_never_in_force_together() -> None:
    bases = [basis for basis in legal_bases() if basis.in_force(DAY)]
    named = [basis.key for basis in bases]
    assert len(named) == len(set(named))


def test_every_law_that_the_catalogue_cites_is_in_force_with_it() -> None:
    entries = [entry for versions in load_catalogue().entries.values() for entry in versions]
    cites = {(key, entry.effective_from) for entry in entries for row in entry.rows.values() for key in row.law}
    assert len(cites) > 5
    assert {(key, day) for key, day in cites if not cited([key], max(day, DAY))} == set()
