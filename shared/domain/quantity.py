"""Numbers that decide: parsed exactly, compared at 1e-6, shown half-even, converted between units of one dimension."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from shared.domain.errors import Invalid

MICRO = 1_000_000  # sums are int64 of 1e-6 units: exact and order-free
# dimension and power of ten relative to its base
_UNITS: dict[str, tuple[str, int]] = {
    "g/m3": ("mass/gas", 0),
    "mg/m3": ("mass/gas", -3),
    "ug/m3": ("mass/gas", -6),
    "ng/m3": ("mass/gas", -9),
    "g/L": ("mass/water", 0),
    "mg/L": ("mass/water", -3),
    "ug/L": ("mass/water", -6),
    "ng/L": ("mass/water", -9),
    "kg/m3": ("mass/water", 0),
    "%": ("share", -2),
    "1": ("share", 0),
    "℃": ("temperature", 0),
    "pH": ("pH", 0),
}
_SHOWN = {"g/m3": "g/m³", "mg/m3": "mg/m³", "ug/m3": "µg/m³", "ng/m3": "ng/m³", "kg/m3": "kg/m³", "ug/L": "µg/L", "m3/s": "m³/s",
          "1": ""}  # fmt: skip
_SPELLINGS = {"mg/m³": "mg/m3", "µg/m3": "ug/m3", "μg/m3": "ug/m3", "µg/m³": "ug/m3", "µg/L": "ug/L", "μg/L": "ug/L",
              "mg/l": "mg/L", "ug/l": "ug/L", "ng/l": "ng/L", "ng/m³": "ng/m3", "g/m³": "g/m3",
              "kg/m³": "kg/m3", "m³/s": "m3/s", "°C": "℃", "": "1"}  # fmt: skip


def unit(text: str) -> str:
    """The one spelling of a unit."""
    return _SPELLINGS.get(text, text)


def shown_unit(text: str) -> str:
    """The unit as people read it: `mg/m³` for mg/m3; empty for a number without one."""
    return _SHOWN.get(unit(text), unit(text))


def known_units() -> frozenset[str]:
    """Units that can be compared, in their one spelling."""
    return frozenset(_UNITS)


def scale(from_unit: str, to_unit: str) -> Decimal | None:
    """What to multiply by to go from one unit to another; None when they are not of one dimension."""
    from_unit, to_unit = unit(from_unit), unit(to_unit)
    if from_unit == to_unit:
        return Decimal(1)
    source, target = _UNITS.get(from_unit), _UNITS.get(to_unit)
    if source is None or target is None or source[0] != target[0]:
        return None
    return Decimal(10) ** (source[1] - target[1])


def decimal(text: str, field: str) -> Decimal:
    """An exact finite number from text; raises Invalid. Python's own `1_000` and digits of other scripts are no numbers here."""
    try:
        if isinstance(text, str) and ("_" in text or not text.isascii()):
            raise ValueError
        number = Decimal(text)
    except (InvalidOperation, TypeError, ValueError) as wrong:
        raise Invalid(
            f"{field} {text!r} is not a number", field=field, value=text, rule="decimal number as text"
        ) from wrong
    if not number.is_finite():
        raise Invalid(f"{field} {text!r} is not finite", field=field, value=text, rule="decimal number as text")
    return number


def micro(value: Decimal | float) -> int:
    """The value in 1e-6 units, rounded half-even: what is compared."""
    exact = value if isinstance(value, Decimal) else Decimal(repr(value))
    return int((exact * MICRO).to_integral_value(ROUND_HALF_EVEN))


def from_micro(value: int) -> Decimal:
    """Back to a number."""
    return Decimal(value).scaleb(-6)


def decimals(limit: Decimal) -> int:
    """How many decimals a value beside this limit is shown with: the limit's own, at least 2."""
    exponent = limit.normalize().as_tuple().exponent
    return max(2, -exponent if isinstance(exponent, int) else 0)


def shown(value: Decimal, places: int) -> str:
    """Rounded half-even, as text without trailing zeros."""
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return plain(rounded)


def shown_nonzero(value: Decimal, places: int) -> str:
    """Rounded to `places`, to more (at most 6) where that would show nothing of it."""
    while (text := shown(value, places)) == "0" and places < 6:
        places += 1
    return text


def plain(value: Decimal) -> str:
    """Text without exponent and trailing zeros; never `-0`."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
