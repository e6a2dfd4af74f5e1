"""An enterprise (排污单位) as it is registered, with all it was registered as before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from shared.domain.identity import check_character_ok


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
    """`document`: the newest of `versions`, which are in order. `check_character_doubtful`: that of the credit code does not fit
    (GB 32100-2015), and no officer has accepted the code; it came with the official list."""

    document: EnterpriseDocument
    versions: tuple[EnterpriseVersion, ...]
    revision: int
    check_character_doubtful: bool = False

    @property
    def credit_code(self) -> str:
        return self.document.credit_code

    @property
    def region(self) -> str:
        return self.document.region


def registered(former: Enterprise | None, document: EnterpriseDocument, now: datetime) -> Enterprise:
    """The enterprise with one more version; `former` itself when it is registered so already. A new one is doubtful when the
    check character of its code does not fit."""
    if former is None:
        doubtful = not check_character_ok(document.credit_code)
        return Enterprise(document, (EnterpriseVersion(now, document),), 1, doubtful)
    if former.document == document:
        return former
    versions = (*former.versions, EnterpriseVersion(now, document))
    return replace(former, document=document, versions=versions, revision=former.revision + 1)


def accepted(enterprise: Enterprise) -> Enterprise:
    """The enterprise after an officer has accepted its credit code; itself when nothing was doubtful."""
    return replace(enterprise, check_character_doubtful=False) if enterprise.check_character_doubtful else enterprise


def must_be_accepted(code: str, former: Enterprise | None) -> bool:
    """Whether an officer has to accept the code: its check character does not fit, and no officer has accepted it before."""
    known = former is not None and not former.check_character_doubtful
    return not check_character_ok(code) and not known
