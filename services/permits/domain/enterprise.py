"""An enterprise (排污单位) as it is registered, with all it was registered as before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EnterpriseDocument:
    """`region`: 6-digit division; `industry`: GB/T 4754 code with its section letter; degrees in WGS 84;
    `positive_list_until`: 正面清单, warnings but no on-site task until then."""

    credit_code: str
    name: str
    industry: str
    region: str
    longitude: float | int | None = None
    latitude: float | int | None = None
    positive_list_until: date | None = None
    group: str | None = None


@dataclass(frozen=True, slots=True)
class EnterpriseVersion:
    """What it was registered as, and when."""

    recorded_at: datetime
    document: EnterpriseDocument


@dataclass(frozen=True, slots=True)
class Enterprise:
    """`document`: the newest of `versions`, which stand in order."""

    document: EnterpriseDocument
    versions: tuple[EnterpriseVersion, ...]
    revision: int

    @property
    def credit_code(self) -> str:
        return self.document.credit_code

    @property
    def region(self) -> str:
        return self.document.region


def registered(former: Enterprise | None, document: EnterpriseDocument, now: datetime) -> Enterprise:
    """The enterprise with one more version; `former` itself when it is registered so already."""
    if former is None:
        return Enterprise(document, (EnterpriseVersion(now, document),), 1)
    if former.document == document:
        return former
    return Enterprise(document, (*former.versions, EnterpriseVersion(now, document)), former.revision + 1)
