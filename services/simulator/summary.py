"""What a demonstration did: numbers that anyone can GET, and whether each promised thing happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from shared.domain.clock import HOUR, day_start, shanghai_day

from .api_client import ApiClient
from .findings import Check, Evidence, Findings, Reached
from .fleet import Stats
from .promises import NOT_YET
from .receiver import Receiver
from .region import SamplePoint, SampleRegion
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
    grave = [alert for alert in found.alerts if alert.get("level") in OFFICIAL]
    made.append(Check("橙色或红色预警 orange or red", bool(grave), f"{len(grave)}"))
    if receiver is not None:
        made += [
            Check("推送已验签 webhooks verified", receiver.verified > 0, f"{receiver.verified}"),
            Check("无拒签 no signature refused", not receiver.refused, "; ".join(receiver.refused[:3]) or "0"),
        ]
    return made


def _promised(region: SampleRegion) -> Iterable[tuple[SamplePoint, Trouble]]:
    return ((point, t) for point in region.points for t in point.troubles if t.expected is not None)


def _trouble(point: SamplePoint, trouble: Trouble, alerts: Sequence[Mapping[str, Any]], reached: Reached) -> Check:
    kind, level = trouble.expected or ("", LEVELS[0])
    hits = [a for a in alerts if a.get("point") == point.mn and a.get("kind") == kind]
    best = max((a["level"] for a in hits), key=LEVELS.index, default=None)
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


def document(
    region: SampleRegion, stats: Stats, receiver: Receiver | None, found: Findings, made: Sequence[Check]
) -> dict[str, Any]:
    """The summary as JSON."""
    return {
        "enterprises": len(region.enterprises),
        "points": len(region.points),
        "packets": {
            "sent": stats.sent,
            "acknowledged": stats.acknowledged,
            "resent": stats.resent,
            "by_command": dict(stats.by_command),
        },
        "exceedances": len(found.exceedances),
        "quarantined": len(found.quarantine),
        "alerts": {
            "total": len(found.alerts),
            "by_level": dict(Counter(str(a.get("level")) for a in found.alerts)),
            "by_kind": dict(Counter(str(a.get("kind")) for a in found.alerts)),
        },
        "deliveries": dict(Counter(str(d.get("state")) for d in found.deliveries)),
        "webhooks": None
        if receiver is None
        else {"verified": receiver.verified, "repeated": receiver.repeated, "refused": len(receiver.refused)},
        "checks": [{"name": check.name, "ok": check.ok, "detail": check.detail} for check in made],
        "ok": all(check.ok is not False for check in made),
    }
