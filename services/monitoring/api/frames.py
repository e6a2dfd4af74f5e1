"""The records of a point as they came, from the archive."""

from __future__ import annotations

from base64 import b64encode
from datetime import timedelta

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.monitoring.api.requests import Cursor, From, Limit, To, span_of
from services.monitoring.api.responses import Time, shown_time
from services.monitoring.api.scope import point_seen, sees_quarantined
from services.monitoring.api.series import PointReader
from services.monitoring.domain.frame import Form, Frame, FramePlace
from services.monitoring.domain.quarantine import QuarantineReason
from services.monitoring.domain.windows import instant
from services.monitoring.store.frame_files import WantedFrames
from services.monitoring.store.frames import frames_of, last_run
from shared.database import Database
from shared.domain.clock import rfc3339
from shared.domain.events import PACKETS, QUARANTINE
from shared.runtime.web import Page, cursor, read_cursor


class FrameOut(BaseModel):
    """A record as it came. `raw`: its bytes in base64, passwords masked; `form`: an HJ 212 frame, the JSON document of a packet
    that came without one, or neither. `topic`, `partition`, `offset`: its place in the log, `logged_at`: when that took it;
    `reason`: why it was quarantined."""

    mn: str
    command: str | None
    data_time: Time | None
    received_at: Time
    logged_at: Time
    source: str
    topic: str
    partition: int
    offset: int
    reason: QuarantineReason | None
    form: Form
    raw: str


class FramePage(Page[FrameOut]):
    """`complete_to`: whatever the log took before this is there; later records follow within an hour. Null: not known."""

    complete_to: Time | None = Field(...)


def add_frames(router: APIRouter, database: Database) -> None:
    """GET frames."""

    @router.get("/points/{mn}/frames", tags=["points"], summary="监测点原始报文 / A point's frames as they came")
    def get_frames(
        caller: PointReader, mn: str, since: From = None, to: To = None, after: Cursor = None, limit: Limit = 200
    ) -> FramePage:
        """In order of receipt, whatever kind of packet it was. What was quarantined under this MN is shown to officers."""
        span = span_of(since, to)
        behind = read_cursor(after, int, str, int, int)
        topics = [PACKETS, QUARANTINE] if sees_quarantined(caller) else [PACKETS]
        place = FramePlace(*behind) if behind else None
        wanted = WantedFrames(mn, span.low_s * 1_000, span.high_s * 1_000, topics, place, limit + 1)
        with database.read() as session:
            point_seen(session, caller, mn)
            run = last_run(session)
            found = frames_of(session, wanted)
        last = found[limit - 1] if len(found) > limit else None
        return FramePage(
            items=[_out(one) for one in found[:limit]],
            next=cursor(last.received_at_ms, last.topic, last.partition, last.offset) if last else None,
            complete_to=shown_time(run.complete_to_s) if run and run.complete_to_s is not None else None,
        )


def _out(one: Frame) -> FrameOut:
    return FrameOut(
        mn=one.mn,
        command=one.command,
        data_time=None if one.data_time_s is None else shown_time(one.data_time_s),
        received_at=_shown(one.received_at_ms),
        logged_at=_shown(one.logged_at_ms),
        source=one.source,
        topic=one.topic,
        partition=one.partition,
        offset=one.offset,
        reason=QuarantineReason(one.reason) if one.reason else None,
        form=Form(one.form),
        raw=b64encode(one.raw).decode(),
    )


def _shown(at_ms: int) -> str:
    return rfc3339(instant(at_ms // 1_000) + timedelta(milliseconds=at_ms % 1_000))
