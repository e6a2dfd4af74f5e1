"""Which promises to permits, officers, peers and gaps count as kept, broken, or not yet due."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from services.simulator.findings import Check, Evidence, Findings, Reached
from services.simulator.officers import DESK, DUTY
from services.simulator.promises import promises
from services.simulator.received import Received
from services.simulator.receiver import Message
from services.simulator.region import SampleEnterprise, sample_region
from services.simulator.seen import SeenAlert, SeenCoverage, SeenExpiring
from services.simulator.terms import CASES, Term
from shared.domain.events import DIGEST, PEER_NOTICE_ISSUED
from shared.domain.json import JsonObject

ORIGIN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
REGION = sample_region(on=date(2026, 11, 20))
DONE = {Term.APPLYING: ORIGIN + timedelta(hours=2), Term.NONE: ORIGIN + timedelta(hours=4)}
HIT = [one for one in REGION.peers if any(point.troubles for point in one.points)]
NOTICE: JsonObject = {"id": "ntc_1", "headline": {"zh": "请自查"}}


def of(term: Term) -> SampleEnterprise:
    found = REGION.with_term(term)
    assert found is not None
    return found


def alert(
    whose: SampleEnterprise, kind: str, condition: str, level: str, stage: str, cleared: str = ""
) -> SeenAlert:  # fmt: skip
    return SeenAlert(
        id=f"{kind}:{whose.credit_code}", kind=kind, condition=condition, level=level, stage=stage,
        region=whose.region, credit_code=whose.credit_code, cleared=cleared,
    )  # fmt: skip


def as_published(one: SeenAlert) -> JsonObject:
    """The data of its event."""
    fields = {name: getattr(one, name) for name in ("id", "kind", "condition", "level", "stage", "region")}
    return {**fields, "enterprise": {"credit_code": one.credit_code}, "cleared": one.cleared or None}


def alerts() -> list[SeenAlert]:
    """Those of a demonstration that kept everything."""
    made = []
    for term, case in CASES.items():
        stage = "before" if case.level == "blue" or term is Term.STATUTORY else "during"
        cleared = "applied" if term is Term.APPLYING else ""
        made.append(alert(of(term), "permit.renewal", case.step, case.level, stage, cleared=cleared))
    made.append(alert(of(Term.APPLYING), "permit.decision_due", "pending", "yellow", "during"))
    made.append(alert(of(Term.NONE), "register.gap", "gap", "blue", "before", cleared="taken_back"))
    made.append(alert(of(Term.NONE), "permit.missing", "gap", "red", "after"))
    return made + [alert(one, "emission.exceeded", "first", "yellow", "during") for one in HIT]


def lacks(one: SampleEnterprise) -> tuple[str, ...]:
    return {Term.NONE: ("permit",), Term.EXPIRED: ("valid_permit",)}.get(one.term, ())


def findings(given: list[SeenAlert]) -> Findings:
    return Findings(
        alerts=given,
        coverage=[SeenCoverage(one.credit_code, one.name, lacks(one)) for one in REGION.enterprises],
        expiring=[SeenExpiring(of(Term.APPLYING).credit_code, "")],
        notices=[NOTICE],
    )


def message(owner: str, kind: str, data: JsonObject) -> Message:
    event: JsonObject = {"type": kind, "data": data}
    return Message(owner, "psh_1", event, json.dumps(event).encode())


def received(given: list[SeenAlert]) -> Received:
    """Each enterprise its own, officers what they asked for, the class its notice."""
    made = Received()
    for one in given:
        notified = [one.credit_code]
        if one.stage != "before":
            notified.append(DUTY if one.kind == "emission.exceeded" else DESK)
        for owner in notified:
            made.take(message(owner, "yujing.alert.issued.v1", as_published(one)))
    for peer in REGION.peers:
        made.take(message(peer.credit_code, PEER_NOTICE_ISSUED, NOTICE))
    early = [{"id": one.id} for one in given if one.kind == "permit.renewal"]
    made.take(message(DESK, DIGEST, {"reason": "daily", "alerts": early}))
    return made


def evidence(*, until: datetime = ORIGIN + timedelta(days=2)) -> Evidence:
    return Evidence(REGION, findings(alerts()), received(alerts()), Reached(ORIGIN, until, DONE))


def broken(given: Evidence) -> list[Check]:
    return [check for check in promises(given) if check.ok is False]


def test_all_is_kept_when_everything_came_and_was_received() -> None:
    made = list(promises(evidence()))
    assert [check.name for check in made if not check.ok] == []
    assert len(made) == len(CASES) + 2 + 3 + 3 + 3


@pytest.mark.parametrize("term", CASES)
def test_a_step_that_the_enterprise_was_not_notified_of_is_named(term: Term) -> None:
    given = evidence()
    given.received.alerts.pop(of(term).credit_code)
    assert [check.detail for check in broken(given)] == ["not notified"]


def test_a_step_after_the_application_breaks_the_promise() -> None:
    given = evidence()
    again = [replace(one, cleared="") if one.cleared == "applied" else one for one in given.found.alerts]
    assert len(broken(replace(given, found=replace(given.found, alerts=again)))) == 1


def test_a_notice_with_other_bytes_at_one_enterprise_breaks_the_promise() -> None:
    given = evidence()
    given.received.notices[REGION.peers[3].credit_code] = [json.dumps({"data": {**NOTICE, "for": 3}}).encode()]
    assert len(broken(given)) == 2  # not the same bytes; GET shows another


def test_a_notice_that_one_of_the_class_lacks_breaks_the_promise() -> None:
    given = evidence()
    del given.received.notices[REGION.peers[3].credit_code]
    assert [check.detail for check in broken(given)] == ["13, bodies 1"]


def test_a_notice_that_names_a_source_breaks_the_promise() -> None:
    given = evidence()
    body = json.dumps({"data": NOTICE, "by": HIT[0].name}, ensure_ascii=False).encode()
    given.received.notices.update({one.credit_code: [body] for one in REGION.peers})
    assert [check.detail for check in broken(given)] == [HIT[0].name]


def test_an_alert_at_a_clean_one_of_the_class_breaks_the_promise() -> None:
    given = evidence()
    clean = next(one for one in REGION.peers if one not in HIT)
    more = [*given.found.alerts, alert(clean, "emission.exceeded", "first", "yellow", "during")]
    assert "4 with an alert" in [
        check.detail for check in broken(replace(given, found=replace(given.found, alerts=more)))
    ]


def test_an_officer_who_receives_more_or_less_than_asked_breaks_the_promise() -> None:
    more, less = evidence(), evidence()
    more.received.take(
        message(
            DUTY, "yujing.alert.issued.v1", as_published(alert(of(Term.LATE), "permit.renewal", "late", "red", "after"))
        )
    )
    assert [check.detail for check in broken(more)] == ["asked for 3, received 3, besides 1"]
    less.received.alerts[DUTY].popitem()
    assert [check.detail for check in broken(less)] == ["asked for 3, received 2, besides 0"]


def test_an_enterprise_that_coverage_calls_protected_wrongly_is_named() -> None:
    given = evidence()
    rows = [replace(row, lacks=()) for row in given.found.coverage]
    (wrong,) = broken(replace(given, found=replace(given.found, coverage=rows)))
    assert of(Term.NONE).name in wrong.detail


def test_what_was_not_due_yet_is_neither_kept_nor_broken() -> None:
    given = Evidence(
        REGION, findings([]), Received(), Reached(ORIGIN, ORIGIN + timedelta(minutes=5))
    )  # nobody has done anything
    assert {check.ok for check in promises(given)} == {None, True}
    assert [check.name for check in promises(given) if check.ok] == ["保护缺口 coverage names who lacks a permit"]
