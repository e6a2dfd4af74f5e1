"""Enterprises and divisions: registered, changed, shown."""

from __future__ import annotations

import re

from sqlmodel import Session

from services.permits.domain.document import Findings
from services.permits.domain.encoding import encode
from services.permits.domain.enterprise import Enterprise, EnterpriseDocument, registered
from services.permits.handlers.coverage_gaps import region_changed
from services.permits.handlers.publishing import RegisteredObject, Registrar, Written, must_govern, must_hold_scope
from services.permits.store import register as store
from services.permits.store.enterprises import version_json
from services.permits.store.register import RegionEntry
from shared.access import Caller, Subject, must_see, sees
from shared.domain import identity
from shared.domain.errors import Invalid, NotFound
from shared.domain.industry import industry
from shared.domain.json import JsonObject
from shared.domain.region import region


def put_enterprise(
    registrar: Registrar, session: Session, caller: Caller, *, credit_code: str, document: EnterpriseDocument
) -> Written[Enterprise]:
    """Register an enterprise or change it; the same document again changes nothing. `credit_code`: of the address."""
    must_hold_scope(caller)
    _must_be_right(credit_code, document)
    former = store.find_enterprise(session, credit_code, lock=True)
    if former is not None:
        must_govern(caller, former.region, "enterprise")
    must_govern(caller, document.region, "division in your scope")
    enterprise = registered(former, document, registrar.now())
    if enterprise is former:
        return Written(enterprise, created=False, changed=False)
    store.save_enterprise(session, enterprise)
    registrar.publish(session, published_enterprise(enterprise))
    return Written(enterprise, created=former is None, changed=True)


def published_enterprise(enterprise: Enterprise) -> RegisteredObject:
    """The enterprise as `registry` has it."""
    versions = [version_json(version) for version in enterprise.versions]
    facts: JsonObject = {"document": encode(enterprise.document), "versions": versions}
    return RegisteredObject("enterprise", enterprise.credit_code, enterprise.revision, facts)


def _must_be_right(credit_code: str, document: EnterpriseDocument) -> None:
    findings = Findings()
    checks = (
        lambda: enterprise_code(credit_code),
        lambda: region(document.region),
        lambda: industry(document.industry),
    )
    for check in checks:
        try:
            check()
        except Invalid as wrong:
            findings.wrongs.append(wrong)
    if document.credit_code != credit_code:
        findings.wrong("credit_code", document.credit_code, f"the one of the address, {credit_code}")
    findings.refuse()


def enterprise_code(text: str) -> str:
    """A credit code, or the code that HJ 608-2017 gives units without one; raises Invalid."""
    return text if re.fullmatch(identity.NO_CODE_UNIT, text) else identity.credit_code(text)


def enterprise(session: Session, caller: Caller, credit_code: str) -> Enterprise:
    """The enterprise; raises NotFound, also outside the caller's scope."""
    found = store.find_enterprise(session, credit_code)
    must_see(caller, "enterprise", Subject(credit_code, found.region if found else None))
    if found is None:
        raise NotFound("no such enterprise")
    return found


def put_region(
    registrar: Registrar, session: Session, caller: Caller, *, code: str, register_complete: bool
) -> Written[RegionEntry]:
    """Declare whether the register of a division is complete."""
    must_hold_scope(caller)
    region(code, "code")
    must_govern(caller, code, "division in your scope")
    former = store.find_region(session, code, lock=True)
    if former is not None and former.register_complete == register_complete:
        return Written(former, created=False, changed=False)
    entry = RegionEntry(code, register_complete, former.revision + 1 if former else 1)
    store.save_region(session, entry)
    registrar.publish(
        session, RegisteredObject("region", code, entry.revision, {"register_complete": register_complete})
    )
    region_changed(registrar, session, code)
    return Written(entry, created=former is None, changed=True)


def one_region(session: Session, caller: Caller, code: str) -> RegionEntry:
    """What is registered of a division; raises NotFound."""
    entry = store.find_region(session, code)
    if entry is None or not sees(caller, Subject(None, code)):
        raise NotFound("no such division")
    return entry
