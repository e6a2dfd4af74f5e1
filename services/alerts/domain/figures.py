"""The figures of a risk in words: of which hours or days a mean is, how far it is over the limit, which rule fired.

Pure. Chinese and English; times are Shanghai's. A figure that the risk does not have is None: templates leave it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from shared.domain.clock import SHANGHAI
from shared.domain.quantity import plain, shown_nonzero
from shared.domain.risk import Risk, Window

MEANS: Mapping[str, Mapping[str, str]] = {
    "hour": {"zh": "小时均值", "en": "hourly mean"},
    "day": {"zh": "日均值", "en": "daily mean"},
    "instant": {"zh": "实时值", "en": "instant value"},
}
CONVERTED = {"zh": "折算值", "en": "converted"}  # to the reference oxygen
CONVERTED_KINDS = frozenset({"reported_converted", "converted", "own_converted"})

HALF_OVER, TWICE = Decimal("0.5"), Decimal(1)
THREE_HOURS = {"zh": "连续3小时超标", "en": "3 hours in a row over the limit"}
HOUR_HALF_OVER = {"zh": "小时超标0.5倍以上", "en": "an hour 50 % or more over the limit"}
HOUR_TWICE = {"zh": "小时超标1倍以上", "en": "an hour 100 % or more over the limit"}
DAY_OVER = {"zh": "日均值超标", "en": "a daily mean over the limit"}
DAY_TWICE = {"zh": "日均值超标1倍以上", "en": "a daily mean 100 % or more over the limit"}
THREE_IN_A_WEEK = {"zh": "7日内3次超标", "en": "3 exceedances in 7 days"}
DAYS_AGAIN = {"zh": "7日内3次超标或30日内2日超标", "en": "3 exceedances in 7 days or 2 days over in 30"}


def mean_of(risk: Risk, lang: str) -> str | None:
    """The mean and its time: `2026-11-20 08:00–09:00小时均值`; of a window that still runs, `本小时截至21:24均值`."""
    window = risk.window
    if window is None:
        return None
    if risk.facts.get("closed") is False:
        return _so_far(window, min(risk.changed_at, window.end), lang)
    name, span = MEANS.get(window.averaging, {}).get(lang, window.averaging), _span(window)
    return f"{span}{name}" if lang == "zh" else f"{name} of {span}"


def converted(risk: Risk, lang: str) -> str | None:
    """That the deciding value is converted to the reference oxygen; None when it is not."""
    return CONVERTED[lang] if risk.basis.get("value_kind") in CONVERTED_KINDS else None


def times_over(risk: Risk) -> str | None:
    """超标倍数, to two decimals, more where two would show none of it; None when the risk is over no limit."""
    multiple = _multiple(risk)
    return shown_nonzero(multiple, 2) if multiple is not None and multiple > 0 else None


def percent_over(risk: Risk) -> str | None:
    """Per cent over the limit, whole, with decimals below one; None when the risk is over no limit."""
    multiple = _multiple(risk)
    return shown_nonzero(multiple * 100, 0) if multiple is not None and multiple > 0 else None


def percent_of_limit(risk: Risk) -> str | None:
    """Whole per cent of the limit that are reached, never more than there are: 89.9 % is not yet 90."""
    if not risk.decided or not risk.limit or Decimal(risk.limit) <= 0:
        return None
    return plain(Decimal(risk.decided) * 100 // Decimal(risk.limit))


def count(risk: Risk, lang: str) -> str | None:
    """How many hours or days are over the limit: `3小时`, `1 hour`."""
    window = risk.window
    if window is None or window.averaging not in ("hour", "day"):
        return None
    if lang == "zh":
        return f"{window.count}{'小时' if window.averaging == 'hour' else '日'}"
    return f"{window.count} {window.averaging}{'' if window.count == 1 else 's'}"


def rule_fired(risk: Risk, lang: str) -> str | None:
    """The name of the rule that gave an exceedance its condition; None for a first hour and for other kinds.

    The finder gives the condition; which of its rules it was shows in the averaging, the multiple and the count."""
    rule = _rule(risk) if risk.kind == "emission.exceeded" and risk.window is not None else None
    return rule[lang] if rule else None


def _rule(risk: Risk) -> Mapping[str, str] | None:
    window, multiple = risk.window, _multiple(risk) or Decimal(0)
    by_day = window is not None and window.averaging == "day"
    if risk.condition == "repeated":
        if by_day:
            return DAY_TWICE if multiple >= TWICE else DAYS_AGAIN
        return THREE_IN_A_WEEK
    if risk.condition == "grave":
        return DAY_OVER if by_day else HOUR_TWICE
    if risk.condition == "lasting":
        return HOUR_HALF_OVER if multiple >= HALF_OVER else THREE_HOURS
    return None


def _multiple(risk: Risk) -> Decimal | None:
    return Decimal(risk.multiple) if risk.multiple else None


def _so_far(window: Window, at: datetime, lang: str) -> str:
    clock = f"{at.astimezone(SHANGHAI):%H:%M}"
    by_day = window.averaging == "day"
    if lang == "zh":
        return f"{'本日' if by_day else '本小时'}截至{clock}均值"
    return f"mean of this {'day' if by_day else 'hour'} as of {clock}"


def _span(window: Window) -> str:
    """From the window's start to its end; days by their date, the last one included."""
    start, end = window.start.astimezone(SHANGHAI), window.end.astimezone(SHANGHAI)
    if window.averaging == "day":
        last = end - timedelta(seconds=1)
        return f"{start:%Y-%m-%d}" if last.date() == start.date() else f"{start:%Y-%m-%d} – {last:%Y-%m-%d}"
    if start == end:
        return f"{start:%Y-%m-%d %H:%M}"
    if end.date() == start.date() or (end - start <= timedelta(hours=24) and end.hour == 0 and end.minute == 0):
        return f"{start:%Y-%m-%d %H:%M}–{'24:00' if end.date() != start.date() else f'{end:%H:%M}'}"
    return f"{start:%Y-%m-%d %H:%M} – {end:%Y-%m-%d %H:%M}"
