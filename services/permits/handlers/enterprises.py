"""Enterprises and divisions: registered, changed, shown."""

from __future__ import annotations

import re

import structlog
from sqlmodel import Session

from services.permits.domain.document import Examination
from services.permits.domain.encoding import encode
from services.permits.domain.enterprise import Enterprise, EnterpriseDocument, accepted, must_be_accepted, registered
from services.permits.handlers.coverage_gaps import region_changed
from services.permits.handlers.publishing import RegisteredObject, Registrar, Written, must_govern, must_hold_scope
from services.permits.store import register as store
from services.permits.store.enterprises import version_json
from services.permits.store.register import RegionEntry
from shared.access import Caller, Subject, must_see, sees
from shared.domain import identity
from shared.domain.errors import Invalid, no_such
from shared.domain.industry import industry
from shared.domain.json import JsonObject
from shared.domain.region import region

log = structlog.get_logger(__name__)
ACCEPT = "accept_check_character"  # of PUT /permits/v1/enterprises/{credit_code}


def put_enterprise(
    registrar: Registrar,
    session: Session,
    caller: Caller,
    *,
    credit_code: str,
    document: EnterpriseDocument,
    accept_check_character: bool = False,
) -> Written[Enterprise]:
    """Register an enterprise or change it; the same document again changes nothing. `credit_code`: of the address;
    `accept_check_character`: the caller has seen that the code was issued so, although its check character does not fit.

    Raises: Invalid with everything that is wrong; Forbidden; NotFound outside the caller's scope."""
    must_hold_scope(caller)
    former = store.find_enterprise(session, credit_code, lock=True)
    if former is not None:
        must_govern(caller, former.region, "enterprise", credit_code)
    must_accept = must_be_accepted(credit_code, former)
    _must_be_right(credit_code, document, must_accept=must_accept and not accept_check_character)
    must_govern(caller, document.region, "division in your scope:", document.region)
    enterprise = registered(former, document, registrar.now())
    if must_accept:
        enterprise = accepted(enterprise)
        log.info("a check character that does not fit was accepted", credit_code=credit_code, by=caller.subject)
    if enterprise == former:
        return Written(enterprise, created=False, changed=False)
    store.save_enterprise(session, enterprise, new=former is None)
    if former is None or enterprise.revision != former.revision:
        registrar.publish(session, published_enterprise(enterprise))
    return Written(enterprise, created=former is None, changed=True)


def published_enterprise(enterprise: Enterprise) -> RegisteredObject:
    """The enterprise as `registry` has it."""
    versions = [version_json(version) for version in enterprise.versions]
    facts: JsonObject = {"document": encode(enterprise.document), "versions": versions}
    return RegisteredObject("enterprise", enterprise.credit_code, enterprise.revision, facts)


def _must_be_right(credit_code: str, document: EnterpriseDocument, *, must_accept: bool) -> None:
    examination = Examination()
    checks = (
        lambda: (enterprise_code if must_accept else issued_code)(credit_code),
        lambda: region(document.region),
        lambda: industry(document.industry),
    )
    for check in checks:
        try:
            check()
        except Invalid as wrong:
            examination.wrongs.append(_with_remedy(wrong))
    if document.credit_code != credit_code:
        examination.wrong("credit_code", document.credit_code, f"the one of the address, {credit_code}")
    examination.refuse()


def _with_remedy(wrong: Invalid) -> Invalid:
    """The same; where only the check character does not fit, with what an officer can do."""
    if wrong.rule != identity.CHECKED:
        return wrong
    rule = f"{wrong.rule}; a code that was issued so is accepted by an officer with {ACCEPT}=true"
    return Invalid(wrong.detail, field=wrong.field, value=wrong.value, rule=rule)


def enterprise_code(text: str) -> str:
    """A credit code, or the code that HJ 608-2017 gives units without one; raises Invalid."""
    return text if re.fullmatch(identity.NO_CODE_UNIT, text) else identity.credit_code(text)


def issued_code(text: str) -> str:
    """The same without regard to the check character: codes were issued with a wrong one; raises Invalid."""
    return text if re.fullmatch(identity.NO_CODE_UNIT, text) else identity.parse_credit_code(text).text


def registered_code(session: Session, text: str) -> str:
    """A code whose check character fits, or one that is registered; raises Invalid."""
    if store.find_enterprise(session, issued_code(text)) is not None:
        return text
    return enterprise_code(text)


def enterprise(session: Session, caller: Caller, credit_code: str) -> Enterprise:
    """The enterprise; raises NotFound, also outside the caller's scope."""
    found = store.find_enterprise(session, credit_code)
    must_see(caller, "enterprise", credit_code, Subject(credit_code, found.region if found else None))
    if found is None:
        raise no_such("enterprise", credit_code)
    return found


def put_region(
    registrar: Registrar, session: Session, caller: Caller, *, code: str, register_complete: bool
) -> Written[RegionEntry]:
    """Declare whether the register of a division is complete."""
    must_hold_scope(caller)
    region(code, "code")
    must_govern(caller, code, "division in your scope:", code)
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
        raise no_such("division", code)
    return entry
