"""Instruments that report themselves broken, or what cannot be right: one risk a point and reason, with its factors.

The newest window that shows an instrument decides for its factor, whatever the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.monitoring.detectors.risk_builder import Place, RiskDraft, is_recent
from services.monitoring.domain import wording
from services.monitoring.domain.applicable_limits import Site
from services.monitoring.domain.changes import Changes, VerdictChange
from services.monitoring.domain.fault import OF_OXYGEN, fault, fault_condition
from services.monitoring.domain.risk_row import RiskRow, RiskSpan
from services.monitoring.domain.verdict import Doubt, shown_value
from services.monitoring.domain.verdict_row import VerdictRow
from services.monitoring.domain.windows import DAY_S
from services.monitoring.engine.history import OutletHistory
from shared.domain.clock import Instant
from shared.domain.pollutant import OXYGEN
from shared.domain.quantity import from_micro, plain
from shared.domain.risk import Cleared

KIND = "data.fault"
LOOK_BACK_S = 4 * DAY_S  # historical windows (72 h) show nothing of now; what nothing newer shows stays as it is
Affected = dict[str, VerdictRow | None]  # factor → the window that shows it, None: nothing newer than what is known


@dataclass(frozen=True, slots=True)
class FaultDetector:
    """Keeps fault risks in step with decided windows."""

    kind: str = KIND

    def detect(self, history: OutletHistory, changes: Changes, now: Instant) -> Sequence[RiskDraft]:
        """The risks of every point whose changed windows may show, or end, a fault."""
        mns = {change.after.mn for change in changes.rows}
        if not mns:
            return []
        before: dict[str, dict[str, RiskRow]] = {}
        for row in history.open_risks_of_points(KIND, mns):
            before.setdefault(row.mn or "", {})[str(row.facts["fault"])] = row
        concerned = {*before, *(change.after.mn for change in changes.rows if _may_open(change, now))}
        if not concerned:
            return []
        newest = history.newest_of_instruments(concerned, now.s - LOOK_BACK_S)
        points = [_Point(mn, newest.get(mn, {}), before.get(mn, {}), now) for mn in sorted(concerned)]
        places = _Places(
            history.sites(concerned),
            history.issued_counts(KIND, [subject for point in points for subject in point.new_subjects]),
        )
        return [draft for point in points for draft in point.drafts(places)]


@dataclass(frozen=True, slots=True)
class _Places:
    """The points, and how many risks each subject ever had."""

    sites: Mapping[str, Site]
    issued: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Point:
    """A point with the newest window of each factor and its open risks by reason."""

    mn: str
    newest: Mapping[str, VerdictRow]
    before: Mapping[str, RiskRow]
    now: Instant

    @property
    def faults(self) -> dict[str, Affected]:
        return _faults(self.newest, self.before, self.now)

    @property
    def new_subjects(self) -> list[str]:
        """Of the risks that may be opened."""
        return [_subject(self.mn, reason) for reason in self.faults if reason not in self.before]

    def drafts(self, places: _Places) -> Iterator[RiskDraft]:
        faults = self.faults
        for reason, row in self.before.items():
            if reason not in faults:
                yield RiskDraft.ended(row, Cleared.RESUMED, self.now, why=wording.healed())
        for reason, affected in sorted(faults.items()):
            rows = [row for row in affected.values() if row is not None]
            if rows:
                yield _draft(places, self.before.get(reason), reason, sorted(affected), rows, self.now)


def _subject(mn: str, reason: str) -> str:
    return f"{mn}/{reason}"


def _draft(
    places: _Places,
    before: RiskRow | None,
    reason: str,
    factors: Sequence[str],
    rows: Sequence[VerdictRow],
    now: Instant,
) -> RiskDraft:
    newest = max(rows, key=lambda row: (row.start_s, row.factor))
    subject = _subject(newest.mn, reason)
    first = before.first_window_s if before is not None else min(row.start_s for row in rows)
    place = Place.of_window(newest, places.sites.get(newest.mn))
    return RiskDraft.about(
        replace(place, factor=OXYGEN if reason in OF_OXYGEN else factors[0]),
        kind=KIND,
        condition=fault_condition(reason),
        why=_why(factors, reason, newest),
        subject=subject,
        span=RiskSpan(first, first, newest.start_s),
        now=now,
        before=before,
        issued=places.issued.get(subject, 0),
        facts={"fault": reason, "factors": list(factors)},
    )


def _why(factors: Sequence[str], reason: str, newest: VerdictRow) -> wording.Why:
    """`newest`: the window whose numbers are named."""
    if newest.doubt is None or newest.doubted is None:
        return wording.faulty(factors, reason)
    doubted = plain(from_micro(newest.doubted))
    if newest.doubt is Doubt.CONVERTED_MISMATCH:
        own = shown_value(newest.decided, newest.bound) or ""
        return wording.mismatched(newest.factor, reported=doubted, own=own, unit=newest.unit)
    if newest.doubt is Doubt.OXYGEN_IMPLAUSIBLE:
        return wording.implausible(OXYGEN, value=doubted, unit="%")
    return wording.implausible(newest.factor, value=doubted, unit=newest.unit)


def _faults(newest: Mapping[str, VerdictRow], before: Mapping[str, RiskRow], now: Instant) -> dict[str, Affected]:
    """Reason → the factors that suffer: shown by a window of now, or known and not contradicted since."""
    known = {reason: _factors_of(row) for reason, row in before.items()}
    faults: dict[str, Affected] = {}
    for factor, row in newest.items():
        reason = fault(row)
        if reason and (is_recent(row, now) or factor in known.get(reason, ())):
            faults.setdefault(reason, {})[factor] = row
    for reason, factors in known.items():
        for factor in factors - newest.keys():
            faults.setdefault(reason, {})[factor] = None
    return faults


def _factors_of(row: RiskRow) -> set[str]:
    """The factors that the open risk names."""
    named = row.facts["factors"]
    return {str(factor) for factor in named} if isinstance(named, Sequence) else set()


def _may_open(change: VerdictChange, now: Instant) -> bool:
    """A broken window of now, or one decided anew: what it hid may come to light."""
    after = change.after
    if after.historical:
        return False
    return change.before is not None or (fault(after) is not None and is_recent(after, now))
