"""What decides a window: which value, compared with which limit, or why there is no verdict.

A limit with a reference oxygen is met by the reported Zs mean, else by the reported mean converted with the oxygen of the
same window; a limit without one by the reported mean. Without a reported mean 60 min after the end the own mean decides.
Compared at 1e-6 of the limit's unit; equality is no excess.

What cannot be a measurement decides nothing, neither as value nor as oxygen. A reported Zs mean that is not what the
reported mean and a valid oxygen make (by more than 5 % and 0.1 of the limit's unit) gives way to our own conversion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec
from msgspec.structs import replace

from services.monitoring.domain.conversion import (
    AIR_PCT,
    LEAK_MICRO,
    converted_micro,
    is_same_conversion,
    may_be_converted,
)
from services.monitoring.domain.exact import Exact, exact
from services.monitoring.domain.plausible import ANYTHING, OXYGEN_RANGE, PlausibleRange
from services.monitoring.domain.reading import NORMAL
from services.monitoring.domain.validity import HOURS_OF_A_DAY, Mean, mean
from shared.domain.quantity import decimals, from_micro, micro, plain, scale, shown

MOST_MICRO = (1 << 63) - 1  # an int64
GRACE_S = 3_600  # a reported mean may take this long after the window's end


class Status(StrEnum):
    OVER = "over"
    COMPLIANT = "compliant"
    NONE = "none"
    UNFINISHED = "unfinished"  # reported, but the window has not ended

    @property
    def decides(self) -> bool:
        """Whether it is a verdict."""
        return self in (Status.OVER, Status.COMPLIANT)


class ValueKind(StrEnum):
    REPORTED = "reported"
    REPORTED_CONVERTED = "reported_converted"  # the device's own Zs mean
    CONVERTED = "converted"
    OWN = "own"
    OWN_CONVERTED = "own_converted"


class NoVerdict(StrEnum):
    WAITING = "waiting"
    NO_LIMIT = "no_limit"
    NO_DATA = "no_data"
    INVALID_MARK = "invalid_mark"
    OXYGEN_MISSING = "oxygen_missing"
    OXYGEN_HIGH = "oxygen_high"
    UNIT_MISMATCH = "unit_mismatch"
    IMPLAUSIBLE = "implausible"


class Doubt(StrEnum):
    """A reported number that the verdict does not rest on, because it cannot be right."""

    IMPLAUSIBLE = "implausible"
    OXYGEN_IMPLAUSIBLE = "oxygen_implausible"
    CONVERTED_MISMATCH = "converted_mismatch"


class Value(msgspec.Struct, frozen=True, gc=False):
    """A reported mean as it stands in the truth rows; `micro` in 1e-6 of the point's unit. A struct: made ten times as fast,
    and every window has some."""

    micro: int | None
    zs_micro: int | None = None
    mark: str = "N"
    received_at_s: int = 0

    @property
    def normal(self) -> bool:
        return self.mark in NORMAL


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit as it meets a point's values: `device_unit` is what the point sends, `plausible` what of it may be measured.
    What follows from them is computed once: every window of the point asks for it."""

    limit: Decimal
    unit: str
    device_unit: str
    reference_o2_pct: Decimal | None = None
    plausible: PlausibleRange = ANYTHING

    scale: Exact | None = field(init=False, repr=False, compare=False)  # from what is sent to the limit's unit
    limit_micro: int = field(init=False, repr=False, compare=False)
    limit_text: str = field(init=False, repr=False, compare=False)
    reference_text: str | None = field(init=False, repr=False, compare=False)
    below_air: Exact = field(init=False, repr=False, compare=False)  # 21 % less the reference oxygen

    def __post_init__(self) -> None:
        factor, reference = scale(self.device_unit, self.unit), self.reference_o2_pct
        for name, value in (
            ("scale", None if factor is None else exact(Fraction(factor))),
            ("limit_micro", micro(self.limit)),
            ("limit_text", str(self.limit)),
            ("reference_text", None if reference is None else str(reference)),
            ("below_air", exact(AIR_PCT - Fraction(reference or 0))),
        ):
            object.__setattr__(self, name, value)


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """A struct, as `Value` is. `decided` and `measured` in 1e-6 of the limit's unit; `reason` only without a verdict.
    `doubted`: the number that `doubt` is about, in 1e-6 of the limit's unit, of oxygen in 1e-6 %."""

    status: Status
    reason: NoVerdict | None = None
    decided: int | None = None
    measured: int | None = None
    value_kind: ValueKind | None = None
    mark: str = ""
    doubt: Doubt | None = None
    doubted: int | None = None

    @property
    def waiting(self) -> bool:
        return self.reason is NoVerdict.WAITING


