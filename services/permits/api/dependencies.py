"""Who may call what of the register, and the transaction that its routes write in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TypeVar

from fastapi import Path, Query, Response
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from services.permits.api.fields import CREDIT_CODE, DIVISION, MN_TEXT, NAMED, NUMBER
from services.permits.handlers.publishing import Written
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.errors import Conflict
from shared.runtime.auth import allow
from shared.runtime.parameters import CursorText
from shared.runtime.web import read_cursor

Reader = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER)]
Overseer = Annotated[Caller, allow(Role.OFFICER)]
Writer = Annotated[Caller, allow(Role.OFFICER)]
Anyone = Annotated[Caller, allow(Role.ENTERPRISE, Role.OFFICER, Role.DEVICE, Role.OPS)]
Admin = Annotated[Caller, allow()]
Cursor = Annotated[CursorText | None, Query()]
Limit = Annotated[int, Query(ge=1, le=500)]
# rules of each kind are the handlers'; who registers an object learns more of them from the schema
Named = Annotated[str, Path(pattern=NAMED)]
NewCreditCode = Annotated[str, Path(pattern=NAMED, json_schema_extra=CREDIT_CODE)]
NewNumber = Annotated[str, Path(pattern=NAMED, json_schema_extra=NUMBER)]
NewMn = Annotated[str, Path(pattern=NAMED, json_schema_extra=MN_TEXT)]
Division = Annotated[str, Path(pattern=NAMED, json_schema_extra=DIVISION)]
RegionPrefix = Annotated[str | None, Query(pattern=r"^([0-9]{2}){1,3}$", description="2, 4 or 6 digits")]
CreditCode = Annotated[str | None, Query(max_length=18, pattern=r"^[0-9A-Za-z]+$")]

Value = TypeVar("Value")


@contextmanager
def writing(database: Database) -> Iterator[Session]:
    """`transaction()`; two that create the same object at once: the second gets a Conflict, to try again."""
    try:
        with database.transaction() as session:
            yield session
    except IntegrityError as clash:
        raise Conflict("the same object was written at the same time; try again", code="concurrent-write") from clash


def answered(written: Written[Value], response: Response) -> Written[Value]:
    """201 on creation, 200 on change and no change; `changed` in the answer tells them apart."""
    response.status_code = 201 if written.created else 200
    return written


def behind(cursor: str | None) -> str:
    """The key that a list goes on after."""
    key = read_cursor(cursor, str)
    return key[0] if key else ""
