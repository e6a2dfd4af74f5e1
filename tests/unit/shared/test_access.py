"""The one rule of who may see what, case by case; that its SQL says the same is a contract test."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, MetaData, String, Table

from shared.access import (
    Caller,
    Columns,
    Role,
    Subject,
    acts_for,
    must_see,
    of_own_enterprises,
    own_division,
    own_enterprise,
    sees,
    visible,
)
from shared.domain.errors import NotFound

MINE, OTHER = "91150102MA0N0AAA1B", "91150102MA0N0BBB2C"
ENTERPRISE = Caller(Role.ENTERPRISE, "e", credit_codes=(MINE,))
OFFICER = Caller(Role.OFFICER, "o", region="1501")
INVESTIGATOR = Caller(Role.OFFICER, "i", region="1501", scopes=("investigate",))
OPS, ADMIN, DEVICE = Caller(Role.OPS, "p"), Caller(Role.ADMIN, "a"), Caller(Role.DEVICE, "d", mns=("A1",))
EXCESS = Subject(MINE, "150102", "emission.exceeded")
SUSPICION = Subject(MINE, "150102", "data.suspect")

ROW = Table("subject", MetaData(), Column("credit_code", String), Column("region", String))


@pytest.mark.parametrize(
    ("caller", "subject", "seen"),
    [
        (ENTERPRISE, EXCESS, True),
        (ENTERPRISE, Subject(OTHER, "150102", "emission.exceeded"), False),
        (ENTERPRISE, Subject(MINE, "150102", "permit.renewal", hidden=True), False),
        (ENTERPRISE, SUSPICION, False),
        (ENTERPRISE, Subject(None, "150102", recipients=frozenset({MINE})), True),
        (ENTERPRISE, Subject(None, "150102", recipients=frozenset({OTHER})), False),
        (OFFICER, EXCESS, True),
        (OFFICER, Subject(MINE, "150202", "emission.exceeded"), False),
        (OFFICER, Subject(MINE, None), False),
        (OFFICER, SUSPICION, False),
        (INVESTIGATOR, SUSPICION, True),
        (INVESTIGATOR, Subject(MINE, "320100", "data.suspect"), False),
        (Caller(Role.OFFICER, "nobody"), EXCESS, False),
        (Caller(Role.OFFICER, "nobody", region=""), EXCESS, False),
        (OPS, EXCESS, False),
        (OPS, Subject(None, "150102", "data.outage"), True),
        (OPS, SUSPICION, False),
        (ADMIN, SUSPICION, True),
        (DEVICE, EXCESS, False),
    ],
    ids=str,
)
def test_who_sees_what(caller: Caller, subject: Subject, seen: bool) -> None:
    assert sees(caller, subject) is seen


def test_what_is_not_seen_is_not_there() -> None:
    must_see(OFFICER, "alert", "alr_7", EXCESS)
    with pytest.raises(NotFound, match="no such alert 'alr_7'"):
        must_see(OFFICER, "alert", "alr_7", SUSPICION)


def test_rows_that_show_only_state_are_seen_by_operators() -> None:
    state = Columns(ROW.c.credit_code, ROW.c.region, state_only=True)
    assert str(visible(OPS, state)) == "true" and str(visible(OPS, Columns(ROW.c.credit_code, ROW.c.region))) == "false"


def test_for_whom_a_caller_acts() -> None:
    several = Caller(Role.ENTERPRISE, "s", credit_codes=(MINE, OTHER))
    assert [own_enterprise(one) for one in (ENTERPRISE, several, OFFICER)] == [MINE, None, None]
    assert acts_for(several, OTHER) and not acts_for(ENTERPRISE, OTHER) and not acts_for(ADMIN, MINE)
    assert [own_division(one) for one in (OFFICER, Caller(Role.OFFICER, "n", region=""), ADMIN)] == ["1501", None, None]
    for caller in (ENTERPRISE, several, OFFICER):
        found = str(of_own_enterprises(caller, ROW.c.credit_code).compile(compile_kwargs={"literal_binds": True}))
        assert [code in found for code in (MINE, OTHER)] == [acts_for(caller, code) for code in (MINE, OTHER)]
