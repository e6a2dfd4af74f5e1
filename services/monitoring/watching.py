"""The lesser risks that windows show: means near their limit, and instruments that report themselves broken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlmodel import Session

from services.monitoring.deciding import Changes
from services.monitoring.domain import wording
from services.monitoring.domain.fault import fault
from services.monitoring.domain.nearing import Nearing, Step, step
from services.monitoring.domain.verdict import GRACE_S, Status, Verdict, shown_value
from services.monitoring.domain.windows import LENGTH_S, end_s, instant
from services.monitoring.excess import Now
from services.monitoring.store.decisions import historical, outlet_key
from services.monitoring.store.register import Register, Site
from services.monitoring.store.risks import RiskBook, minted, open_risks
from shared.domain.identity import derived_id
from shared.domain.quantity import micro
from shared.domain.risk import Cleared, Risk, RiskState, Window

NEARING, FAULT = "emission.nearing", "data.fault"
Row = Mapping[str, Any]


class Watching:
    """Keeps nearing and fault risks in step with decided windows and running means."""

    def __init__(self, register: Register, book: RiskBook) -> None:
        self._register = register
        self._book = book

    def take(self, session: Session, changes: Changes, now: Now) -> None:
        """What newly decided windows say; windows seen long after their end say nothing here."""
        rows = [after for _, after in changes.rows if not historical(after) and _fresh(after, now)]
        if not rows:
            return
        near = open_risks(session, NEARING, {outlet_key(row).subject for row in rows})
        broken = open_risks(session, FAULT, {_fault_subject(row["mn"], row["factor"]) for row in rows})
        for row in sorted(rows, key=lambda row: (row["start_s"], row["mn"], row["factor"])):
            self._near(session, row, near, now, closed=end_s(row["start_s"], row["averaging"]) <= now.s)
            self._fault(session, row, broken, now)

    def running(self, session: Session, site: Site, hour_s: int, verdicts: Mapping[str, Verdict], now: Now) -> None:
        """What the running hour's means so far say."""
        governed = site.governed(hour_s)
        if governed is None or not verdicts:
            return
        rows = []
        for factor, verdict in verdicts.items():
            bound = governed.bounds[factor, "hour"]
            rows.append({
                "mn": site.point.mn, "averaging": "hour", "start_s": hour_s, "factor": factor,
                "permit": governed.permit, "outlet": governed.outlet, "credit_code": governed.credit_code,
                "status": verdict.status.value, "decided": verdict.decided, "measured": verdict.measured,
                "limit": str(bound.limit), "unit": bound.unit,
                "value_kind": verdict.value_kind.value if verdict.value_kind else None,
                "reference_o2_pct": None if bound.reference_o2_pct is None else str(bound.reference_o2_pct),
            })  # fmt: skip
        near = open_risks(session, NEARING, {outlet_key(row).subject for row in rows})
        for row in rows:
            self._near(session, row, near, now, closed=False)

    def _near(self, session: Session, row: Row, near: dict[str, Any], now: Now, *, closed: bool) -> None:
        subject = outlet_key(row).subject
        standing = near.get(subject)
        if row["decided"] is None or (standing is not None and row["start_s"] < standing.last_s):
            return
        condition = Nearing(standing.condition) if standing is not None else None
        found = step(row["decided"], micro(Decimal(row["limit"])), closed=closed, standing=condition)
        if found.raised:
            self._raise(session, row, subject, standing, found.raised, now, closed=closed)
            near.update(open_risks(session, NEARING, [subject]))
        elif found.cleared and standing is not None:
            self._clear(session, standing, subject, found, now)
            del near[subject]

    def _raise(
        self, session: Session, row: Row, subject: str, standing: Any, condition: Nearing, now: Now, *, closed: bool
    ) -> None:
        limit = Decimal(row["limit"])
        decided = shown_value(row["decided"], limit) or "0"
        if standing is not None and standing.condition == condition.value and standing.start_s == row["start_s"]:
            return  # the same window at the same step: not worth a word
        first = standing.start_s if standing is not None else row["start_s"]
        why = wording.nearing(
            row["factor"], row["averaging"], decided=decided, limit=row["limit"], unit=row["unit"], closed=closed
        )
        risk = replace(
            self._base(session, NEARING, condition.value, row, now, why, self._id(session, NEARING, subject)),
            permit=row["permit"],
            outlet=row["outlet"],
            window=Window(instant(row["start_s"]), instant(end_s(row["start_s"], row["averaging"])), row["averaging"], 1),
            measured=shown_value(row["measured"], limit),
            decided=decided,
            limit=row["limit"],
            unit=row["unit"],
            basis={"permit": row["permit"], "limit_from": "permit", "value_kind": row["value_kind"],
                   "reference_o2_pct": row["reference_o2_pct"]},
            facts={"closed": closed},
        )  # fmt: skip
        span = (first, first, row["start_s"])
        self._book.tell(session, standing, risk, subject=subject, span=span, wall_now=now.wall)

    def _clear(self, session: Session, standing: Any, subject: str, found: Step, now: Now) -> None:
        assert found.cleared is not None
        self._close(session, standing, subject, found.cleared, now)

    def _close(
        self,
        session: Session,
        standing: Any,
        subject: str,
        reason: Cleared,
        now: Now,
        *,
        why: wording.Why | None = None,
    ) -> None:
        risk = replace(
            Risk.read(standing.document),
            state=RiskState.CLEARED,
            cleared=reason,
            cleared_at=now.field,
            changed_at=now.field,
            why=why or wording.cleared(reason),
        )
        span = (standing.first_window_s, standing.start_s, standing.last_s)
        self._book.tell(session, standing, risk, subject=subject, span=span, wall_now=now.wall)

    def _fault(self, session: Session, row: Row, broken: dict[str, Any], now: Now) -> None:
        subject = _fault_subject(row["mn"], row["factor"])
        standing = broken.get(subject)
        if standing is not None and row["start_s"] < standing.last_s:
            return
        what = fault(row["mark"], row["reason"])
        if what is None:
            if standing is not None and row["status"] != Status.NONE.value:
                self._close(session, standing, subject, Cleared.HEARD, now, why=wording.healed())
                del broken[subject]
            return
        if standing is not None and standing.document["facts"].get("fault") == what:
            return
        base = self._base(
            session, FAULT, "fault", row, now, wording.faulty(row["factor"], what), self._id(session, FAULT, subject)
        )
        risk = replace(base, permit=row["permit"], outlet=row["outlet"], facts={"fault": what})
        first = standing.start_s if standing is not None else row["start_s"]
        span = (first, first, row["start_s"])
        self._book.tell(session, standing, risk, subject=subject, span=span, wall_now=now.wall)
        broken.update(open_risks(session, FAULT, [subject]))

    def _id(self, session: Session, kind: str, subject: str) -> str:
        return derived_id("rsk", kind, subject, str(minted(session, kind, subject)))

    def _base(
        self, session: Session, kind: str, condition: str, row: Row, now: Now, why: dict[str, str], risk_id: str
    ) -> Risk:
        site = self._register.sites(session, [row["mn"]]).get(row["mn"])
        enterprise = site.enterprise if site else None
        governed = site.governed(row["start_s"]) if site else None
        return Risk(
            id=risk_id,
            revision=1,
            kind=kind,
            condition=condition,
            state=RiskState.OPEN,
            credit_code=row["credit_code"],
            enterprise_name=enterprise.name if enterprise else None,
            region=enterprise.region if enterprise else "000000",
            industry=enterprise.industry if enterprise else None,
            group=enterprise.group if enterprise else None,
            opened_at=now.field,
            changed_at=now.field,
            why=why,
            outlet_name=governed.outlet_name if governed else None,
            factor=row["factor"],
            mn=row["mn"],
        )


def _fresh(row: Row, now: Now) -> bool:
    """Whether the window is of now: what was near or broken days ago is no news."""
    end = end_s(row["start_s"], row["averaging"])
    return now.s - end <= 2 * LENGTH_S[row["averaging"]] + GRACE_S


def _fault_subject(mn: str, factor: str) -> str:
    return f"{mn}/{factor}"
