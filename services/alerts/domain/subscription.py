"""Whether an officer's subscription asks for an alert, and why not.

Pure. It reaches never beyond the owner's division; beforehand warnings only when the filter names that stage; kinds bound
to a scope only with the scope. Quiet hours and digests are `quiet`'s and `digest`'s.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from services.alerts.domain.catalogue import Level, Stage
from services.alerts.domain.quiet import Quiet
from shared.domain.errors import Forbidden, Invalid, unknown_value
from shared.domain.risk import SCOPE_OF_KIND

UNASKED = frozenset({Stage.DURING, Stage.AFTER})


class Match(StrEnum):
    """The reason for sending, or for not sending."""

    MATCHES = "matches"
    OUTSIDE = "outside_owner_region"
    NEEDS_SCOPE = "needs_scope"
    OTHER_REGION = "other_region"
    OTHER_INDUSTRY = "other_industry"
    OTHER_ENTERPRISE = "other_enterprise"
    OTHER_KIND = "other_kind"
    OTHER_STAGE = "other_stage"
    LEVEL_BELOW = "level_below"

    @property
    def matched(self) -> bool:
        return self is Match.MATCHES


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty: any. `regions` and `industries` are prefixes, `kinds` may hold `*`; empty `stages`: during and after."""

    regions: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    enterprises: tuple[str, ...] = ()
    stages: tuple[Stage, ...] = ()
    min_level: Level | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a subscription looks at in an alert."""

    kind: str
    stage: Stage
    level: Level
    region: str
    industry: str | None
    credit_code: str | None


@dataclass(frozen=True, slots=True)
class Subscription:
    """`region`: the owner's own division prefix, empty for the whole country; `scopes`: the owner's."""

    id: str
    region: str
    scopes: tuple[str, ...]
    filter: Filter
    endpoint: str
    digest: str | None = None
    quiet: Quiet | None = None


def matches(subscription: Subscription, facts: Facts) -> Match:
    """Whether the subscription asks for it; the first reason why not."""
    filter = subscription.filter
    scope = SCOPE_OF_KIND.get(facts.kind)
    checks = (
        (Match.OUTSIDE, facts.region.startswith(subscription.region)),
        (Match.NEEDS_SCOPE, scope is None or scope in subscription.scopes),
        (Match.OTHER_REGION, not filter.regions or facts.region.startswith(filter.regions)),
        (Match.OTHER_INDUSTRY, not filter.industries or (facts.industry or "").startswith(filter.industries)),
        (Match.OTHER_ENTERPRISE, not filter.enterprises or facts.credit_code in filter.enterprises),
        (Match.OTHER_KIND, not filter.kinds or any(fnmatchcase(facts.kind, one) for one in filter.kinds)),
        (Match.OTHER_STAGE, facts.stage in (filter.stages or UNASKED)),
        (Match.LEVEL_BELOW, filter.min_level is None or facts.level.rank >= filter.min_level.rank),
    )
    return next((reason for reason, fits in checks if not fits), Match.MATCHES)


def check(filter: Filter, *, region: str, scopes: tuple[str, ...], kinds: Collection[str]) -> None:
    """Refuse what could never be sent: raises Invalid for a kind that is none of `kinds` and for a division outside the owner's,
    Forbidden without the scope."""
    for number, one in enumerate(filter.regions):
        if not one.startswith(region):
            place, rule = f"filter.regions[{number}]", f"a division inside {region}"
            raise Invalid(f"{place} {one} lies outside {region}", field=place, value=one, rule=rule)
    for number, kind in enumerate(filter.kinds):
        if not any(fnmatchcase(one, kind) for one in kinds):
            raise unknown_value("kind of alert", kind, kinds, field=f"filter.kinds[{number}]")
        scope = SCOPE_OF_KIND.get(kind)
        if scope is not None and scope not in scopes:
            raise Forbidden(f"{kind} needs the scope {scope!r}", code="scope-missing")
