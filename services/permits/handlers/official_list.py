"""Takes rows of the official list into the register, many in one transaction: what it sets, what it leaves as it is.

A row sets number, name, validity and category. It makes an enterprise that is not registered yet; of one that is, only
the name, and only by the first of its permits. A row older than what is registered changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from sqlmodel import Session

from services.permits.domain import permit as rules
from services.permits.domain.enterprise import Enterprise, EnterpriseDocument, registered
from services.permits.domain.import_report import Finding, Outcome
from services.permits.domain.permit import Change, PermitHistory, Wish, merge_listed
from services.permits.handlers.enterprises import published_enterprise
from services.permits.handlers.permits import published_permit, put_permit
from services.permits.handlers.publishing import Registrar
from services.permits.handlers.renewals import AsOf, as_of_now, evaluate_all, renewed_entry
from services.permits.importing.official_list import Entry
from services.permits.store import coverage_gaps as gaps
from services.permits.store import official_list as listing
from services.permits.store import renewals
from services.permits.store.official_list import ChangedPermit
from shared.access import Caller, Subject, sees
from shared.domain.errors import Invalid

T = TypeVar("T")
CREATED, CHANGED, UNCHANGED, REFUSED = "created", "changed", "unchanged", "refused"
DUPLICATE = "duplicate"  # rows that another row of the file, of the same number, stands for


@dataclass
class Taken:
    """What a batch came to."""

    counts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    def refuse(self, line: int, name: str, value: str, reason: str) -> None:
        self.counts[REFUSED] += 1
        self.findings.append(Finding(line, name, value, reason, Outcome.REFUSED))


@dataclass(frozen=True, slots=True)
class _Holder:
    """What is known of one enterprise, before a row is taken in."""

    entry: Enterprise | None
    named: Enterprise | None
    first: str | None


@dataclass
class _Known:
    """What the register holds of a batch's enterprises and permits, and what has changed of it so far."""

    enterprises: dict[str, Enterprise]
    permits: dict[str, PermitHistory]
    first: dict[str, str]
    before: Mapping[str, PermitHistory]
    named: dict[str, Enterprise] = field(default_factory=dict)
    changed: dict[str, PermitHistory] = field(default_factory=dict)

    def put_back(self, code: str, holder: _Holder) -> None:
        """The enterprise is again as it was."""
        _put_back(self.enterprises, code, holder.entry)
        _put_back(self.named, code, holder.named)
        _put_back(self.first, code, holder.first)


def _put_back(known: dict[str, T], code: str, former: T | None) -> None:
    if former is None:
        known.pop(code, None)
    else:
        known[code] = former


def take_list(
    registrar: Registrar, session: Session, caller: Caller, entries: Sequence[Entry], *, dry_run: bool
) -> Taken:
    """Load → decide → save → publish; a dry run ends after deciding."""
    taken, as_of = Taken(), as_of_now(registrar, session)
    known = _load(session, entries)
    for entry in entries:
        _take(registrar, session, caller, entry, known, taken, dry_run=dry_run)
    if not dry_run:
        _save(registrar, session, known, as_of)
    return taken


def _load(session: Session, entries: Sequence[Entry]) -> _Known:
    codes = [entry.credit_code for entry in entries]
    permits = listing.permits(session, [entry.permit.number for entry in entries])
    return _Known(
        enterprises=listing.enterprises(session, codes),
        permits=dict(permits),
        first=listing.first_numbers(session, codes),
        before=permits,
    )


def _take(
    registrar: Registrar,
    session: Session,
    caller: Caller,
    entry: Entry,
    known: _Known,
    taken: Taken,
    *,
    dry_run: bool,
) -> None:
    code = entry.credit_code
    former = _Holder(known.enterprises.get(code), known.named.get(code), known.first.get(code))
    try:
        holder_changed = _take_holder(registrar, caller, entry, known)
        change = _take_permit(registrar, session, caller, entry, known, dry_run=dry_run)
    except Invalid as wrong:
        known.put_back(code, former)  # a row that is refused renames nobody
        taken.refuse(entry.line, wrong.field, str(wrong.value), f"expected: {wrong.rule}")
        return
    if change is Change.FIRST:
        taken.counts[CREATED] += 1
    else:
        taken.counts[UNCHANGED if change is Change.NONE and not holder_changed else CHANGED] += 1


