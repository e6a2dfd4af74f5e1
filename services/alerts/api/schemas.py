"""The JSON Schemas that events name as their `dataschema`."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from services.alerts.api import PREFIX
from services.alerts.api.documents import Alert, Digest, PeerNotice
from services.alerts.api.roles import Reader
from services.alerts.domain import origin
from shared.domain.errors import no_such
from shared.runtime.routes import api_router

MODELS: dict[str, type[BaseModel]] = {origin.ALERT: Alert, origin.DIGEST: Digest, origin.NOTICE: PeerNotice}


def schema_routes() -> APIRouter:
    """Outside the OpenAPI document, which has the same models as components."""
    router = api_router(PREFIX)

    @router.get("/schemas/{name}.json", include_in_schema=False)
    def get_schema(caller: Reader, name: str) -> JSONResponse:
        model = MODELS.get(name)
        if model is None:
            raise no_such("schema", name)
        return JSONResponse(model.model_json_schema(mode="serialization"), media_type="application/schema+json")

    return router
