"""What an endpoint wants, when it counts as failing, and the addresses that events of an installation name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerts.domain import origin
from services.alerts.domain.contact import ContactPoint
from services.alerts.domain.endpoint_state import FAILS_AFTER, EndpointState, shown_state
from services.alerts.domain.retry import STANDARD
from services.alerts.domain.wants import ALL, Wants
from shared.domain.events import ALERT_CHANGED, ALERT_ISSUED, DIGEST, PEER_NOTICE_ISSUED
from tests.support.alerts_case import T0

EVENTS = (ALERT_ISSUED, ALERT_CHANGED, DIGEST, PEER_NOTICE_ISSUED)


@pytest.mark.parametrize(
    ("wants", "event", "kind", "takes"),
    [
        (ALL, ALERT_ISSUED, "emission.exceeded", True),
        (ALL, DIGEST, None, True),
        (Wants(events=(ALERT_ISSUED,)), ALERT_ISSUED, "data.fault", True),
        (Wants(events=(ALERT_ISSUED,)), ALERT_CHANGED, "data.fault", False),
        (Wants(events=(ALERT_ISSUED, DIGEST)), DIGEST, None, True),
        (Wants(kinds=("emission.exceeded",)), ALERT_ISSUED, "emission.exceeded", True),
        (Wants(kinds=("emission.exceeded",)), ALERT_ISSUED, "emission.nearing", False),
        (Wants(kinds=("emission.*",)), ALERT_ISSUED, "emission.nearing", True),
        (Wants(kinds=("emission.*",)), ALERT_ISSUED, "data.fault", False),
        (Wants(kinds=("data.*", "permit.renewal")), ALERT_ISSUED, "permit.renewal", True),
        (Wants(kinds=("emission.*",)), DIGEST, None, True),  # it is about several kinds
        (Wants(kinds=("Emission.*",)), ALERT_ISSUED, "emission.exceeded", False),  # kinds are in lower case
        (Wants(events=(DIGEST,), kinds=("emission.*",)), ALERT_ISSUED, "emission.exceeded", False),
    ],
)
def test_an_endpoint_takes_what_it_wants(wants: Wants, event: str, kind: str | None, takes: bool) -> None:
    assert wants.takes(event, kind) is takes


@given(st.sampled_from(EVENTS), st.sampled_from([None, "emission.exceeded", "data.fault"]))
def test_who_names_nothing_gets_everything(event: str, kind: str | None) -> None:
    assert ALL.takes(event, kind)
    assert Wants(kinds=("*",)).takes(event, kind)


@pytest.mark.parametrize(
    ("stored", "failing_for", "shown"),
    [
        ("active", None, EndpointState.ACTIVE),
        ("active", timedelta(0), EndpointState.ACTIVE),
        ("active", FAILS_AFTER - timedelta(microseconds=1), EndpointState.ACTIVE),
        ("active", FAILS_AFTER, EndpointState.FAILING),
        ("active", timedelta(days=3), EndpointState.FAILING),
        ("paused", timedelta(days=3), EndpointState.PAUSED),  # paused by its owner: nothing is tried
        ("disabled", timedelta(days=3), EndpointState.DISABLED),
        ("deleted", timedelta(days=3), EndpointState.DELETED),
        ("paused", None, EndpointState.PAUSED),
    ],
)
def test_only_an_active_endpoint_is_shown_as_failing(
    stored: str, failing_for: timedelta | None, shown: EndpointState
) -> None:
    since = None if failing_for is None else T0 - failing_for
    assert shown_state(stored, since, T0) is shown


def test_one_lost_answer_makes_no_failing_endpoint() -> None:
    """The schedule tries again within the two minutes."""
    assert timedelta(seconds=sum(STANDARD.waits_s[:2])) < FAILS_AFTER


def test_a_state_that_no_row_can_have_is_refused() -> None:
    with pytest.raises(ValueError, match="asleep"):
        shown_state("asleep", None, T0)


@pytest.mark.parametrize(
    ("public_url", "source", "schema", "alert"),
    [
        ("", "/alerts", "/alerts/v1/schemas/alert.json", "/alerts/v1/alerts/alr_1"),
        (
            "https://yujing.example.cn",
            "https://yujing.example.cn/alerts",
            "https://yujing.example.cn/alerts/v1/schemas/alert.json",
            "https://yujing.example.cn/alerts/v1/alerts/alr_1",
        ),
        (
            "https://example.cn/yujing/",
            "https://example.cn/yujing/alerts",
            "https://example.cn/yujing/alerts/v1/schemas/alert.json",
            "https://example.cn/yujing/alerts/v1/alerts/alr_1",
        ),
    ],
    ids=["no public URL", "a public URL", "below a path, with a stroke at its end"],
)
def test_events_name_their_installation(public_url: str, source: str, schema: str, alert: str) -> None:
    assert origin.source(public_url) == source
    assert origin.schema_url(public_url, origin.ALERT) == schema
    assert origin.alert_url(public_url, "alr_1") == alert


def test_two_installations_differ_in_their_source() -> None:
    assert origin.source("https://a.example") != origin.source("https://b.example")


def test_a_secret_stands_in_no_log() -> None:
    point = ContactPoint("webhook", "https://r.example/hook", "whsec_c2VjcmV0")
    assert "c2VjcmV0" not in repr(point) and "https://r.example/hook" in repr(point)
    assert point != ContactPoint("webhook", "https://r.example/hook", "whsec_b3RoZXI")
