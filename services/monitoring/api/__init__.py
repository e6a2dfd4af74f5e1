"""HTTP: packets are received; series, exceedances and quarantine are read. Every route knows who calls."""

from __future__ import annotations

from fastapi import APIRouter

from services.monitoring.api.exceedances import add_exceedances
from services.monitoring.api.frames import add_frames
from services.monitoring.api.notes import add_notes
from services.monitoring.api.packets import add_packets
from services.monitoring.api.quarantine import add_quarantine
from services.monitoring.api.series import add_series
from services.monitoring.handlers.quarantine import PutBack
from shared.database import Database
from shared.runtime.routes import api_router
from shared.runtime.service import Context

__all__ = ["PACKETS_PATH", "TAGS", "monitoring_router"]
PREFIX = "/monitoring/v1"
PACKETS_PATH = f"{PREFIX}/packets"
TAGS = {
    "packets": "数据包 / Packets",
    "points": "监测数据 / Values of points",
    "exceedances": "超标 / Exceedances",
    "quarantine": "隔离数据 / Quarantine",
}


def monitoring_router(context: Context, database: Database, put_back: PutBack) -> APIRouter:
    """All routes under /monitoring/v1."""
    router = api_router(PREFIX)
    add_packets(router, context)
    add_series(router, database)
    add_frames(router, database)
    add_notes(router, database)
    add_exceedances(router, database)
    add_quarantine(router, database, put_back)
    return router
