"""The versions of a permit: which document governs on a day, and what a PUT adds to the history.

Pure: history, wish and today in, a history with its reason out. Whether a document is right is `document.py`'s affair.
A permit lasts five years and is renewed under its number (排污许可管理条例 Art. 14): a renewal is one more version.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from services.permits.domain.permit_document import PermitDocument
from shared.domain.errors import Invalid

ONE_DAY = timedelta(days=1)
CORRECTION_RULE = 'a day before today needs {"correction": true, "reason": "…", "effective_from": "…"}'


class Change(StrEnum):
    """What a PUT came to."""

    FIRST = "first version"
    NEW_VERSION = "new version"
    RENEWAL = "renewal"
    CORRECTION = "correction"
    NONE = "equal to the version in force then"


@dataclass(frozen=True, slots=True)
class Version:
    """One version; `document` holds no secret."""

    effective_from: date
    recorded_at: datetime
    document: PermitDocument
    correction: bool = False
    reason: str | None = None

    @property
    def valid_from(self) -> date:
        return self.document.valid_from

    @property
    def valid_to(self) -> date:
        return self.document.valid_to


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class PermitHistory:
    """A number with its versions in order of `effective_from`; of two of one day the later recorded stands last."""

    number: str
    credit_code: str
    versions: tuple[Version, ...] = ()
    revision: int = 0

    def in_force(self, day: date) -> Version | None:
        """The version that governs on `day`, None before the first."""
        governing = [version for version in self.versions if version.effective_from <= day]
        return governing[-1] if governing else None

    @property
    def newest(self) -> Version | None:
        """The version that will govern when all have begun."""
        return self.versions[-1] if self.versions else None

    def gaps(self) -> tuple[Period, ...]:
        """Days between its periods of validity that none covers; of versions with one beginning the last one counts."""
        ends = {version.valid_from: version.valid_to for version in self._standing()}
        found: list[Period] = []
        covered: date | None = None
        for first, last in sorted(ends.items()):
            if covered is not None and first > covered + ONE_DAY:
                found.append(Period(covered + ONE_DAY, first - ONE_DAY))
            covered = last if covered is None else max(covered, last)
        return tuple(found)

    def _standing(self) -> list[Version]:
        """Versions that were not replaced on their own first day."""
        return list({version.effective_from: version for version in self.versions}.values())


@dataclass(frozen=True, slots=True)
class Wish:
    """What a PUT asks for."""

    document: PermitDocument
    effective_from: date | None = None
    correction: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PutOutcome:
    """The history afterwards and why; `version` is the one that governs from the wished day."""

    history: PermitHistory
    change: Change
    version: Version


def put(history: PermitHistory, wish: Wish, *, today: date, now: datetime) -> PutOutcome:
    """The history with the wished version added, or as it was when that version governs already; raises Invalid."""
    first_valid = wish.document.valid_from
    effective = wish.effective_from or _usual_start(history, first_valid, today)
    _must_make_sense(wish, effective, first_valid)
    governing = history.in_force(effective)
    if governing is not None and governing.document == wish.document:
        return PutOutcome(history, Change.NONE, governing)
    if history.versions and effective < today and not wish.correction:
        raise Invalid(
            f"effective_from {effective} is before today, {today}",
            field="effective_from",
            value=effective.isoformat(),
            rule=CORRECTION_RULE,
        )
    version = Version(effective, _after_all(history, now), wish.document, wish.correction, wish.reason)
    changed = replace(history, versions=_ordered((*history.versions, version)))
    return PutOutcome(changed, _change(history, version), version)


def _usual_start(history: PermitHistory, first_valid: date, today: date) -> date:
    """A number's first version holds from its validity on (registering it changes no past); a later one not before today."""
    return max(first_valid, today) if history.versions else first_valid


def _must_make_sense(wish: Wish, effective: date, first_valid: date) -> None:
    if wish.correction and not wish.reason:
        raise Invalid("a correction needs its reason", field="reason", value=wish.reason, rule=CORRECTION_RULE)
    if wish.correction and wish.effective_from is None:
        raise Invalid("a correction says from when", field="effective_from", value=None, rule=CORRECTION_RULE)
    if effective < first_valid:
        raise Invalid(
            f"effective_from {effective} is before valid_from {first_valid}",
            field="effective_from",
            value=effective.isoformat(),
            rule="not before valid_from",
        )


def _after_all(history: PermitHistory, now: datetime) -> datetime:
    """When it is recorded, in whole milliseconds and never before a former version, so that order survives a clock set back."""
    recorded = now.replace(microsecond=now.microsecond // 1000 * 1000)
    return max([recorded, *(version.recorded_at for version in history.versions)])


def _ordered(versions: tuple[Version, ...]) -> tuple[Version, ...]:
    return tuple(sorted(versions, key=lambda version: (version.effective_from, version.recorded_at)))


def _change(former: PermitHistory, version: Version) -> Change:
    if not former.versions:
        return Change.FIRST
    if version.correction:
        return Change.CORRECTION
    if version.valid_from > max(one.valid_from for one in former.versions):
        return Change.RENEWAL
    return Change.NEW_VERSION


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the official list: all it has of a permit. The holder's name in it belongs to the enterprise."""

    number: str
    valid_from: date
    valid_to: date
    category: str | None = None


def merge_listed(former: PermitDocument | None, listed: Listed) -> PermitDocument:
    """The document that a row of the official list makes of `former`: richer content stays, what nobody reported is None."""
    if former is None:
        return PermitDocument(
            number=listed.number,
            credit_code=listed.number[:18],
            category=listed.category,
            valid_from=listed.valid_from,
            valid_to=listed.valid_to,
        )
    category = former.category if listed.category is None else listed.category
    return replace(former, valid_from=listed.valid_from, valid_to=listed.valid_to, category=category)
