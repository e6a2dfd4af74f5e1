"""The usable readings of a packet's factors: what is bad costs itself and is noted, the rest is read as if it stood alone."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from services.monitoring.domain.reading import LARGEST, MARKS, NORMAL, VALUES, Fields, Reading, reading
from shared.domain.item_note import NAME_LONGEST, ItemFault, ItemNote, note
from shared.domain.pollutant import pollutants
from shared.hj212.numbers import read_number

FACTOR = re.compile(rf"[A-Za-z0-9_]{{1,{NAME_LONGEST}}}")
NUMBERS = frozenset({"Rtd", "Avg", "Min", "Max", "Cou", "ZsRtd", "ZsAvg", "ZsMin", "ZsMax"})
NO_MEASUREMENT = frozenset({"RS", "RT", "Info", "SN", "Data", "DayData", "NightData"})  # of facilities, loggers, noise
JSON_NUMBER = "JSON 数值，如 60.1 / a JSON number such as 60.1"
LARGEST_INTEGER = 10**18
_NOTHING_WRONG: Sequence[ItemNote] = ()


@dataclass(frozen=True, slots=True)
class Readings:
    """What the factors of one packet say about one period."""

    usable: Mapping[str, Reading]
    notes: Sequence[ItemNote]


def readings(factors: Mapping[str, Fields], period: str, noted: Collection[str] = ()) -> Readings:
    """Every factor that says something about `period`. A factor whose mark is normal and whose numbers are all missing or
    bad says nothing: it must not take the place of a value that came before. `noted`: factors whose value was found bad
    where the packet was read."""
    usable: dict[str, Reading] = {}
    notes: list[ItemNote] = []
    known = pollutants()
    for factor, sent in factors.items():
        if factor not in known and not FACTOR.fullmatch(factor):
            notes.append(note(ItemFault.BAD_CODE, factor, "", factor))
            continue
        faults = faults_of(factor, sent)
        if faults:
            notes.extend(faults)
            bad = {one.field for one in faults}
            found = reading({name: value for name, value in sent.items() if name not in bad}, period)
        else:
            found = reading(sent, period)
        if found is not None and found.mark not in MARKS:
            notes.append(note(ItemFault.UNKNOWN_MARK, factor, "Flag", str(sent.get("Flag"))))
        if found is None or (found.micro is None and found.mark in NORMAL):
            if not (faults or factor in noted or NO_MEASUREMENT.intersection(sent)):
                notes.append(note(ItemFault.NO_VALUE, factor, VALUES[period], ", ".join(sent)))
            if found is None or (found.zs_micro is None and not found.extras):
                continue
        usable[factor] = found
    return Readings(usable, notes)


def surely_usable(factors: Mapping[str, Fields], period: str) -> bool:
    """Whether `readings` will find a usable factor; looks no further than the first plain one. False: it must be asked."""
    known = pollutants()
    for factor, sent in factors.items():
        if (factor in known or FACTOR.fullmatch(factor)) and not faults_of(factor, sent):
            found = reading(sent, period)
            if found is not None and found.micro is not None:
                return True
    return False


def nothing_usable(notes: Sequence[ItemNote]) -> bool:
    """Whether these notes tell of a packet that meant to report measurements. One whose every factor is unknown, or has no
    value, is a sign of life: of a state, of a vendor's own items."""
    known = pollutants()
    return any(
        one.fault is ItemFault.BAD_CODE or (one.factor in known and one.fault is not ItemFault.NO_VALUE)
        for one in notes
    )


def faults_of(factor: str, sent: Fields) -> Sequence[ItemNote]:
    """The fields of one factor that must be numbers and are none that can be stored."""
    faults: list[ItemNote] | None = None
    for field, value in sent.items():
        if type(value) is float:
            if -LARGEST < value < LARGEST:
                continue
            fault, expected = (ItemFault.OUT_OF_RANGE if value == value else ItemFault.NOT_A_NUMBER), None
        elif value is None or field not in NUMBERS:
            continue
        else:
            read = read_number(str(value))
            fault, expected = (read, None) if isinstance(read, ItemFault) else (ItemFault.NOT_A_NUMBER, JSON_NUMBER)
        faults = faults or []
        faults.append(note(fault, factor, field, str(value), expected))
    return faults or _NOTHING_WRONG


@dataclass(frozen=True, slots=True)
class Repaired:
    """Factors of which every field is a number, a text or null; what was of another type is noted."""

    factors: Mapping[str, Mapping[str, object]]
    notes: Sequence[ItemNote]


def repaired(factors: Mapping[object, object]) -> Repaired:
    """The factors of a JSON document, without what can be no field: true and false, lists, objects, endless integers."""
    kept: dict[str, Mapping[str, object]] = {}
    notes: list[ItemNote] = []
    for factor, fields in factors.items():
        if not isinstance(fields, dict):
            expected = '字段对象，如 {"Avg": 60.1} / an object of fields'
            notes.append(note(ItemFault.NOT_A_NUMBER, str(factor), "", _shown(fields), expected))
            continue
        kept[str(factor)] = {str(field): value for field, value in fields.items() if _is_field(value)}
        for field, value in fields.items():
            if not _is_field(value):
                fault = ItemFault.OUT_OF_RANGE if type(value) is int else ItemFault.NOT_A_NUMBER
                notes.append(note(fault, str(factor), str(field), _shown(value)))
    return Repaired(kept, notes)


def _is_field(value: object) -> bool:
    if type(value) is int:
        return -LARGEST_INTEGER < value < LARGEST_INTEGER
    return value is None or type(value) in (float, str)


def _shown(value: object) -> str:
    """A value for a note; of what may be of any size only its kind."""
    if value is True or value is False or isinstance(value, str):
        return str(value).lower() if isinstance(value, bool) else value
    return {int: "integer", float: "number", list: "array", dict: "object"}.get(type(value), "null")
