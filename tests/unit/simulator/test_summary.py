"""Which promises count as kept, broken, or not yet due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.simulator.findings import Check, Evidence, Findings, Reached
from services.simulator.fleet import Stats
from services.simulator.received import Received
from services.simulator.receiver import Receiver
from services.simulator.region import sample_region
from services.simulator.seen import SeenAlert
from services.simulator.summary import checks, report_on
from services.simulator.trouble import TroubleKind
from shared.domain.clock import Clock

ORIGIN = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
REGION = sample_region(on=date(2026, 11, 20))
FRAMES = len(TroubleKind) - 2  # neither silence nor the common trouble promise a point's alert


def a_receiver(verified: int = 1) -> Receiver:
    return Receiver(Clock(wall_now=lambda: ORIGIN, field_now=lambda: ORIGIN), lambda message: None, verified=verified)


def alerts_of_all_troubles() -> list[SeenAlert]:
    return [
        SeenAlert(f"alert of {point.mn}", trouble.expected[0], trouble.expected[1], point=point.mn)
        for point in REGION.points
        for trouble in point.troubles
        if trouble.expected
    ]


def judged(
    alerts: list[SeenAlert], *, until: datetime = ORIGIN + timedelta(days=2), stats: Stats | None = None,
    receiver: Receiver | None = None,
) -> list[Check]:  # fmt: skip
    evidence = Evidence(REGION, Findings(alerts=alerts), Received(), Reached(ORIGIN, until))
    return checks(evidence, stats or Stats(sent=5, acknowledged=5), receiver or a_receiver())


def test_all_is_kept_when_every_trouble_has_its_alert() -> None:
    made = judged(alerts_of_all_troubles())
    assert all(check.ok for check in made)
    report = report_on(REGION, Stats(sent=5, acknowledged=5), a_receiver(), Findings(), made)
    assert report.ok
    # eight kinds of trouble with a promised alert; packets twice, orange or red, webhooks twice
    assert len(report.checks) == FRAMES + 5


@pytest.mark.parametrize("number", range(8))
def test_each_missing_alert_is_named(number: int) -> None:
    alerts = alerts_of_all_troubles()
    missing = alerts.pop(number)
    broken = [check for check in judged(alerts) if check.ok is False]
    assert len(broken) == 1
    assert missing.point in broken[0].detail


@pytest.mark.parametrize(("promised", "seen"), [("red", "yellow"), ("blue", "yellow")])
def test_an_alert_of_another_level_than_promised_does_not_do(promised: str, seen: str) -> None:
    alerts = alerts_of_all_troubles()
    other = next(alert for alert in alerts if alert.level == promised)
    alerts[alerts.index(other)] = replace(other, level=seen)
    (broken,) = [check.detail for check in judged(alerts) if check.ok is False]
    assert broken == f"point {other.point}: {seen}, promised {promised}"


def test_what_was_not_due_yet_is_neither_kept_nor_broken() -> None:
    made = judged([], until=ORIGIN + timedelta(minutes=5))
    open_promises = [check for check in made if check.ok is None]
    assert len(open_promises) == FRAMES


@pytest.mark.parametrize(
    ("stats", "receiver"),
    [(Stats(), None), (Stats(sent=5, acknowledged=4), None), (None, a_receiver(verified=0))],
    ids=["nothing acknowledged", "one unanswered", "no webhook"],
)
def test_the_way_of_a_frame_is_promised(stats: Stats | None, receiver: Receiver | None) -> None:
    broken = [c for c in judged(alerts_of_all_troubles(), stats=stats, receiver=receiver) if c.ok is False]
    assert len(broken) == 1


def test_a_refused_signature_breaks_a_promise() -> None:
    receiver = a_receiver()
    receiver.refused.append("the signature does not fit")
    (broken,) = [c for c in judged(alerts_of_all_troubles(), receiver=receiver) if c.ok is False]
    assert broken.detail == "the signature does not fit"


def test_the_report_as_json_counts_what_was_found() -> None:
    alerts = alerts_of_all_troubles()
    found = Findings(alerts=alerts, exceedances=7, deliveries=["delivered", "due", "delivered"], quarantined=2)
    made = [Check("kept", ok=True, detail=""), Check("not yet", ok=None, detail="")]
    document = report_on(REGION, Stats(sent=5, acknowledged=4, resent=1), a_receiver(), found, made).document()
    assert (document["exceedances"], document["quarantined"], document["ok"]) == (7, 2, True)
    assert document["deliveries"] == {"delivered": 2, "due": 1}
    assert document["packets"] == {"sent": 5, "acknowledged": 4, "resent": 1, "by_command": {}}
    assert document["webhooks"] == {"verified": 1, "repeated": 0, "refused": 0}
    assert document["checks"] == [
        {"name": "kept", "ok": True, "detail": ""},
        {"name": "not yet", "ok": None, "detail": ""},
    ]
