"""Facts and exposure of peers as rows: who was affected when, and whose permit has which families."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlmodel import Session

from services.alerts.domain.peer import GROUP_CHARACTERS, SEEN, Affected, Exposed, family_of, slot_after
from services.alerts.store.peer_tables import ENTERPRISE, FACT, PERMIT
from services.alerts.store.sql_types import StoredDocument
from shared.domain.json import read_objects, read_text
from shared.domain.pollutant import families_measured
from shared.domain.risk import Risk
from shared.register import Enterprise, Permit, PermitVersion
from shared.sql import embedded, insert_into, upsert

PROVINCE_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Field:
    """What is decided together: facts of one kind and family of one 3-digit group in one province."""

    province: str
    industry_group: str
    kind: str
    family: str


@dataclass(frozen=True, slots=True)
class Place:
    """A class and division that has new facts."""

    industry: str
    region: str


class PeerStore:
    """Every method works inside the caller's session."""

    def add(self, session: Session, risk: Risk, *, since: datetime, now: datetime) -> None:
        """A risk that counts, first seen `since`; one that is there already counts again."""
        industry = risk.industry or ""
        row = {
            "risk_id": risk.id,
            "credit_code": risk.credit_code,
            "party": risk.group,
            "industry": industry,
            "industry_group": industry[:GROUP_CHARACTERS],
            "region": risk.region,
            "province": risk.region[:PROVINCE_DIGITS],
            "kind": risk.kind,
            "family": family_of(risk),
            "at": since,
            "seen_at": now,
            "slot": slot_after(now),
            "counted": True,
            "judged": False,
        }
        insert = insert_into(FACT, sqlite=embedded(session)).values(row)
        again = insert.on_conflict_do_update(index_elements=["risk_id"], set_={"counted": True})
        session.connection().execute(again)

    def take_back(self, session: Session, risk_id: str) -> None:
        """It turned out not to be one."""
        session.connection().execute(update(FACT).where(FACT.c.risk_id == risk_id).values(counted=False))

    def waiting(self, session: Session, now: datetime) -> list[Field]:
        """Where there are facts to be judged by now."""
        columns = (FACT.c.province, FACT.c.industry_group, FACT.c.kind, FACT.c.family)
        query = select(*columns).where(FACT.c.judged.is_(False), FACT.c.slot <= now).distinct().order_by(*columns)
        return [Field(*row) for row in session.connection().execute(query)]

    def judge(self, session: Session, field: Field, now: datetime) -> list[Place]:
        """Mark the new facts as judged; where they are. A second judge waits for the first and finds none."""
        new = and_(_of(field), FACT.c.judged.is_(False), FACT.c.slot <= now)
        query = select(FACT.c.industry, FACT.c.region, FACT.c.counted).where(new).with_for_update()
        found = {Place(row.industry, row.region) for row in session.connection().execute(query) if row.counted}
        session.connection().execute(update(FACT).where(new).values(judged=True))
        return sorted(found, key=lambda place: (place.industry, place.region))

    def affected(self, session: Session, field: Field, slot: datetime) -> list[Affected]:
        """Those seen before the slot, as far back as it matters."""
        query = select(FACT).where(_of(field), FACT.c.counted.is_(True), FACT.c.at > slot - SEEN, FACT.c.seen_at < slot)
        rows = session.connection().execute(query)
        return [Affected(row.credit_code, row.industry, row.region, row.at, row.party) for row in rows]

    def exposed(self, session: Session, field: Field, day: date) -> list[Exposed]:
        """Enterprises of the group in the province with a permit, valid on the day, that has the family."""
        query = (
            select(*ENTERPRISE.c, PERMIT.c.versions)
            .join(PERMIT, PERMIT.c.credit_code == ENTERPRISE.c.credit_code)
            .where(ENTERPRISE.c.province == field.province, ENTERPRISE.c.industry_group == field.industry_group)
        )
        found: dict[str, Exposed] = {}
        for row in session.connection().execute(query):
            if row.credit_code not in found and _has(row.versions, field.family, day):
                found[row.credit_code] = Exposed(row.credit_code, row.industry, row.region, row.party)
        return [found[code] for code in sorted(found)]

    # the register
    def keep_enterprise(self, session: Session, known: Enterprise) -> None:
        industry, region = known.industry or "", known.region or ""  # an imported one may lack them: it is in no class
        row = {
            "credit_code": known.credit_code,
            "industry": industry,
            "industry_group": industry[:GROUP_CHARACTERS],
            "region": region,
            "province": region[:PROVINCE_DIGITS],
            "party": (known.group or "").strip() or None,
        }
        upsert(session, ENTERPRISE, [row])

    def keep_permit(self, session: Session, permit: Permit) -> None:
        session.connection().execute(delete(PERMIT).where(PERMIT.c.number == permit.number))
        versions = [_version(one) for one in permit.versions]
        session.connection().execute(
            insert(PERMIT).values(number=permit.number, credit_code=permit.credit_code, versions=versions)
        )


def _of(field: Field) -> ColumnElement[bool]:
    return and_(
        FACT.c.province == field.province,
        FACT.c.industry_group == field.industry_group,
        FACT.c.kind == field.kind,
        FACT.c.family == field.family,
    )


def _version(version: PermitVersion) -> StoredDocument:
    return {
        "from": version.effective_from.isoformat(),
        "valid_to": version.valid_to.isoformat(),
        "families": sorted(families_measured(_factors(version))),
    }


def _factors(version: PermitVersion) -> set[str]:
    limited = {limit.factor for outlet in version.outlets for limit in outlet.limits}
    outlets = read_objects(version.document, "outlets")
    amounts = {read_text(amount, "factor") for outlet in outlets for amount in read_objects(outlet, "annual_amounts")}
    return limited | amounts


def _has(versions: Sequence[StoredDocument], family: str, day: date) -> bool:
    """Whether the version that governs on the day is valid and has the family; days compare as ISO text."""
    today = day.isoformat()
    governing = [one for one in versions if one["from"] <= today]
    if not governing or governing[-1]["valid_to"] < today:
        return False
    return not family or family in governing[-1]["families"]
