"""What an endpoint receives, for the OpenAPI document alone: no route of ours answers here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Header

from services.alerts.api.documents import AlertEvent, DigestEvent, EndpointTestEvent, PeerNoticeEvent
from shared.runtime.web import OpenApi, operation_id

TAG = "webhooks"
MEDIA = "application/cloudevents+json"
ANSWERS: dict[int | str, OpenApi] = {
    204: {"description": "any 2xx: delivered"},
    410: {"description": "the endpoint is gone: it is disabled, and the push has failed"},
    "default": {"description": "any other status: tried again later, not before `Retry-After` seconds"},
}
Id = Annotated[str, Header(description="the same for every attempt of this push: take it once")]
Timestamp = Annotated[int, Header(description="seconds since 1970; refuse what is older than five minutes")]
Signature = Annotated[str, Header(description="`v1,…`: HMAC-SHA256 over `id.timestamp.body`, Standard Webhooks 1.0")]


def webhook_routes() -> APIRouter:
    """One webhook for each type of event; the body is a CloudEvent (`application/cloudevents+json`)."""
    router = APIRouter(tags=[TAG], responses=ANSWERS, generate_unique_id_function=operation_id)

    @router.post("alert", status_code=204, summary="预警 / An alert was issued, changed or closed")
    def receive_alert(
        body: Annotated[AlertEvent, Body(media_type=MEDIA)],
        webhook_id: Id,
        webhook_timestamp: Timestamp,
        webhook_signature: Signature,
    ) -> None: ...

    @router.post("digest", status_code=204, summary="汇总 / Several alerts in one message")
    def receive_digest(
        body: Annotated[DigestEvent, Body(media_type=MEDIA)],
        webhook_id: Id,
        webhook_timestamp: Timestamp,
        webhook_signature: Signature,
    ) -> None: ...

    @router.post("peer-notice", status_code=204, summary="同行提醒 / A peer notice was issued")
    def receive_peer_notice(
        body: Annotated[PeerNoticeEvent, Body(media_type=MEDIA)],
        webhook_id: Id,
        webhook_timestamp: Timestamp,
        webhook_signature: Signature,
    ) -> None: ...

    @router.post("endpoint-test", status_code=204, summary="试推送 / A test of the endpoint")
    def receive_endpoint_test(
        body: Annotated[EndpointTestEvent, Body(media_type=MEDIA)],
        webhook_id: Id,
        webhook_timestamp: Timestamp,
        webhook_signature: Signature,
    ) -> None: ...

    return router
