"""The document of an alert that callers and receivers see, and the CloudEvent that carries it.

Pure: an alert and its row in, JSON-ready dicts out. Numbers that decide are strings; times carry their offset.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from services.alerts.domain import origin, wording
from services.alerts.domain.alert import ENDED, ENTERPRISE_MOVES, Alert, Change
from services.alerts.domain.catalogue import Row
from services.alerts.domain.office import Office
from shared.domain.clock import rfc3339
from shared.domain.events import ALERT_CHANGED, ALERT_CLOSED, ALERT_ISSUED, Event
from shared.domain.json import JsonObject, JsonValue
from shared.domain.pollutant import pollutant
from shared.domain.risk import Risk, RiskState, Window


def document(alert: Alert, row: Row, *, public_url: str = "", contact: Office | None = None) -> JsonObject:
    """The whole state of the alert. `contact`: the office of its division."""
    risk = alert.risk
    return {
        "id": alert.id,
        "kind": risk.kind,
        "condition": risk.condition,
        "stage": alert.stage.value,
        "level": alert.level.value,
        "status": alert.status.value,
        "status_kind": "actual",
        "revision": alert.revision,
        "change": {"type": alert.change.value, "why": wording.why(alert)},
        "rule": alert.rule,
        "sure": "observed",
        "enterprise": _enterprise(risk),
        "region": risk.region,
        "industry": risk.industry,
        "outlet": {"code": risk.outlet, "name": risk.outlet_name} if risk.outlet else None,
        "factor": _factor(risk),
        "point": risk.mn,
        "window": _window(risk.window) if risk.window else None,
        "measured": risk.measured,
        "decided": risk.decided,
        "limit": risk.limit,
        "unit": risk.unit,
        "multiple": risk.multiple,
        "basis": {"permit": risk.permit, **risk.basis},
        "opened_at": rfc3339(risk.opened_at),
        "changed_at": rfc3339(alert.changed_at),
        "cleared_at": _time(_ended(risk)),
        "cleared": risk.cleared.value if risk.cleared else None,
        "useful_until": rfc3339(risk.changed_at + timedelta(hours=row.useful_hours)),
        "due": {"enterprise": _time(alert.due_enterprise), "authority": _time(alert.due_authority)},
        "outlook": None,
        "headline": wording.headline(alert, row),
        "instruction": wording.instruction(alert, row),
        "law": wording.law(risk, row),
        "contact": contact.document() if contact else None,
        "series": _series(risk),
        "risk": risk.id,
        "previous": alert.previous,
        "muted": risk.muted,
        "historical": risk.historical,
        "actions": actions(alert, public_url),
    }


def actions(alert: Alert, public_url: str) -> list[dict[str, str]]:
    """What may be done with it now, by whom, and where."""
    base = origin.alert_url(public_url, alert.id)
    return [
        {
            "rel": move.value,
            "href": f"{base}/{move.value}",
            "by": "enterprise" if move in ENTERPRISE_MOVES else "officer",
        }
        for move in alert.allowed()
    ]


def event(alert: Alert, data: JsonObject, *, public_url: str = "") -> Event:
    """The CloudEvent that carries this revision."""
    schema = origin.schema_url(public_url, origin.ALERT)
    return Event(
        _type(alert), origin.source(public_url), alert.id, alert.revision, alert.changed_at, data, dataschema=schema
    )


def _type(alert: Alert) -> str:
    if alert.change is Change.OPENED and alert.risk.state not in (RiskState.WITHDRAWN, RiskState.MERGED):
        return ALERT_ISSUED
    return ALERT_CLOSED if alert.status in ENDED else ALERT_CHANGED


def _enterprise(risk: Risk) -> dict[str, str | None] | None:
    if risk.credit_code is None:
        return None
    return {"credit_code": risk.credit_code, "name": risk.enterprise_name}


def _factor(risk: Risk) -> dict[str, str] | None:
    if risk.factor is None:
        return None
    known = pollutant(risk.factor)
    return {"code": risk.factor, "zh": known.zh, "en": known.en}


def _series(risk: Risk) -> list[JsonValue]:
    """The values that the finder of the risk gives for a chart; none where it gives none."""
    given = risk.facts.get("series")
    return [value for value in given if isinstance(value, str)] if isinstance(given, list) else []


def _window(window: Window) -> JsonObject:
    hours = int((window.end - window.start).total_seconds() // 3600)
    return {"from": rfc3339(window.start), "to": rfc3339(window.end), "averaging": window.averaging, "hours": hours}


def _ended(risk: Risk) -> datetime | None:
    """When it ended; what had ended before it was found ends for its readers when it was found."""
    return max(risk.cleared_at, risk.opened_at) if risk.cleared_at else None


def _time(at: datetime | None) -> str | None:
    return rfc3339(at) if at else None
