"""The documents that callers send; names are fixed, more fields may come."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StrictBool, StrictFloat, StringConstraints, WithJsonSchema
from pydantic.config import JsonDict

from services.permits.api.fields import (
    CREDIT_CODE,
    INDUSTRY,
    MN_TEXT,
    NUMBER,
    OUTLET_TEXT,
    Day,
    Document,
    OxygenText,
    Password,
    PlainText,
    PositiveText,
    WholeNumber,
    Word,
)

Medium = Literal["air", "water"]
Averaging = Literal["hour", "day"]
Category = Literal["key", "simplified", "registration"]
SystemCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")]
ReportDue = Annotated[str, StringConstraints(pattern=r"^((0[1-9]|1[0-2])-)?(0[1-9]|[12][0-9]|3[01])$")]
CreditCodeText = Annotated[Word, WithJsonSchema(CREDIT_CODE)]
NumberText = Annotated[Word, WithJsonSchema(NUMBER)]
IndustryText = Annotated[Word, WithJsonSchema(INDUSTRY)]
MnText = Annotated[str, StringConstraints(min_length=1, max_length=32), WithJsonSchema(MN_TEXT)]
OutletText = Annotated[str, StringConstraints(min_length=1, max_length=32), WithJsonSchema(OUTLET_TEXT)]
Longitude = Annotated[StrictFloat, Field(ge=-180, le=180, allow_inf_nan=False)]
Latitude = Annotated[StrictFloat, Field(ge=-90, le=90, allow_inf_nan=False)]

ENTERPRISE: JsonDict = {
    "credit_code": "91150102MA0N0AAA1B",
    "name": "呼和浩特示例热电有限公司",
    "industry": "D4412",
    "region": "150102",
    "longitude": 111.66,
    "latitude": 40.86,
}
POINT: JsonDict = {"mn": "A110000_0001", "system": "31", "password": "123456"}
LIMIT: JsonDict = {
    "factor": "a21026",
    "averaging": "hour",
    "limit": "35",
    "unit": "mg/m3",
    "reference_o2_pct": "6",
    "basis": "GB 13223-2011 表2",
}
PERMIT: JsonDict = {
    "category": "key",
    "valid_from": "2021-12-16",
    "valid_to": "2026-12-15",
    "authority": "呼和浩特市生态环境局",
    "outlets": [
        {
            "code": "DA001",
            "medium": "air",
            "name": "1号锅炉烟囱",
            "points": [POINT],
            "limits": [LIMIT],
            "annual_amounts": [{"factor": "a21026", "year": 2026, "tonnes": "12.5"}],
        }
    ],
    "reports": [{"kind": "annual", "due": "01-31"}],
}


class EnterpriseIn(Document):
    """An enterprise (排污单位)."""

    model_config = ConfigDict(json_schema_extra={"examples": [ENTERPRISE]})

    credit_code: CreditCodeText | None = None
    name: PlainText
    industry: IndustryText = Field(description="GB/T 4754-2017 with its section letter")
    region: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] = Field(description="GB/T 2260, 6 digits")
    longitude: Longitude | None = None
    latitude: Latitude | None = None
    positive_list_until: Day | None = Field(None, description="正面清单; warnings, but no on-site task until then")
    group: PlainText | None = Field(None, description="corporate group")


class PointIn(Document):
    """A monitoring point at an outlet of a permit. Settings that are not given stay as they are registered."""

    model_config = ConfigDict(json_schema_extra={"examples": [POINT]})

    mn: MnText
    system: SystemCode = Field(description="ST of HJ 212, e.g. 31 air, 32 surface water discharge")
    password: Password = None
    strict: StrictBool = Field(False, description="frames without CRLF are refused")
    interval_s: WholeNumber = Field(60, ge=1, le=86_400)
    units: dict[Word, PlainText] = Field(
        default={},
        max_length=200,
        description="factor → unit that the device sends",
        json_schema_extra={"additionalProperties": False},  # beside those whose names have the pattern
    )
    dialect: Literal["hj212"] = "hj212"
    period_stamp: Literal["start", "end"] = Field(
        "start",
        description="均值的 DataTime：时段开始（标准）或结束 / DataTime of a mean: start of its period, or end",
    )


class PointAloneIn(PointIn):
    """A monitoring point registered by itself."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**POINT, "credit_code": ENTERPRISE["credit_code"], "outlet": "DA001"}]}
    )

    mn: MnText | None = None  # type: ignore[assignment]
    credit_code: CreditCodeText | None = None
    outlet: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_\-]{1,32}$")] | None = None
    permit: NumberText | None = Field(None, description="needed only when several permits have the outlet")


class LimitIn(Document):
    """A permitted concentration (许可排放浓度限值)."""

    factor: Word = Field(description="HJ 212-2017 Annex B")
    averaging: Averaging
    limit: PositiveText
    unit: Annotated[str, StringConstraints(max_length=16)]
    reference_o2_pct: OxygenText | None = Field(None, description="null: no conversion")
    basis: PlainText | None = None


class AnnualAmountIn(Document):
    """A permitted annual amount (许可排放量)."""

    factor: Word
    year: WholeNumber = Field(ge=1990, le=2199)
    tonnes: PositiveText


class OutletIn(Document):
    """An outlet (排放口). null: not known; an empty list: none."""

    code: OutletText
    medium: Medium | None = None
    name: PlainText | None = None
    points: Annotated[list[PointIn], Field(max_length=100)] | None = None
    limits: Annotated[list[LimitIn], Field(max_length=200)] | None = None
    annual_amounts: Annotated[list[AnnualAmountIn], Field(max_length=1000)] | None = None


class ReportIn(Document):
    """A duty to report (执行报告)."""

    kind: Word
    due: ReportDue


class PermitIn(Document):
    """A version of a permit (排污许可证). Without `effective_from`: from today, not before `valid_from`."""

    model_config = ConfigDict(json_schema_extra={"examples": [PERMIT]})

    number: NumberText | None = None
    credit_code: CreditCodeText | None = None
    category: Category | None = None
    valid_from: Day
    valid_to: Day
    authority: PlainText | None = None
    renewal_applied_on: Day | None = Field(None, description="while it is pending the warnings stop")
    renewal_accepted_on: Day | None = None
    renewal_refused_on: Day | None = Field(
        None, description="the application was withdrawn or refused; the warnings restart"
    )
    outlets: Annotated[list[OutletIn], Field(max_length=200)] | None = None
    reports: Annotated[list[ReportIn], Field(max_length=100)] | None = None
    effective_from: Day | None = None
    correction: StrictBool = False
    reason: PlainText | None = None


class RegionIn(Document):
    """A division (行政区划)."""

    register_complete: StrictBool = Field(description="whether every permit holder in it is registered")


class KeyIn(Document):
    """A token to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "officer", "region": "15", "scopes": ["register"], "days": 90}]}
    )

    role: Literal["enterprise", "officer", "device", "ops", "admin"]
    subject: Word | None = Field(None, description="who; role and scope by default")
    credit_codes: list[Word] = Field(default=[], max_length=1000)
    region: Annotated[str, StringConstraints(pattern=r"^([0-9]{2}){1,3}$")] | None = None
    scopes: list[Word] = Field(default=[], max_length=20)
    mns: list[Word] = Field(default=[], max_length=1000)
    days: WholeNumber = Field(90, ge=1, le=365)


class RevocationIn(Document):
    """A token to be revoked: its id, or itself."""

    jti: Word | None = None
    token: Annotated[str, StringConstraints(min_length=1, max_length=20_000)] | None = Field(None, repr=False)
