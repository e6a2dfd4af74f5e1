"""The columns of an enterprise to and from the domain's value."""

from __future__ import annotations

from typing import TypedDict

from services.permits.domain.encoding import decode, encode
from services.permits.domain.enterprise import Enterprise, EnterpriseDocument, EnterpriseVersion
from services.permits.store.tables import EnterpriseRow
from shared.domain.clock import rfc3339
from shared.domain.json import JsonObject


class EnterpriseColumns(TypedDict):
    """A row to be written."""

    credit_code: str
    region: str
    industry: str
    document: JsonObject
    versions: list[JsonObject]
    revision: int
    check_character_doubtful: bool


def enterprise_columns(enterprise: Enterprise) -> EnterpriseColumns:
    return {
        "credit_code": enterprise.credit_code,
        "region": enterprise.region,
        "industry": enterprise.document.industry,
        "document": encode(enterprise.document),
        "versions": [version_json(version) for version in enterprise.versions],
        "revision": enterprise.revision,
        "check_character_doubtful": enterprise.check_character_doubtful,
    }


def version_json(version: EnterpriseVersion) -> JsonObject:
    """As it is stored and published."""
    return {"recorded_at": rfc3339(version.recorded_at), "document": encode(version.document)}


def enterprise_of(row: EnterpriseRow) -> Enterprise:
    versions = tuple(decode(version, EnterpriseVersion) for version in row.versions)
    return Enterprise(decode(row.document, EnterpriseDocument), versions, row.revision, row.check_character_doubtful)
