"""One JSON document of an import, read with the same shapes as the doors and taken in by the same handlers."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError
from sqlmodel import Session

from services.permits.api.register import permit_wish, placed
from services.permits.api.requests import EnterpriseIn, PermitIn
from services.permits.domain.import_report import Finding, Outcome
from services.permits.handlers import enterprises, permits
from services.permits.handlers.official_list import CHANGED, CREATED, UNCHANGED, Taken
from services.permits.handlers.publishing import Registrar, Written
from services.permits.importing.documents import Document
from shared.access import Caller
from shared.domain.errors import Invalid

SECRETS = ("password", "secret", "key")


def take_document(registrar: Registrar, session: Session, caller: Caller, line: Document) -> Taken:
    """An enterprise or a permit registered; raises Invalid with everything that is wrong with it."""
    if line.content is None:
        raise Invalid(line.wrong or "", field="document", value="", rule=line.wrong or "a JSON object")
    written = _put(registrar, session, caller, dict(line.content))
    taken = Taken()
    taken.counts[CREATED if written.created else CHANGED if written.changed else UNCHANGED] += 1
    notes: list[str] = list(written.view.get("notes", ()))
    taken.findings += [Finding(line.line, "", "", note, Outcome.MENDED) for note in notes]
    return taken


def _put(registrar: Registrar, session: Session, caller: Caller, document: dict[str, Any]) -> Written:
    try:
        if "number" in document:
            permit = PermitIn.model_validate(document)
            return permits.put_permit(
                registrar,
                session,
                caller,
                number=str(document["number"]),
                wish=permit_wish(permit),
                placed=placed(permit),
            )
        enterprise = EnterpriseIn.model_validate(document)
        return enterprises.put_enterprise(
            registrar,
            session,
            caller,
            credit_code=str(document.get("credit_code") or ""),
            document=enterprise.model_dump(mode="json"),
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


def _shown(error: Any) -> Any:
    """What came; never a secret, never what stands under a name we do not know."""
    hidden = error["type"] == "extra_forbidden" or any(word in _path(error["loc"]) for word in SECRETS)
    return "…" if hidden else error.get("input")
