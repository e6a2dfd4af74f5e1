"""A risk travels as its whole state and comes back the same; readers let later fields pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.errors import Invalid
from shared.domain.risk import Cleared, Risk, RiskState, Window
from shared.eventlog.codec import decode, encode
from tests.support.alerts_case import a_risk, cleared

moments = st.integers(1577836800, 2208988800).map(lambda at_s: datetime.fromtimestamp(at_s, UTC))
texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)


@given(
    state=st.sampled_from(RiskState),
    why=st.none() | st.sampled_from(Cleared),
    at=moments,
    ended=st.none() | moments,
    window=st.none() | st.builds(Window, moments, moments, st.sampled_from(["hour", "day"]), st.integers(0, 999)),
    factor=texts,
    historical=st.booleans(),
)
def test_a_risk_comes_back_as_it_was_published(
    state: RiskState,
    why: Cleared | None,
    at: datetime,
    ended: datetime | None,
    window: Window | None,
    factor: str | None,
    historical: bool,
) -> None:
    risk = a_risk(
        state=state,
        cleared=why,
        opened_at=at,
        changed_at=at + timedelta(hours=1),
        cleared_at=ended,
        window=window,
        factor=factor,
        historical=historical,
    )
    assert Risk.read(decode(encode(risk.document()))) == risk


def test_fields_of_a_later_version_pass() -> None:
    risk = a_risk()
    assert Risk.read({**risk.document(), "of_later": {"x": 1}}) == risk


def test_fields_that_an_earlier_version_did_not_say_have_their_defaults() -> None:
    document = a_risk().document()
    for name in ("group", "facts", "muted", "historical", "previous", "merged_into", "cleared", "cleared_at"):
        del document[name]
    risk = Risk.read(document)
    assert (risk.group, risk.facts, risk.muted, risk.historical) == (None, {}, None, False)
    assert (risk.cleared_at, risk.cleared) == (None, None)


def test_numbers_that_decide_travel_as_text() -> None:
    document = a_risk().document()
    assert {type(document[name]) for name in ("measured", "decided", "limit", "multiple")} == {str}


def test_what_has_no_offset_or_an_unknown_state_is_refused() -> None:
    document = a_risk().document()
    with pytest.raises(Invalid):
        Risk.read({**document, "opened_at": "2026-11-20T09:00:00"})
    with pytest.raises(ValueError):
        Risk.read({**document, "state": "perhaps"})


def test_an_end_says_why_and_when() -> None:
    document = cleared(replace(a_risk()), 2).document()
    assert (document["state"], document["cleared"]) == ("cleared", "compliant")
    assert document["cleared_at"].endswith("+08:00")
