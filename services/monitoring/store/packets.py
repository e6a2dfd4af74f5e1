"""Real-time and minute readings: what was measured of points within hours."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from sqlmodel import Session

from services.monitoring.domain.reading import NORMAL
from services.monitoring.domain.validity import Sample
from services.monitoring.domain.windows import WindowKey
from shared.sql import chunks, embedded

SamplesOfHours = dict[WindowKey, dict[str, list[Sample]]]
_SAMPLES = """SELECT h.mn, h.start_s, v.factor, v.start_s, v.micro, v.mark FROM {} CROSS JOIN value v
 WHERE v.mn = h.mn AND v.period = {} AND v.start_s >= h.start_s AND v.start_s < h.start_s + 3600"""
_POSTGRES = _SAMPLES.format("unnest(%s::text[], %s::bigint[]) AS h(mn, start_s)", "%s")
_Found = tuple[str, int, str, int, int | None, str]


def samples_of_hours(session: Session, hours: Collection[WindowKey], period: str) -> SamplesOfHours:
    """Minute or instantaneous values (`period`) of these hours of points, by hour and factor, in one statement of
    PostgreSQL; an hour without any is not in it."""
    found: SamplesOfHours = {}
    for mn, hour, factor, start, micro, mark in _samples(session, hours, period):
        of_hour = found.setdefault(WindowKey(mn, "hour", hour), {})
        of_hour.setdefault(factor, []).append(Sample(start - hour, micro, mark in NORMAL))
    return found


def _samples(session: Session, hours: Collection[WindowKey], period: str) -> Iterator[_Found]:
    connection = session.connection()
    if not hours:
        return
    if not embedded(session):
        keys = [key.mn for key in hours], [key.start_s for key in hours]
        for row in connection.exec_driver_sql(_POSTGRES, (*keys, period)):
            yield tuple(row)
        return
    for part in chunks(hours):
        places = ",".join(["(?,?)"] * len(part))
        statement = f"WITH h(mn, start_s) AS (VALUES {places}) {_SAMPLES.format('h', '?')}"
        values = [value for key in part for value in (key.mn, key.start_s)]
        for row in connection.exec_driver_sql(statement, (*values, period)):
            yield tuple(row)
