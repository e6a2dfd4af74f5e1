"""Whether permits, officers, peers and gaps got what is promised of them; what a frame brings is summary's.

Each takes the evidence and answers with checks; one whose field time had not come is neither kept nor broken.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

from shared.domain.clock import DAY, HOUR, day_start, shanghai_day

from .findings import Check, Evidence
from .officers import DESK, Wish, wishes
from .region import SampleEnterprise
from .terms import CASES, STEPS, Term

SOON = timedelta(minutes=30)  # until a sweep came by and its alert was published
NOTIFIED = 3 * HOUR  # from the origin: the common trouble's hour and the whole hour behind it
DIGEST_AT = timedelta(hours=8, minutes=30)
NOT_YET = "尚未到时 not due yet"


def promises(evidence: Evidence) -> Iterator[Check]:
    """All of them, in the order in which they are seen."""
    for enterprise in evidence.region.enterprises:
        if enterprise.term in CASES:
            yield _step(evidence, enterprise)
    yield from _application(evidence)
    yield from _gap(evidence)
    yield from _peers(evidence)
    for wish in wishes(evidence.region):
        yield _digest(evidence, wish) if wish.digest else _subscription(evidence, wish)


def _judged(evidence: Evidence, name: str, ok: bool, detail: str, *, due: datetime | None) -> Check:
    """`due` None: what it waits for was not done."""
    if ok or (due is not None and due <= evidence.reached.until):
        return Check(name, ok, detail)
    return Check(name, None, NOT_YET)


def _step(evidence: Evidence, enterprise: SampleEnterprise) -> Check:
    """The alert has reached its step, and the enterprise was notified of that very step."""
    asked = CASES[enterprise.term]
    hits = evidence.alerts("permit.renewal", enterprise.credit_code)
    notified = evidence.received.alerts.get(enterprise.credit_code, {})
    steps = {step for one in hits for step in notified.get(one.id, ())}
    ok = any(STEPS.index(step) >= STEPS.index(asked.step) for step in steps)
    waits = {Term.TURNING: day_start(evidence.region.on + DAY), Term.EXPIRED: evidence.reached.origin + 2 * HOUR}
    due = waits.get(enterprise.term, evidence.reached.origin) + SOON
    name = f"{asked.zh} {asked.en} → {asked.step}"
    return _judged(evidence, name, ok, ", ".join(sorted(steps, key=STEPS.index)) or "not notified", due=due)


def _application(evidence: Evidence) -> Iterator[Check]:
    """It clears the alert, the list names no step any more, and the desk is notified of its term."""
    one = evidence.region.with_term(Term.APPLYING)
    if one is None:
        return
    done = evidence.reached.done.get(Term.APPLYING)
    due = done + SOON if done else None
    cleared = [alert.cleared for alert in evidence.alerts("permit.renewal", one.credit_code)]
    rows = [row for row in evidence.found.expiring if row.credit_code == one.credit_code]
    stopped = cleared == ["applied"] and [row.step for row in rows] == [""]
    yield _judged(evidence, "提交申请即停止提醒 an application stops the steps", stopped, f"cleared {cleared}", due=due)
    terms = evidence.alerts("permit.decision_due", one.credit_code)
    notified = [alert for alert in terms if alert.id in evidence.received.alerts.get(DESK, {})]
    name = "窗口得知办理期限 the desk is notified of its term → permit.decision_due"
    yield _judged(
        evidence, name, len(terms) == len(notified) == 1, f"alerts {len(terms)}, notified {len(notified)}", due=due
    )


def _gap(evidence: Evidence) -> Iterator[Check]:
    """Coverage says who lacks what; a monitor without permit is a gap of the register, then a clue."""
    lacks = {row.credit_code: row.lacks for row in evidence.found.coverage}
    expected: dict[Term, tuple[str, ...]] = {Term.NONE: ("permit",), Term.EXPIRED: ("valid_permit",), Term.LONG: ()}
    wrong = [
        f"{one.name} {lacks.get(one.credit_code)}"
        for one in evidence.region.enterprises
        if one.term in expected and lacks.get(one.credit_code) != expected[one.term]
    ]
    name = "保护缺口 coverage names who lacks a permit"
    yield Check(name, not wrong, "; ".join(wrong[:3]) or f"{sum(map(bool, lacks.values()))} of {len(lacks)} lack one")
    one = evidence.region.with_term(Term.NONE)
    if one is None:
        return
    gap = bool(evidence.alerts("register.gap", one.credit_code))
    yield _judged(
        evidence, "登记缺口 no permit known → register.gap", gap, f"{gap}", due=evidence.reached.origin + SOON
    )
    missing = evidence.alerts("permit.missing", one.credit_code)
    notified = any(alert.id in evidence.received.alerts.get(DESK, {}) for alert in missing)
    done = evidence.reached.done.get(Term.NONE)
    name = "登记齐全而无证 the register is complete → permit.missing"
    yield _judged(
        evidence, name, notified, f"alerts {len(missing)}, notified {notified}", due=done + SOON if done else None
    )


def _peers(evidence: Evidence) -> Iterator[Check]:
    """Three of the class have the trouble, all of it get the same bytes, and nobody is named."""
    peers = evidence.region.peers
    if not peers:
        return
    due, codes = evidence.reached.origin + NOTIFIED + SOON, [one.credit_code for one in peers]
    seeded = {one.credit_code for one in peers if any(point.troubles for point in one.points)}
    hit = {code for code in codes if evidence.alerts("emission.exceeded", code)}
    name = f"同类{len(peers)}家{len(seeded)}家超标 {len(seeded)} of {len(peers)} of a class over, the others clean"
    yield _judged(evidence, name, hit == seeded, f"{len(hit)} with an alert", due=due)
    bodies = [evidence.received.notices.get(code, []) for code in codes]
    same = {body for got in bodies for body in got}
    name = f"同行业提醒送达全部 peer notice at all {len(peers)}, byte for byte the same"
    reached = sum(len(got) == 1 for got in bodies)
    yield _judged(evidence, name, reached == len(peers) and len(same) == 1, f"{reached}, bodies {len(same)}", due=due)
    words = [json.dumps(json.loads(body), ensure_ascii=False) for body in same]
    named = [mark for one in peers for mark in _marks(one) if any(mark in text for text in words)]
    shown = [json.loads(body)["data"] for body in same] == list(evidence.found.notices) != []
    name = "提醒匿名 it names nobody; GET peer-notices is the same"
    yield _judged(evidence, name, shown and not named, ", ".join(named[:3]) or f"shown {shown}", due=due)


def _marks(one: SampleEnterprise) -> list[str]:
    """What would give an enterprise away."""
    return [one.credit_code, one.name, *(point.mn for point in one.points)]


def _subscription(evidence: Evidence, wish: Wish) -> Check:
    """Everything that was asked for, and nothing else."""
    notified = evidence.received.alerts.get(wish.owner, {})
    wanted = {one.id for one in evidence.found.alerts if wish.wants(one)}
    first = [facts for (owner, _), facts in evidence.received.first.items() if owner == wish.owner]
    besides = [facts for facts in first if not wish.wants(facts)]
    detail = f"asked for {len(wanted)}, received {len(wanted & set(notified))}, besides {len(besides)}"
    due = evidence.reached.origin + 2 * HOUR + SOON
    kept = bool(wanted) and wanted <= set(notified) and not besides
    return _judged(evidence, f"订阅 subscription {_words(wish)}", kept, detail, due=due)


def _digest(evidence: Evidence, wish: Wish) -> Check:
    """The digest of the morning after holds the early steps that were open before."""
    early = {Term.LEFT_180, Term.LEFT_90, Term.STATUTORY}
    codes = [one.credit_code for one in evidence.region.enterprises if one.term in early]
    wanted = {alert.id for code in codes for alert in evidence.alerts("permit.renewal", code)}
    had = evidence.received.digests.get(wish.owner, set())
    morning = day_start(shanghai_day(evidence.reached.origin)) + DIGEST_AT
    due = (morning if morning > evidence.reached.origin else morning + DAY) + SOON
    detail = f"asked for {len(wanted)}, in digests {len(wanted & had)}"
    return _judged(evidence, f"日报 digest {_words(wish)}", bool(wanted) and wanted <= had, detail, due=due)


def _words(wish: Wish) -> str:
    return f"{wish.name} {wish.en}"
