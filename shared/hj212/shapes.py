"""Reads what has a known shape by its plan: a device sends the same fields in the same order for years.

A shape is the order of keys and separators. Its plan is made once, and only where the shape leaves nothing to judge: plain
keys, none of them twice, one value each, no spaces. Anything else, and any value that is not plainly what it should be,
is left to whoever reads whatever comes (`ItemReader`); where a plan reads, the result is the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .items import TEXT_FIELDS, Value

MOST_SHAPES = 1_000  # of each kind; a gateway meets some hundreds
MOST_KEYS = 200  # of one shape
_KEPT = b"=,; \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f"  # separators, and what is stripped around texts
_OTHERS = bytes(byte for byte in range(256) if byte not in _KEPT)
_SEPARATORS = re.compile(rb"=(?:[,;]=)*")
_KEY = re.compile(r"([A-Za-z0-9_]+)(?:-([A-Za-z]+))?", re.ASCII)
_all_plain = re.compile(r"(?:-?[0-9]{1,15}(?:\.[0-9]{1,15})?;)*").fullmatch  # as a single number is plain in ItemReader


@dataclass(frozen=True, slots=True)
class PlannedItems:
    """What a plan read."""

    factors: dict[str, dict[str, Value]]
    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class _Factor:
    """Where the fields of one factor stand among the values."""

    code: str
    fields: tuple[str, ...]
    values: slice


@dataclass(frozen=True, slots=True)
class _Plan:
    params: tuple[str, ...]
    param_places: tuple[int, ...]
    factors: tuple[_Factor, ...]
    codes: frozenset[str]
    number_places: tuple[int, ...]


Shape = tuple[bytes, tuple[str, ...]]
_UNKNOWN = _Plan((), (), (), frozenset(), ())
_plans: dict[Shape, _Plan | None] = {}  # None: to be read one by one
_headers: dict[tuple[str, ...], None] = {}


def planned_items(body: str, alias: Mapping[str, str]) -> PlannedItems | None:
    """The items of an ASCII body, by the plan of its shape; None when they must be read one by one. `alias`: codes that
    stand for others."""
    parts = body.replace(";", ",").replace("=", ",").split(",")
    shape = body.encode().translate(None, _OTHERS), tuple(parts[::2])
    plan = _plans.get(shape, _UNKNOWN)
    if plan is _UNKNOWN:
        plan = _remember(shape)
    if plan is None or not alias.keys().isdisjoint(plan.codes):
        return None
    values: list[Value] = [*parts[1::2]]
    numbers = [parts[2 * place + 1] for place in plan.number_places]
    if "" in values or not _all_plain(";".join(numbers) + ";"):
        return None
    for place, number in zip(plan.number_places, map(float, numbers), strict=True):
        values[place] = number
    factors = {one.code: dict(zip(one.fields, values[one.values], strict=True)) for one in plan.factors}
    params = {name: parts[2 * place + 1] for name, place in zip(plan.params, plan.param_places, strict=True)}
    return PlannedItems(factors, params)


def planned_header(head: str, known: Collection[str]) -> dict[str, str] | None:
    """The fields of an ASCII header `QN=…;ST=…;` that has only `known` ones, each once; None when it must be read one
    by one."""
    parts = head.replace("=", ";").split(";")
    keys = tuple(parts[:-1:2])
    if parts[-1] or head.encode().translate(None, _OTHERS) != b"=;" * len(keys):
        return None
    if keys not in _headers:
        if not (set(keys) <= set(known) and len(set(keys)) == len(keys)):
            return None
        _make_room(_headers)
        _headers[keys] = None
    return dict(zip(keys, parts[1::2], strict=True))


def _remember(shape: Shape) -> _Plan | None:
    if len(shape[1]) > MOST_KEYS:
        return None
    _make_room(_plans)
    plan = _plans[shape] = _plan_of(shape)
    return plan


def _make_room(table: dict[Shape, _Plan | None] | dict[tuple[str, ...], None]) -> None:
    if len(table) >= MOST_SHAPES:  # somebody sends ever new ones: begin anew
        table.clear()


def _plan_of(shape: Shape) -> _Plan | None:
    """None where the shape leaves something to judge."""
    separators, keys = shape
    found = [_KEY.fullmatch(key) for key in keys]
    if _SEPARATORS.fullmatch(separators) is None or None in found or len(set(keys)) != len(keys):
        return None
    named = [(match[1], match[2]) for match in found if match is not None]
    places: dict[str, list[int]] = {}
    for place, (code, field) in enumerate(named):
        if field is not None:
            places.setdefault(code, []).append(place)
    if any(listed != list(range(listed[0], listed[-1] + 1)) for listed in places.values()):
        return None
    params = tuple(place for place, (_, field) in enumerate(named) if field is None)
    return _Plan(
        params=tuple(keys[place] for place in params),
        param_places=params,
        factors=tuple(
            _Factor(code, tuple(named[place][1] for place in listed), slice(listed[0], listed[-1] + 1))
            for code, listed in places.items()
        ),
        codes=frozenset(places),
        number_places=tuple(
            place for place, (_, field) in enumerate(named) if field is not None and field not in TEXT_FIELDS
        ),
    )
