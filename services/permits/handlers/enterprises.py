"""Enterprises and divisions: registered, changed, shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from services.permits.domain.document import Findings
from services.permits.handlers.coverage_gaps import region_changed
from services.permits.handlers.publishing import Registrar, Written, must_govern, must_hold_scope
from services.permits.store import register as store
from services.permits.store.register import EnterpriseEntry, RegionEntry
from shared.access import Caller, Subject, must_see, sees
from shared.domain import identity
from shared.domain.clock import rfc3339
from shared.domain.errors import Invalid, NotFound
from shared.domain.industry import industry
from shared.domain.region import region


def put_enterprise(
    registrar: Registrar, session: Session, caller: Caller, *, credit_code: str, document: Mapping[str, Any]
) -> Written:
    """Register an enterprise or change it; the same document again changes nothing."""
    must_hold_scope(caller)
    _must_be_right(credit_code, document)
    former = store.find_enterprise(session, credit_code, lock=True)
    if former is not None:
        must_govern(caller, former.region, "enterprise")
    must_govern(caller, document["region"], "division in your scope")
    wanted = {**document, "credit_code": credit_code}
    if former is not None and former.document == wanted:
        return Written(enterprise_view(former), created=False, changed=False)
    version = {"recorded_at": rfc3339(registrar.now()), "document": wanted}
    entry = EnterpriseEntry(
        credit_code, wanted, (*(former.versions if former else ()), version), former.revision + 1 if former else 1
    )
    store.save_enterprise(session, entry)
    facts = {"document": wanted, "versions": list(entry.versions)}
    registrar.say(session, "enterprise", credit_code, revision=entry.revision, facts=facts)
    return Written(enterprise_view(entry), created=former is None, changed=True)


def _must_be_right(credit_code: str, document: Mapping[str, Any]) -> None:
    findings = Findings()
    checks = (
        lambda: enterprise_code(credit_code),
        lambda: region(document["region"]),
        lambda: industry(document["industry"]),
    )
    for check in checks:
        try:
            check()
        except Invalid as wrong:
            findings.wrongs.append(wrong)
    if document.get("credit_code") not in (None, credit_code):
        findings.wrong("credit_code", document["credit_code"], f"the one of the address, {credit_code}")
    findings.refuse()


def enterprise_code(text: str) -> str:
    """A credit code, or the code that HJ 608-2017 gives units without one; raises Invalid."""
    return text if re.fullmatch(identity.NO_CODE_UNIT, text) else identity.credit_code(text)


def enterprise(session: Session, caller: Caller, credit_code: str) -> EnterpriseEntry:
    """The enterprise; raises NotFound, also outside the caller's scope."""
    entry = store.find_enterprise(session, credit_code)
    must_see(caller, "enterprise", Subject(credit_code, entry.region if entry else None))
    if entry is None:
        raise NotFound("no such enterprise")
    return entry


def enterprise_view(entry: EnterpriseEntry) -> dict[str, Any]:
    return {**entry.document, "revision": entry.revision, "versions": list(entry.versions)}


def put_region(
    registrar: Registrar, session: Session, caller: Caller, *, code: str, register_complete: bool
) -> Written:
    """Say whether the register of a division is complete."""
    must_hold_scope(caller)
    region(code, "code")
    must_govern(caller, code, "division in your scope")
    former = store.find_region(session, code, lock=True)
    if former is not None and former.register_complete == register_complete:
        return Written(region_view(former), created=False, changed=False)
    entry = RegionEntry(code, register_complete, former.revision + 1 if former else 1)
    store.save_region(session, entry)
    registrar.say(session, "region", code, revision=entry.revision, facts={"register_complete": register_complete})
    region_changed(registrar, session, code)
    return Written(region_view(entry), created=former is None, changed=True)


def one_region(session: Session, caller: Caller, code: str) -> RegionEntry:
    """What is registered of a division; raises NotFound."""
    entry = store.find_region(session, code)
    if entry is None or not sees(caller, Subject(None, code)):
        raise NotFound("no such division")
    return entry


def region_view(entry: RegionEntry) -> dict[str, Any]:
    return {
        "code": entry.code,
        "name": region(entry.code).name,
        "register_complete": entry.register_complete,
        "revision": entry.revision,
    }