@dataclass(frozen=True, slots=True)
class OwnMeans:
    """Own means of the window; a mean without enough behind it is not handed in. `doubted`: 1e-6 of what stands in place of
    a mean that would have enough behind it if numbers counted that cannot be measurements."""

    value: Mean | None = None
    oxygen: Mean | None = None
    doubted: int | None = None
    oxygen_doubted: int | None = None


def usable_oxygen(oxygen: Value | None) -> bool:
    """Whether a conversion may rest on it: its mark is normal and it can be a measurement."""
    return oxygen is not None and oxygen.normal and oxygen.micro is not None and OXYGEN_RANGE.holds(oxygen.micro)


def oxygen_of_outlet(own: Value | None, others: Iterable[Value | None]) -> Value | None:
    """The first of the other points' oxygen that can be used; without one the point's own, which says what is wrong."""
    return next((oxygen for oxygen in others if usable_oxygen(oxygen)), own)


def decide(bound: Bound, reported: Value | None, oxygen: Value | None, own: OwnMeans | None) -> Verdict:
    """`own` None: the window's time of grace still runs, so that what is missing may yet come."""
    scaled = bound.scale
    if scaled is None:
        return Verdict(Status.NONE, NoVerdict.UNIT_MISMATCH)
    if reported is not None and not reported.normal:
        return Verdict(Status.NONE, NoVerdict.INVALID_MARK, mark=reported.mark)
    if reported is not None and reported.micro is not None and not bound.plausible.holds(reported.micro):
        return _implausible(Doubt.IMPLAUSIBLE, reported.micro * scaled)
    if bound.reference_o2_pct is None:
        return _plain(bound, scaled, reported, own)
    if reported is not None and reported.zs_micro is not None:
        return _reported_converted(bound, scaled, reported, oxygen, own)
    if reported is not None and reported.micro is not None:
        return _converted(bound, reported.micro * scaled, oxygen, own)
    return _own_converted(bound, scaled, oxygen, own)


def _plain(bound: Bound, scaled: Exact, reported: Value | None, own: OwnMeans | None) -> Verdict:
    if reported is not None and reported.micro is not None:
        measured = reported.micro * scaled
        return _compared(bound, measured, measured, ValueKind.REPORTED)
    if own is None or own.value is None:
        return _without_own(own, scaled)
    measured = own.value.micro * scaled
    return _compared(bound, measured, measured, ValueKind.OWN)


def _reported_converted(
    bound: Bound, scaled: Exact, reported: Value, oxygen: Value | None, own: OwnMeans | None
) -> Verdict:
    """By the device's own Zs mean, as far as the values beside it do not contradict it."""
    assert reported.zs_micro is not None and bound.reference_o2_pct is not None
    zs = reported.zs_micro * scaled
    measured = None if reported.micro is None else reported.micro * scaled
    if measured is not None and usable_oxygen(oxygen):
        converted = _converted(bound, measured, oxygen, own)
        if converted.decided is not None and not is_same_conversion(zs, converted.decided):
            return replace(converted, doubt=Doubt.CONVERTED_MISMATCH, doubted=_micro(zs))
    possible = measured is None or may_be_converted(zs, measured, bound.below_air)
    if not (possible and bound.plausible.holds(reported.zs_micro)):
        waits = measured is not None and own is None and oxygen is None
        return _missing(None, NoVerdict.WAITING, measured) if waits else _implausible(Doubt.IMPLAUSIBLE, zs, measured)
    verdict = _compared(bound, zs, measured, ValueKind.REPORTED_CONVERTED)
    if oxygen is None or not _is_doubtful(oxygen):
        return verdict
    return replace(verdict, doubt=Doubt.OXYGEN_IMPLAUSIBLE, doubted=oxygen.micro)


def _converted(bound: Bound, measured: Exact, oxygen: Value | None, own: OwnMeans | None) -> Verdict:
    if oxygen is None or (oxygen.micro is None and oxygen.normal):
        return _missing(own, NoVerdict.OXYGEN_MISSING, measured)
    if not oxygen.normal:
        return Verdict(Status.NONE, NoVerdict.OXYGEN_MISSING, measured=_micro(measured), mark=oxygen.mark)
    assert oxygen.micro is not None
    if not OXYGEN_RANGE.holds(oxygen.micro):
        return _implausible(Doubt.OXYGEN_IMPLAUSIBLE, oxygen.micro, measured)
    return _at_reference(bound, measured, oxygen.micro, ValueKind.CONVERTED)


def _own_converted(bound: Bound, scaled: Exact, oxygen: Value | None, own: OwnMeans | None) -> Verdict:
    """By own means; without an own mean of the oxygen by a reported one."""
    if own is None or own.value is None:
        return _without_own(own, scaled)
    measured = own.value.micro * scaled
    if own.oxygen is not None:
        return _at_reference(bound, measured, own.oxygen.micro, ValueKind.OWN_CONVERTED)
    if oxygen is None or oxygen.micro is None or not oxygen.normal:
        if own.oxygen_doubted is not None:
            return _implausible(Doubt.OXYGEN_IMPLAUSIBLE, own.oxygen_doubted, measured)
        return _missing(own, NoVerdict.OXYGEN_MISSING, measured)
    if not usable_oxygen(oxygen):
        return _implausible(Doubt.OXYGEN_IMPLAUSIBLE, oxygen.micro, measured)
    return _at_reference(bound, measured, oxygen.micro, ValueKind.OWN_CONVERTED)