def _take_holder(registrar: Registrar, caller: Caller, entry: Entry, known: _Known) -> bool:
    """The enterprise made or renamed; raises Invalid when the row does not have enough of a new one."""
    code = entry.credit_code
    former = known.enterprises.get(code)
    document = _named(former, entry, known.first) if former else _new_holder(entry)
    if not sees(caller, Subject(None, document.region)):
        raise Invalid(
            f"{code} is outside the scope",
            field="region",
            value=document.region,
            rule="an enterprise of your division",
        )
    known.first[code] = min(entry.permit.number, known.first.get(code, entry.permit.number))
    enterprise = registered(former, document, registrar.now())
    if enterprise is former:
        return False
    known.enterprises[code] = known.named[code] = enterprise
    return True


def _named(former: Enterprise, entry: Entry, first: Mapping[str, str]) -> EnterpriseDocument:
    """Plants of one enterprise stand in the list under their own names: the first permit's row names it."""
    leads = entry.permit.number <= first.get(entry.credit_code, entry.permit.number)
    return replace(former.document, name=entry.name) if leads and entry.name else former.document


def _new_holder(entry: Entry) -> EnterpriseDocument:
    return EnterpriseDocument(
        credit_code=entry.credit_code,
        name=_needed("name", entry.name),
        industry=_needed("industry", entry.industry),
        region=_needed("region", entry.region),
        longitude=entry.longitude,
        latitude=entry.latitude,
    )


def _needed(field: str, value: str | None) -> str:
    if value is None:
        rule = "needed for an enterprise not registered yet"
        raise Invalid(f"the row has no {field}", field=field, value="", rule=rule)
    return value


def _take_permit(
    registrar: Registrar, session: Session, caller: Caller, entry: Entry, known: _Known, *, dry_run: bool
) -> Change:
    number = entry.permit.number
    former = known.permits.get(number) or PermitHistory(number, entry.credit_code)
    newest = former.newest
    if newest is not None and entry.permit.valid_from < newest.valid_from:
        raise Invalid(
            f"{number} is registered from {newest.valid_from}",
            field="valid_from",
            value=entry.permit.valid_from.isoformat(),
            rule=f"not older than the period registered, from {newest.valid_from}",
        )
    wish = Wish(merge_listed(newest.document if newest else None, entry.permit))
    outcome = rules.put(former, wish, today=registrar.today(), now=registrar.now())
    if outcome.change is Change.NONE:
        return outcome.change
    if wish.document.outlets is not None:  # its points take part: as a single permit
        if not dry_run:
            put_permit(registrar, session, caller, number=number, wish=wish, points=[])
        return outcome.change
    history = replace(outcome.history, revision=former.revision if number in known.changed else former.revision + 1)
    known.permits[number] = known.changed[number] = history
    return outcome.change


def _save(registrar: Registrar, session: Session, known: _Known, as_of: AsOf) -> None:
    listing.save_enterprises(session, list(known.named.values()))
    listing.save_permits(
        session, [ChangedPermit(history, known.before.get(number)) for number, history in known.changed.items()]
    )
    registrar.publish_all(session, [published_enterprise(one) for one in known.named.values()])
    registrar.publish_all(session, [published_permit(one, {}) for one in known.changed.values()])
    former = renewals.find(session, known.changed) if known.changed.keys() & known.before.keys() else {}
    entries = [
        replace(renewed_entry(history, former.get(number)), holder=known.enterprises[history.credit_code].document)
        for number, history in known.changed.items()
    ]
    evaluate_all(registrar, session, entries, as_of)
    gaps.schedule_checks_of(session, sorted({one.credit_code for one in known.changed.values()}), as_of.today)
