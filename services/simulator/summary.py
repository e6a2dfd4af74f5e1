"""What a demonstration did: numbers that anyone can GET, and whether each promised thing happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from shared.domain.clock import HOUR, day_start, shanghai_day
from shared.domain.json import JsonObject

from .api_client import ApiClient
from .findings import Check, Evidence, Findings, Reached
from .fleet import Stats
from .promises import NOT_YET
from .receiver import Receiver
from .region import SamplePoint, SampleRegion
from .seen import SeenAlert
from .trouble import LEVELS, TROUBLE_NAMES, Trouble, TroubleKind

OXYGEN_GRACE = timedelta(minutes=90)  # an hour later the oxygen counts as missing; then a job has to come by
GRACE_WALL_S = 4.0  # from the last packet of a trouble to its alert
OFFICIAL = ("orange", "red")


def checks(evidence: Evidence, stats: Stats, receiver: Receiver | None) -> list[Check]:
    """What is promised of a frame, in the order of its way."""
    region, found, reached = evidence.region, evidence.found, evidence.reached
    made = [
        Check("报文已应答 packets acknowledged", stats.acknowledged > 0, f"{stats.acknowledged}"),
        Check("全部应答 every packet answered", stats.unanswered == 0, f"unanswered {stats.unanswered}"),
        *(_trouble(point, trouble, found.alerts, reached) for point, trouble in _promised(region)),
    ]
    grave = [alert for alert in found.alerts if alert.level in OFFICIAL]
    made.append(Check("橙色或红色预警 orange or red", bool(grave), f"{len(grave)}"))
    if receiver is not None:
        made += [
            Check("推送已验签 webhooks verified", receiver.verified > 0, f"{receiver.verified}"),
            Check("无拒签 no signature refused", not receiver.refused, "; ".join(receiver.refused[:3]) or "0"),
        ]
    return made


def _promised(region: SampleRegion) -> Iterable[tuple[SamplePoint, Trouble]]:
    return ((point, t) for point in region.points for t in point.troubles if t.expected is not None)


def _trouble(point: SamplePoint, trouble: Trouble, alerts: Sequence[SeenAlert], reached: Reached) -> Check:
    kind, level = trouble.expected or ("", LEVELS[0])
    hits = [alert for alert in alerts if alert.point == point.mn and alert.kind == kind]
    best = max((alert.level for alert in hits), key=LEVELS.index, default=None)
    zh, en = TROUBLE_NAMES[trouble.kind]
    name = f"{zh} {en} → {level}"
    if best == level:
        return Check(name, True, level)
    if _due(trouble, reached.origin) > reached.until:
        return Check(name, None, NOT_YET)
    return Check(name, False, f"point {point.mn}: {best or 'no alert'}, promised {level}")


def _due(trouble: Trouble, origin: datetime) -> datetime:
    """When the last packet that the alert needs has been sent."""
    if trouble.kind is TroubleKind.DAY:
        return day_start(shanghai_day(origin) + timedelta(days=1)) + timedelta(minutes=20)
    late = OXYGEN_GRACE if trouble.kind is TroubleKind.OXYGEN else timedelta(minutes=10)
    return origin + (max(trouble.hours) + 1) * HOUR + late


async def pending(api: ApiClient) -> int:
    """Pushes that are still on their way."""
    return sum([len(await api.all("/alerts/v1/deliveries", state=state)) for state in ("due", "sending")])


@dataclass(frozen=True, slots=True)
class Webhooks:
    """What the receiver counted."""

    verified: int
    repeated: int
    refused: int


@dataclass(frozen=True, slots=True)
class Report:
    """The summary of a demonstration."""

    enterprises: int
    points: int
    stats: Stats
    found: Findings
    webhooks: Webhooks | None
    checks: Sequence[Check]

    @property
    def ok(self) -> bool:
        """Whether no promise was broken."""
        return all(check.ok is not False for check in self.checks)

    @property
    def by_level(self) -> dict[str, int]:
        return dict(Counter(alert.level for alert in self.found.alerts))

    @property
    def by_state(self) -> dict[str, int]:
        """Pushes, by their state."""
        return dict(Counter(self.found.deliveries))

    def document(self) -> JsonObject:
        """The summary as JSON."""
        return {
            "enterprises": self.enterprises,
            "points": self.points,
            "packets": {
                "sent": self.stats.sent,
                "acknowledged": self.stats.acknowledged,
                "resent": self.stats.resent,
                "by_command": dict(self.stats.by_command),
            },
            "exceedances": self.found.exceedances,
            "quarantined": self.found.quarantined,
            "alerts": {
                "total": len(self.found.alerts),
                "by_level": self.by_level,
                "by_kind": dict(Counter(alert.kind for alert in self.found.alerts)),
            },
            "deliveries": self.by_state,
            "webhooks": None if self.webhooks is None else asdict(self.webhooks),
            "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in self.checks],
            "ok": self.ok,
        }


def report_on(
    region: SampleRegion, stats: Stats, receiver: Receiver | None, found: Findings, made: Sequence[Check]
) -> Report:
    """What a run came to."""
    counted = None
    if receiver is not None:
        counted = Webhooks(receiver.verified, receiver.repeated, len(receiver.refused))
    return Report(len(region.enterprises), len(region.points), stats, found, counted, made)
