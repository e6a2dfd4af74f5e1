"""An enterprise's versions, and what becomes of a credit code whose check character does not fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from services.permits.domain.enterprise import EnterpriseDocument, accepted, must_be_accepted, registered

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
RIGHT, WRONG = "91150102MA0N0AAA1B", "91150102MA0N0AAA1C"


def a_document(code: str = RIGHT, name: str = "企业") -> EnterpriseDocument:
    return EnterpriseDocument(credit_code=code, name=name, industry="D4411", region="150102")


def test_each_change_is_one_more_version_and_the_former_ones_stay() -> None:
    first = registered(None, a_document(), NOW)
    later = NOW + timedelta(days=1)
    second = registered(first, a_document(name="另一名称"), later)
    assert (first.revision, second.revision) == (1, 2)
    assert [(one.recorded_at, one.document.name) for one in second.versions] == [(NOW, "企业"), (later, "另一名称")]
    assert second.document == second.versions[-1].document


def test_the_same_document_again_is_no_version() -> None:
    first = registered(None, a_document(), NOW)
    assert registered(first, a_document(), NOW + timedelta(days=1)) is first


def test_a_new_enterprise_is_doubtful_when_its_check_character_does_not_fit() -> None:
    assert registered(None, a_document(WRONG), NOW).check_character_doubtful
    assert not registered(None, a_document(RIGHT), NOW).check_character_doubtful


def test_an_accepted_code_stays_accepted_through_later_versions() -> None:
    enterprise = accepted(registered(None, a_document(WRONG), NOW))
    renamed = registered(enterprise, a_document(WRONG, "另一名称"), NOW)
    assert not renamed.check_character_doubtful
    assert accepted(renamed) is renamed


def test_a_doubtful_code_stays_doubtful_through_later_versions() -> None:
    enterprise = registered(None, a_document(WRONG), NOW)
    assert registered(enterprise, a_document(WRONG, "另一名称"), NOW).check_character_doubtful


def test_only_a_wrong_check_character_that_nobody_accepted_is_to_be_accepted() -> None:
    doubtful = registered(None, a_document(WRONG), NOW)
    assert must_be_accepted(WRONG, None)
    assert must_be_accepted(WRONG, doubtful)
    assert not must_be_accepted(WRONG, accepted(doubtful))
    assert not must_be_accepted(RIGHT, None)
    assert not must_be_accepted(RIGHT, replace(doubtful, document=a_document(RIGHT)))
