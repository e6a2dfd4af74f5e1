"""Which alerts an officer's subscription asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.alerts.domain.catalogue import Level, Stage
from services.alerts.domain.subscription import Facts, Filter, Match, Subscription, check, matches
from shared.domain.errors import Forbidden, Invalid

KINDS = ("emission.exceeded", "permit.renewal", "data.suspect", "data.fault")
ALERT = Facts("emission.exceeded", Stage.DURING, Level.YELLOW, "150102", "D4411", "91150102MA0N0AAA1B")


def a_subscription(region: str = "15", scopes: tuple[str, ...] = (), **wanted: object) -> Subscription:
    return Subscription("sub_1", region, scopes, Filter(**wanted), "end_1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("subscription", "facts", "expected"),
    [
        (a_subscription(), ALERT, Match.MATCHES),
        (a_subscription("1502"), ALERT, Match.OUTSIDE),
        (a_subscription("1502", regions=("15",)), ALERT, Match.OUTSIDE),
        (a_subscription(regions=("1502", "150102")), ALERT, Match.MATCHES),
        (a_subscription(regions=("1502",)), ALERT, Match.OTHER_REGION),
        (a_subscription(industries=("D44", "C")), ALERT, Match.MATCHES),
        (a_subscription(industries=("C",)), ALERT, Match.OTHER_INDUSTRY),
        (a_subscription(industries=("D",)), replace(ALERT, industry=None), Match.OTHER_INDUSTRY),
        (a_subscription(kinds=("emission.*",)), ALERT, Match.MATCHES),
        (a_subscription(kinds=("data.*", "permit.renewal")), ALERT, Match.OTHER_KIND),
        (a_subscription(min_level=Level.YELLOW), ALERT, Match.MATCHES),
        (a_subscription(min_level=Level.ORANGE), ALERT, Match.LEVEL_BELOW),
        (a_subscription(stages=(Stage.AFTER,)), ALERT, Match.OTHER_STAGE),
        (a_subscription(), replace(ALERT, stage=Stage.BEFORE), Match.OTHER_STAGE),
        (a_subscription(stages=(Stage.BEFORE,)), replace(ALERT, stage=Stage.BEFORE), Match.MATCHES),
        (a_subscription(enterprises=("91150102MA0N0AAA1B",)), ALERT, Match.MATCHES),
        (a_subscription(enterprises=("91150102MA0N0AAA2X",)), ALERT, Match.OTHER_ENTERPRISE),
        (a_subscription(kinds=("data.*",)), replace(ALERT, kind="data.suspect"), Match.NEEDS_SCOPE),
        (a_subscription(scopes=("investigate",)), replace(ALERT, kind="data.suspect"), Match.MATCHES),
    ],
)
def test_a_subscription_gets_what_it_asks_for(subscription: Subscription, facts: Facts, expected: Match) -> None:
    assert matches(subscription, facts) is expected
    assert expected.matched is (expected is Match.MATCHES)


def test_beforehand_warnings_reach_an_officer_only_when_named_even_with_every_kind() -> None:
    assert not matches(a_subscription(kinds=("*",)), replace(ALERT, stage=Stage.BEFORE)).matched


def test_what_could_never_be_sent_is_refused() -> None:
    with pytest.raises(Invalid) as outside:
        check(Filter(regions=("1501", "1401")), region="15", scopes=(), kinds=KINDS)
    assert outside.value.field == "filter.regions[1]"
    with pytest.raises(Invalid) as misspelt:
        check(Filter(kinds=("emission.*", "emision.exceeded")), region="15", scopes=(), kinds=KINDS)
    assert misspelt.value.field == "filter.kinds[1]" and "'emission.exceeded'" in misspelt.value.detail
    with pytest.raises(Invalid):
        check(Filter(kinds=("emision.*",)), region="15", scopes=(), kinds=KINDS)
    with pytest.raises(Forbidden):
        check(Filter(kinds=("data.suspect",)), region="15", scopes=(), kinds=KINDS)
    check(
        Filter(regions=("1501",), kinds=("data.suspect", "data.*")), region="15", scopes=("investigate",), kinds=KINDS
    )
