"""What enterprises lack to be warned before they break their permits; reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session

from services.permits.domain.coverage_gap import lacking
from services.permits.domain.enterprise import Enterprise
from services.permits.handlers.publishing import Registrar
from services.permits.store import endpoint_counts, register

NO_ENDPOINT = "endpoint"  # nobody receives its warnings


@dataclass(frozen=True, slots=True)
class Coverage:
    """An enterprise, how many permits and active points it has, and what it lacks."""

    credit_code: str
    name: str
    region: str
    industry: str
    permits: int
    points: int
    lacks: tuple[str, ...]


def coverage(registrar: Registrar, session: Session, entries: Sequence[Enterprise]) -> list[Coverage]:
    """Of each enterprise what it lacks; `endpoint` as far as alerts published counts."""
    codes = [one.credit_code for one in entries]
    permits = register.permits_of_all(session, codes)
    points = register.points_of_all(session, codes, registrar.sealer)
    with_endpoint = {code for code, one in endpoint_counts.find(session, codes).items() if one.endpoints}
    today = registrar.today()
    found: list[Coverage] = []
    for one in entries:
        its_permits, its_points = permits.get(one.credit_code, ()), points.get(one.credit_code, ())
        lacks = lacking(its_permits, its_points, today)
        found.append(
            Coverage(
                credit_code=one.credit_code,
                name=one.document.name,
                region=one.region,
                industry=one.document.industry,
                permits=len(its_permits),
                points=sum(point.active for point in its_points),
                lacks=lacks if one.credit_code in with_endpoint else (*lacks, NO_ENDPOINT),
            )
        )
    return found
