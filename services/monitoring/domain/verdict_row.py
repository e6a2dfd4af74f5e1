"""The verdict on one window of one point as it is stored, with what it was decided by."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from services.monitoring.domain.verdict import Doubt, NoVerdict, Status, ValueKind
from services.monitoring.domain.windows import HOUR_S, WindowKey, end_s
from shared.domain.quantity import micro

HISTORICAL_S = 72 * HOUR_S  # first seen so long after its end, a window is recorded, not warned of


class OutletKey(NamedTuple):
    """An outlet's factor and averaging: what an episode is of. A tuple, because SQL compares rows with it and every verdict
    makes one."""

    permit: str
    outlet: str
    factor: str
    averaging: str

    @property
    def subject(self) -> str:
        return f"{self.permit}/{self.outlet}/{self.factor}/{self.averaging}"

    @classmethod
    def of_subject(cls, subject: str) -> OutletKey:
        """The key that `subject` was made from."""
        return cls(*subject.rsplit("/", 3))


_outlet_key = OutletKey._make  # two thirds of the time of the constructor


@lru_cache(maxsize=4_096)
def _limit_micro(text: str) -> int:
    """Of the few limits that there are; every window of a point asks for its own."""
    return micro(Decimal(text))


class VerdictRow(NamedTuple):
    """One verdict. A tuple in the order of the columns, because it is what SQL writes and every window makes some.

    `decided` and `measured` in 1e-6 of the limit's unit; `limit` as the permit writes it. `doubted`: the reported number that
    `doubt` is about, in 1e-6 of the limit's unit, of oxygen in 1e-6 %."""

    mn: str
    averaging: str
    start_s: int
    factor: str
    permit: str
    outlet: str
    credit_code: str
    status: Status
    reason: NoVerdict | None
    value_kind: ValueKind | None
    decided: int | None
    measured: int | None
    limit: str
    unit: str
    reference_o2_pct: str | None
    mark: str
    first_seen_s: int
    decided_at_s: int
    doubt: Doubt | None = None
    doubted: int | None = None

    @property
    def window(self) -> WindowKey:
        return WindowKey(self.mn, self.averaging, self.start_s)

    @property
    def outlet_key(self) -> OutletKey:
        return _outlet_key((self.permit, self.outlet, self.factor, self.averaging))

    @property
    def end_s(self) -> int:
        return end_s(self.start_s, self.averaging)

    @property
    def bound(self) -> Decimal:
        """The limit as a number."""
        return Decimal(self.limit)

    @property
    def limit_micro(self) -> int:
        """The limit in 1e-6 of its unit."""
        return _limit_micro(self.limit)

    @property
    def over(self) -> bool:
        return self.status is Status.OVER

    @property
    def historical(self) -> bool:
        """Whether the window had closed more than 72 h before it was first seen."""
        return self.first_seen_s - self.end_s > HISTORICAL_S
