"""What enterprises lack to be warned before they break their permits; reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from services.permits.domain.coverage_gap import lacking
from services.permits.domain.enterprise import Enterprise
from services.permits.domain.point import PERIOD_STAMP, Registration
from services.permits.handlers.publishing import Registrar
from services.permits.store import endpoint_counts, period_stamps, register
from services.permits.store.endpoint_counts import EndpointCount

NO_ENDPOINT = "endpoint"  # nobody receives its warnings
FAILING_ENDPOINT = "working_endpoint"  # it has endpoints, and pushes to all of them fail now
STAMP = "period_stamp"  # a point probably stamps the end of its periods (疑似以时段结束时刻标记), and is registered otherwise


@dataclass(frozen=True, slots=True)
class Coverage:
    """An enterprise, how many permits and active points it has, and what it lacks. `stamps_end`: MNs of the points that
    probably stamp the end of their periods and are not registered so."""

    credit_code: str
    name: str
    region: str
    industry: str
    permits: int
    points: int
    lacks: tuple[str, ...]
    stamps_end: tuple[str, ...] = ()


def coverage(registrar: Registrar, session: Session, entries: Sequence[Enterprise]) -> list[Coverage]:
    """Of each enterprise what it lacks; endpoints as far as alerts published counts."""
    codes = [one.credit_code for one in entries]
    permits = register.permits_of_all(session, codes)
    points = register.points_of_all(session, codes, registrar.sealer)
    endpoints = endpoint_counts.find(session, codes)
    suspected = _stamping_end(session, [point for its_points in points.values() for point in its_points])
    today = registrar.today()
    found: list[Coverage] = []
    for one in entries:
        its_permits, its_points = permits.get(one.credit_code, ()), points.get(one.credit_code, ())
        stamps_end = tuple(sorted(point.mn for point in its_points if point.mn in suspected))
        lacks = (*lacking(its_permits, its_points, today), *((STAMP,) if stamps_end else ()))
        lacks += _of_endpoints(endpoints.get(one.credit_code))
        found.append(
            Coverage(
                credit_code=one.credit_code,
                name=one.document.name,
                region=one.region,
                industry=one.document.industry,
                permits=len(its_permits),
                points=sum(point.active for point in its_points),
                lacks=lacks,
                stamps_end=stamps_end,
            )
        )
    return found


def _of_endpoints(count: EndpointCount | None) -> tuple[str, ...]:
    if count is None or not count.endpoints:
        return (NO_ENDPOINT,)
    return (FAILING_ENDPOINT,) if count.failing == count.endpoints else ()


def _stamping_end(session: Session, points: Sequence[Registration]) -> set[str]:
    """The active points that are registered to stamp the start and, as monitoring found, probably do not."""
    standard = [point.mn for point in points if point.active and point.settings.period_stamp == PERIOD_STAMP]
    return {mn for mn, report in period_stamps.find(session, standard).items() if report.probably_end}
