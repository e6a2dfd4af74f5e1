"""Whether a problem is so common in a class that all its exposed enterprises are to be reminded, and where.

Pure: who was affected, who is exposed and `now` (a whole hour) in, a decision with its reason out. Asked at each area in
turn (county, city, province) for the 4-digit class, then for the 3-digit group. What a reader of the notice can learn of
its sources is that they are fewer than a third of a crowd of at least twelve; wording and sending are others' work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import exp, lgamma, log, log1p

from shared.domain.clock import HOUR, hour_start
from shared.domain.pollutant import family
from shared.domain.region import prefix
from shared.domain.risk import Risk, RiskState

KINDS: Mapping[str, frozenset[str] | None] = {  # kind → conditions that count, None: all
    "emission.exceeded": None,
    "data.fault": None,
    "permit.renewal": frozenset({"late"}),
}
RECENT = timedelta(days=7)
WEEKS_BEFORE = 4  # the 28 days of the class's own rate end where the recent days begin: a burst must not hide itself
SEEN = RECENT * (WEEKS_BEFORE + 1)
FEWEST_AFFECTED = 3
SMALLEST_CROWD = 12
LEAST_RATE = 0.02  # of the class in a week
UNUSUAL = 0.01
ONE_A_TOPIC = timedelta(days=7)
AREA_DIGITS = (6, 4, 2)
CLASS_CHARACTERS, GROUP_CHARACTERS = 5, 4  # section and digits: D4411, D441


class Outcome(StrEnum):
    NOTICE = "notice"
    DRAFT = "draft"  # an officer looks at it
    NOTHING = "nothing"


class Reason(StrEnum):
    UNIVERSAL = "universal"
    CROWD_TOO_SMALL = "crowd_too_small"  # a notice would point at someone
    NOT_UNUSUAL = "not_unusual"
    TOO_FEW = "too_few"
    TOPIC_TAKEN = "topic_taken"  # one notice a topic in 7 days
    NO_CLASS = "no_class"  # the industry is not known down to a group, the division not at all


@dataclass(frozen=True, slots=True)
class Topic:
    """What a notice is about: `industry` is a class or group, `family` empty where no pollutant is concerned."""

    industry: str
    kind: str
    family: str


@dataclass(frozen=True, slots=True)
class Affected:
    """One fact: an enterprise had the problem, first seen `at` (field time)."""

    credit_code: str
    industry: str
    region: str
    at: datetime
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Exposed:
    """An enterprise that could have the problem: its permit has the pollutant."""

    credit_code: str
    industry: str
    region: str
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Former:
    """A notice, or a draft, that was made earlier. `area`: a division prefix."""

    topic: Topic
    area: str
    slot: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """`recipients`: credit codes, in order; `affected` and `crowd` are for officers alone."""

    outcome: Outcome
    reason: Reason
    topic: Topic | None = None
    area: str | None = None
    recipients: tuple[str, ...] = ()
    affected: tuple[str, ...] = ()
    crowd: int = 0


def counts(risk: Risk) -> bool:
    """Whether a risk is a fact for peers: of a kind that they can learn from, recent when found, and not taken back."""
    if risk.kind not in KINDS or risk.credit_code is None or not risk.industry or risk.historical or risk.muted:
        return False
    conditions = KINDS[risk.kind]
    taken_back = risk.state in (RiskState.WITHDRAWN, RiskState.MERGED)
    return not taken_back and (conditions is None or risk.condition in conditions)


def family_of(risk: Risk) -> str:
    """The family that a notice may name; empty when no pollutant is concerned."""
    return family(risk.factor).key if risk.factor and risk.kind != "permit.renewal" else ""


def slot_after(at: datetime) -> datetime:
    """The next whole field hour: when what was seen at `at` is decided and, if so, published."""
    return hour_start(at) + HOUR


def group_of(industry: str) -> str | None:
    """The 3-digit group of an industry code with its section; None when it is coarser."""
    return industry[:GROUP_CHARACTERS] if len(industry) >= GROUP_CHARACTERS else None


def decide(
    topic: Topic,
    region: str,
    *,
    affected: Sequence[Affected],
    exposed: Sequence[Exposed],
    notices: Sequence[Former],
    drafts: Sequence[Former],
    now: datetime,
) -> Decision:
    """What to do about new facts of this class, kind and family in a 6-digit division.

    `affected`, `exposed`: those of kind and family, at least of the whole group and province.
    """
    best = Decision(Outcome.NOTHING, Reason.NO_CLASS)
    for one in _classes(topic.industry, region):
        found = _weigh(Topic(one.industry, topic.kind, topic.family), one.area, affected, exposed, now)
        if found.reason is Reason.UNIVERSAL:
            return _taken() if _announced_before(found, notices, now) else found
        best = min(best, found, key=lambda one: _ORDER[one.reason])
    if best.outcome is Outcome.DRAFT and (
        _announced_before(best, notices, now) or _announced_before(best, drafts, now)
    ):
        return _taken()
    return best


_ORDER = {reason: n for n, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class Class:
    """A class or group of industry in an area (division prefix)."""

    industry: str
    area: str


def _classes(industry: str, region: str) -> Iterator[Class]:
    """Class, then group; each in county, city, province, as far as the codes go."""
    inside = prefix(region)
    for characters in (CLASS_CHARACTERS, GROUP_CHARACTERS):
        for digits in AREA_DIGITS:
            if len(industry) >= characters and len(inside) >= digits:
                yield Class(industry[:characters], inside[:digits])


def _weigh(
    topic: Topic, area: str, affected: Sequence[Affected], exposed: Sequence[Exposed], now: datetime
) -> Decision:
    facts = [one for one in affected if _inside(one, topic, area)]
    party = {one.credit_code: one.group or one.credit_code for one in facts}
    party |= {one.credit_code: one.group or one.credit_code for one in exposed if _inside(one, topic, area)}
    recent = [one.credit_code for one in facts if now - RECENT < one.at <= now]
    parties, crowd = {party[code] for code in recent}, len(set(party.values()))
    reason = _reason(len(parties), crowd, _rate(facts, party, crowd, now))
    outcome = {Reason.UNIVERSAL: Outcome.NOTICE, Reason.CROWD_TOO_SMALL: Outcome.DRAFT}.get(reason, Outcome.NOTHING)
    if outcome is Outcome.NOTHING:
        return Decision(outcome, reason)
    return Decision(outcome, reason, topic, area, tuple(sorted(party)), tuple(sorted(set(recent))), crowd)


def _inside(one: Affected | Exposed, topic: Topic, area: str) -> bool:
    return one.industry.startswith(topic.industry) and one.region.startswith(area)


def _rate(facts: Sequence[Affected], party: Mapping[str, str], crowd: int, now: datetime) -> float:
    """The share of the crowd that was affected in a week, over the 28 days before the recent ones."""
    hit = {
        (week, party[one.credit_code])
        for one in facts
        if 0 < (week := (now - one.at) // RECENT) <= WEEKS_BEFORE  # week 0: the recent days
    }
    return max(LEAST_RATE, len(hit) / (WEEKS_BEFORE * crowd)) if crowd else LEAST_RATE


def _reason(affected: int, crowd: int, rate: float) -> Reason:
    if affected < FEWEST_AFFECTED:
        return Reason.TOO_FEW
    if at_least(affected, crowd, rate) > UNUSUAL:
        return Reason.NOT_UNUSUAL
    if crowd < SMALLEST_CROWD or 3 * affected > crowd - 1:
        return Reason.CROWD_TOO_SMALL
    return Reason.UNIVERSAL


def at_least(hits: int, of: int, rate: float) -> float:
    """P(X ≥ hits), X binomial: the smaller tail is summed term by term from its largest, so that nothing cancels."""
    if hits <= 0 or rate >= 1:
        return 1.0
    if hits > of * rate:
        return min(1.0, _sum(hits, of, rate))
    return max(0.0, 1.0 - _sum(of - hits + 1, of, 1 - rate))  # at most hits - 1 successes: that many failures


def _sum(hits: int, of: int, rate: float) -> float:
    """Terms `hits` … `of`; `hits` lies above the mean."""
    if rate <= 0 or hits > of:
        return 0.0
    ways = lgamma(of + 1) - lgamma(hits + 1) - lgamma(of - hits + 1)
    term = exp(ways + hits * log(rate) + (of - hits) * log1p(-rate))
    total, odds = 0.0, rate / (1 - rate)
    for k in range(hits, of + 1):
        total += term
        term *= odds * (of - k) / (k + 1)
        if term < total * 1e-17:
            break
    return total


def _announced_before(decision: Decision, former: Collection[Former], now: datetime) -> bool:
    """Whether someone would be notified of the topic twice in 7 days: two notices whose classes and areas lie in one another
    would also let a reader subtract one crowd from the other."""
    topic, area = decision.topic, decision.area
    assert topic is not None and area is not None
    return any(
        one.topic.kind == topic.kind
        and one.topic.family == topic.family
        and _nested(one.topic.industry, topic.industry)
        and _nested(one.area, area)
        and now - ONE_A_TOPIC < one.slot
        for one in former
    )


def _nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _taken() -> Decision:
    return Decision(Outcome.NOTHING, Reason.TOPIC_TAKEN)
