"""One JSON document of an import, read with the shapes of the API and taken in by the same handlers."""

from __future__ import annotations

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from sqlmodel import Session

from services.permits.api.register import enterprise_document, outlet_wishes, permit_wish
from services.permits.api.requests import EnterpriseIn, PermitIn
from services.permits.domain.enterprise import Enterprise
from services.permits.domain.import_report import Finding, Outcome
from services.permits.handlers import enterprises, permits
from services.permits.handlers.official_list import CHANGED, CREATED, UNCHANGED, Taken
from services.permits.handlers.permits import PermitView
from services.permits.handlers.publishing import Registrar, Written
from services.permits.importing.documents import Document
from shared.access import Caller
from shared.domain.errors import Invalid
from shared.domain.json import JsonObject

SECRETS = ("password", "secret", "key")


def take_document(registrar: Registrar, session: Session, caller: Caller, line: Document) -> Taken:
    """An enterprise or a permit registered; raises Invalid with everything that is wrong with it."""
    if line.content is None:
        raise Invalid(line.wrong or "", field="document", value="", rule=line.wrong or "a JSON object")
    written = _put(registrar, session, caller, line.content)
    taken = Taken()
    taken.counts[CREATED if written.created else CHANGED if written.changed else UNCHANGED] += 1
    taken.findings += [Finding(line.line, "", "", note, Outcome.MENDED) for note in written.notes]
    return taken


def _put(
    registrar: Registrar, session: Session, caller: Caller, document: JsonObject
) -> Written[Enterprise] | Written[PermitView]:
    try:
        if "number" in document:
            number, permit = str(document["number"]), PermitIn.model_validate(document)
            wish, points = permit_wish(number, permit), outlet_wishes(permit)
            return permits.put_permit(registrar, session, caller, number=number, wish=wish, points=points)
        code, enterprise = str(document.get("credit_code") or ""), EnterpriseIn.model_validate(document)
        return enterprises.put_enterprise(
            registrar, session, caller, credit_code=code, document=enterprise_document(code, enterprise)
        )
    except ValidationError as wrong:
        raise _invalid(wrong) from wrong


def _invalid(wrong: ValidationError) -> Invalid:
    found = [
        Invalid(one["msg"], field=_path(one["loc"]), value=_shown(one), rule=one["msg"].removeprefix("Value error, "))
        for one in wrong.errors()
    ]
    first = found[0]
    return Invalid(first.detail, field=first.field, value=first.value, rule=first.rule, also=found[1:])


def _path(loc: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).removeprefix(".")


def _shown(error: ErrorDetails) -> object:
    """What came; never a secret, never what stands under a name we do not know."""
    hidden = error["type"] == "extra_forbidden" or any(word in _path(error["loc"]) for word in SECRETS)
    return "…" if hidden else error.get("input")