def _without_own(own: OwnMeans | None, scaled: Exact) -> Verdict:
    """Neither a reported mean nor one of our own."""
    if own is not None and own.doubted is not None:
        return _implausible(Doubt.IMPLAUSIBLE, own.doubted * scaled)
    return _missing(own, NoVerdict.NO_DATA)


def _is_doubtful(oxygen: Value) -> bool:
    return oxygen.normal and oxygen.micro is not None and not usable_oxygen(oxygen)


def _implausible(doubt: Doubt, doubted: Exact, measured: Exact | None = None) -> Verdict:
    return Verdict(
        Status.NONE,
        NoVerdict.IMPLAUSIBLE,
        measured=None if measured is None else _micro(measured),
        doubt=doubt,
        doubted=_micro(doubted),
    )


def _at_reference(bound: Bound, measured: Exact, oxygen: Exact, kind: ValueKind) -> Verdict:
    if oxygen >= LEAK_MICRO:
        return Verdict(Status.NONE, NoVerdict.OXYGEN_HIGH, measured=_micro(measured))
    return _compared(bound, converted_micro(measured, oxygen, bound.below_air), measured, kind)


def _missing(own: OwnMeans | None, reason: NoVerdict, measured: Exact | None = None) -> Verdict:
    why = NoVerdict.WAITING if own is None else reason
    return Verdict(Status.NONE, why, measured=None if measured is None else _micro(measured))


def _compared(bound: Bound, decided: Exact, measured: Exact | None, kind: ValueKind) -> Verdict:
    value = _micro(decided)
    status = Status.OVER if value > bound.limit_micro else Status.COMPLIANT
    return Verdict(status, None, value, None if measured is None else _micro(measured), kind)


def _micro(value: Exact) -> int:
    """1e-6 units, half-even (`round` of a Fraction is), as far as a row can hold it."""
    whole = value if type(value) is int else round(value)
    return whole if -MOST_MICRO <= whole <= MOST_MICRO else MOST_MICRO if whole > 0 else -MOST_MICRO


def multiple(decided_micro: int, limit: Decimal) -> Fraction:
    """超标倍数: decided / limit − 1, unrounded; a limit of zero is exceeded tenfold by convention."""
    bound = Fraction(limit)
    return Fraction(decided_micro, 1_000_000) / bound - 1 if bound else Fraction(9)


def shown_value(value_micro: int | None, limit: Decimal) -> str | None:
    """With the limit's decimals, at least 2, half-even, without trailing zeros."""
    return None if value_micro is None else shown(from_micro(value_micro), decimals(limit))


def shown_multiple(value: Fraction) -> str:
    return plain(Decimal(round(value * 1000)).scaleb(-3))


def own_day(bound: Bound, hours: Sequence[Verdict], least: int = HOURS_OF_A_DAY) -> Verdict:
    """The own mean of a day: of its deciding hours, each as it met this limit; 20 are needed, fewer for a mean so far."""
    if bound.scale is None:
        return Verdict(Status.NONE, NoVerdict.UNIT_MISMATCH)
    decided = mean(hour.decided for hour in hours if hour.decided is not None)
    if decided is None or decided.count < least:
        starved = sum(hour.reason is NoVerdict.OXYGEN_MISSING for hour in hours)
        return Verdict(Status.NONE, NoVerdict.OXYGEN_MISSING if starved > 4 else NoVerdict.NO_DATA)
    measured = mean(hour.measured for hour in hours if hour.decided is not None and hour.measured is not None)
    kind = ValueKind.OWN if bound.reference_o2_pct is None else ValueKind.OWN_CONVERTED
    return _compared(bound, decided.micro, measured.micro if measured else None, kind)


def day_by_hours(bound: Bound, mismatch: Verdict, hours: Verdict) -> Verdict:
    """The verdict on a day whose converted mean is not what its mean and its mean oxygen make. Oxygen varies over a day: the
    mean of the converted hours (`hours`) is what it must agree with (HJ 75-2017: a day is the mean of its hours)."""
    if hours.decided is None or mismatch.doubted is None:
        return mismatch
    if is_same_conversion(mismatch.doubted, hours.decided):
        return _compared(bound, mismatch.doubted, mismatch.measured, ValueKind.REPORTED_CONVERTED)
    return replace(hours, measured=mismatch.measured, doubt=mismatch.doubt, doubted=mismatch.doubted)
