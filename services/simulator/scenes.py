"""What people do while the region lives: an enterprise applies for renewal, an officer declares a register complete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.domain.clock import Clock, shanghai_day
from shared.domain.region import full_name

from .api_client import ApiClient
from .region import SampleRegion
from .terms import Term

APPLY_AFTER, COMPLETE_AFTER = timedelta(hours=2), timedelta(hours=4)  # field time from the origin
Reach = Callable[[datetime], Awaitable[bool]]


@dataclass
class Scenes:
    """`done`: what was done, and the field time of it. `reach` waits for a field time; False: it is over before."""

    api: ApiClient
    clock: Clock
    region: SampleRegion
    say: Callable[[str], None]
    done: dict[Term, datetime] = field(default_factory=dict)

    async def play(self, origin: datetime, reach: Reach) -> None:
        if await reach(origin + APPLY_AFTER):
            await self._apply()
        if await reach(origin + COMPLETE_AFTER):
            await self._declare()

    async def _apply(self) -> None:
        applicant = self.region.with_term(Term.APPLYING)
        if applicant is None:
            return
        now = self.clock.field_now()
        await self.api.permit(applicant, applied_on=shanghai_day(now))
        self.done[Term.APPLYING] = now
        self.say(f"登记 registered: {applicant.name} 提交延续申请，不再提醒 applies for renewal, no further steps")

    async def _declare(self) -> None:
        uncovered = self.region.with_term(Term.NONE)
        if uncovered is None:
            return
        now = self.clock.field_now()
        await self.api.complete(uncovered.region)
        self.done[Term.NONE] = now
        self.say(f"登记 registered: {full_name(uncovered.region)}登记已齐全 the register is declared complete")
