"""What the product says of a demonstration at its end, as anyone can GET it, and what a check of it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.domain.json import JsonObject

from .api_client import ApiClient
from .received import Received
from .region import SampleRegion
from .seen import SeenAlert, SeenCoverage, SeenExpiring, text_in
from .terms import Term


@dataclass(frozen=True, slots=True)
class Check:
    """A promised thing. `ok` None: its field time had not come yet."""

    name: str
    ok: bool | None
    detail: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What the public API's lists hold; `deliveries`: the state of each; `notices` as a clean enterprise of the class sees
    them."""

    alerts: Sequence[SeenAlert] = ()
    exceedances: int = 0
    deliveries: Sequence[str] = ()
    quarantined: int = 0
    expiring: Sequence[SeenExpiring] = ()
    coverage: Sequence[SeenCoverage] = ()
    notices: Sequence[JsonObject] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """The field time up to which packets were sent, less the time that an alert may take; what people did, and when."""

    origin: datetime
    until: datetime
    done: Mapping[Term, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that a promise is judged by: the lists, what was received, and how far it went."""

    region: SampleRegion
    found: Findings
    received: Received
    reached: Reached

    def alerts(self, kind: str, credit_code: str) -> list[SeenAlert]:
        return [one for one in self.found.alerts if one.kind == kind and one.credit_code == credit_code]


async def look(api: ApiClient, region: SampleRegion, *, as_peer: bool) -> Findings:
    """Reads every list that is judged; `as_peer`: also what promises ask, the notices as a clean enterprise sees them."""
    clean = next((one for one in region.peers if not any(point.troubles for point in one.points)), None)
    token = await api.enterprise_token(clean.credit_code) if as_peer and clean else None
    return Findings(
        alerts=[SeenAlert.read(one) for one in await api.all("/alerts/v1/alerts")],
        exceedances=len(await api.all("/monitoring/v1/exceedances")),
        deliveries=[text_in(one, "state") for one in await api.all("/alerts/v1/deliveries")],
        quarantined=len(await api.all("/monitoring/v1/quarantine")),
        expiring=[SeenExpiring.read(one) for one in await api.all("/permits/v1/expiring")] if as_peer else (),
        coverage=[SeenCoverage.read(one) for one in await api.all("/permits/v1/coverage")] if as_peer else (),
        notices=await api.all("/alerts/v1/peer-notices", token=token) if as_peer else (),
    )
