"""The officers of the sample region: whose endpoints receive what, and the subscriptions they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shared.domain import region as divisions
from shared.domain.json import JsonObject

from .region import PROVINCE, SampleRegion
from .seen import SeenAlert
from .trouble import LEVELS, TroubleKind

CITY, DUTY, DESK = "city", "duty", "desk"
OFFICERS: Mapping[str, str] = {CITY: "市级 city", DUTY: "省级值班 duty", DESK: "许可窗口 permit desk"}
SUBSCRIBED = (DUTY, DESK)  # the city receives what the catalogue sends it unasked


@dataclass(frozen=True, slots=True)
class Wish:
    """A subscription of `owner`; `digest` None: at once. Without stages it asks for during and after."""

    owner: str
    name: str
    en: str
    region: str
    kinds: str
    least: str
    stages: tuple[str, ...] = ("during", "after")
    digest: str | None = None

    def document(self, endpoint: str) -> JsonObject:
        """The body of `POST /alerts/v1/subscriptions`."""
        asked = {
            "regions": [self.region],
            "kinds": [self.kinds],
            "min_level": self.least,
            "stages": list(self.stages),
        }
        return {"name": self.name, "filter": asked, "via": {"endpoint": endpoint}, "digest": self.digest}

    def wants(self, alert: SeenAlert) -> bool:
        """Whether an alert is asked for."""
        return (
            alert.region.startswith(self.region)
            and fnmatchcase(alert.kind, self.kinds)
            and LEVELS.index(alert.level) >= LEVELS.index(self.least)
            and alert.stage in self.stages
        )


def divisions_of(region: SampleRegion) -> dict[str, str]:
    """The division of each officer's token."""
    return {CITY: region.city_of(TroubleKind.REPEATED), DUTY: PROVINCE, DESK: PROVINCE}


def wishes(region: SampleRegion) -> tuple[Wish, ...]:
    """The subscriptions: one county's excesses at once, permits at once from yellow on, and their early steps daily."""
    county = divisions.region(region.district).name
    return (
        Wish(DUTY, f"{county}超标", "the county's excesses, from yellow on", region.district, "emission.*", "yellow"),
        Wish(DESK, "许可证预警", "permits, from yellow on", PROVINCE, "permit.*", "yellow"),
        Wish(DESK, "许可证日报", "permits' early steps", PROVINCE, "permit.*", "blue", ("before",), "daily"),
    )
