"""Instruments that report themselves broken: one risk a point and reason, naming the factors that suffer.

What the newest window that says anything tells of a factor is what stands, whatever the order of arrival.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sqlmodel import Session

from services.monitoring.detectors.exceedance import Now
from services.monitoring.detectors.risk_builder import concerning, ended, fresh
from services.monitoring.domain import wording
from services.monitoring.domain.fault import OXYGEN_MISSING, fault
from services.monitoring.domain.windows import DAY_S
from services.monitoring.handlers.verdicts import Changes
from services.monitoring.store.register import Register
from services.monitoring.store.risks import Page, RiskBook, minted, open_risks_of_points
from services.monitoring.store.verdicts import historical, newest_telling
from shared.domain.identity import derived_id
from shared.domain.pollutant import OXYGEN
from shared.domain.risk import Cleared

FAULT = "data.fault"
LOOK_BACK_S = 4 * DAY_S  # historical windows (72 h) tell nothing; what nothing newer speaks of stays as it is
Row = Mapping[str, Any]
Suffering = dict[str, Row | None]  # factor → the window that tells, None: nothing newer than what is known


class Faults:
    """Keeps fault risks in step with decided windows."""

    def __init__(self, register: Register, book: RiskBook) -> None:
        self._register = register
        self._book = book

    def take(self, session: Session, changes: Changes, now: Now) -> None:
        """The risks of every point whose changed windows may show, or end, a fault."""
        mns = {after["mn"] for _, after in changes.rows}
        if not mns:
            return
        before: dict[str, dict[str, Any]] = {}
        for row in open_risks_of_points(session, FAULT, mns):
            before.setdefault(row.mn, {})[row.document["facts"]["fault"]] = row
        concerned = {*before, *(after["mn"] for old, after in changes.rows if _may_open(old, after, now))}
        if not concerned:
            return
        telling = newest_telling(session, concerned, now.s - LOOK_BACK_S)
        with self._book.page(session, now.wall) as page:
            for mn in sorted(concerned):
                self._point(session, page, telling.get(mn, {}), before.get(mn, {}), now)

    def _point(
        self, session: Session, page: Page, telling: Mapping[str, Row], before: Mapping[str, Any], now: Now
    ) -> None:
        wanted = _wanted(telling, before, now)
        for what, row in before.items():
            if what not in wanted:
                risk = ended(row, Cleared.RESUMED, now, why=wording.healed())
                page.tell(row, risk, subject=row.subject, span=(row.first_window_s, row.start_s, row.last_s))
        for what, suffering in sorted(wanted.items()):
            self._raise(session, page, before.get(what), (what, suffering), now)

    def _raise(self, session: Session, page: Page, before: Any, found: tuple[str, Suffering], now: Now) -> None:
        what, suffering = found
        rows = [row for row in suffering.values() if row is not None]
        if not rows:
            return
        newest, factors = max(rows, key=lambda row: (row["start_s"], row["factor"])), sorted(suffering)
        subject = f"{newest['mn']}/{what}"
        number = minted(session, FAULT, subject) if before is None else 0  # an open risk keeps its id
        risk = replace(
            concerning(
                self._register.sites(session, [newest["mn"]]).get(newest["mn"]), newest, kind=FAULT, condition="fault",
                risk_id=derived_id("rsk", FAULT, subject, str(number)), why=wording.faulty(factors, what), now=now,
            ),
            factor=OXYGEN if what == OXYGEN_MISSING else factors[0],
            facts={"fault": what, "factors": factors},
        )  # fmt: skip
        first = before.first_window_s if before is not None else min(row["start_s"] for row in rows)
        page.tell(before, risk, subject=subject, span=(first, first, newest["start_s"]))


def _wanted(telling: Mapping[str, Row], before: Mapping[str, Any], now: Now) -> dict[str, Suffering]:
    """Reason → the factors that suffer: told by a window of now, or known and not contradicted since."""
    known = {what: set(row.document["facts"]["factors"]) for what, row in before.items()}
    wanted: dict[str, Suffering] = {}
    for factor, row in telling.items():
        what = fault(row["mark"], row["reason"])
        if what and (fresh(row, now) or factor in known.get(what, ())):
            wanted.setdefault(what, {})[factor] = row
    for what, factors in known.items():
        for factor in factors - telling.keys():
            wanted.setdefault(what, {})[factor] = None
    return wanted


def _may_open(before: Row | None, after: Row, now: Now) -> bool:
    """A broken window of now, or one decided anew: what it hid may come to light."""
    if historical(after):
        return False
    return before is not None or (fault(after["mark"], after["reason"]) is not None and fresh(after, now))
