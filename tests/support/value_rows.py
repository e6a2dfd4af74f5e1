"""Values of hours and days written as a batch of packets writes them, of which it does not know that any is there."""

from __future__ import annotations

from collections.abc import Iterable

from sqlmodel import Session

from services.monitoring.domain.reading import PeriodValue, Reading
from services.monitoring.domain.window_report import WindowReport, WindowReports
from services.monitoring.domain.windows import WindowKey
from services.monitoring.store.values import write_values


def write_value_rows(session: Session, rows: Iterable[PeriodValue]) -> None:
    """Each as a report of its own, without Min, Max, Cou."""
    reports = WindowReports()
    for row in rows:
        readings = {row.factor: Reading(row.micro, row.zs_micro, row.mark, None)}
        window = WindowKey(row.mn, row.period, row.start_s)
        reports.add(WindowReport(window, row.rank, row.source, row.received_at_s, readings))
    write_values(session, reports.beside({}))
