"""Routes of tokens: make, revoke, public keys."""

from __future__ import annotations

from datetime import timedelta

from fastapi import APIRouter, Response

from services.permits.api.dependencies import Admin, Anyone, answered, writing
from services.permits.api.requests import KeyIn, RevocationIn
from services.permits.api.responses import KeyOut, PublicKeyOut, RevocationOut
from services.permits.handlers import tokens
from services.permits.handlers.publishing import Registrar
from services.permits.store import tokens as store
from shared.access import Caller, Role
from shared.database import Database
from shared.domain.clock import rfc3339
from shared.runtime.auth import ALGORITHM, SigningKey
from shared.runtime.routes import api_router
from shared.runtime.web import Page


def tokens_router(registrar: Registrar, database: Database, key: SigningKey) -> APIRouter:
    """Makes and revokes tokens; only an admin may."""
    router = api_router("/permits/v1", "keys")

    @router.post("/keys", status_code=201, summary="签发令牌 / Make a token")
    def make_token(body: KeyIn, caller: Admin, response: Response) -> KeyOut:
        """The token is shown once and never kept."""
        bearer = _bearer(body)
        with writing(database) as session:
            issued = tokens.issue(registrar, session, caller, bearer=bearer, life=timedelta(days=body.days), key=key)
        response.headers["Cache-Control"] = "no-store"
        return KeyOut(
            token=issued.token,
            jti=issued.jti,
            role=bearer.role.value,
            subject=bearer.subject,
            expires_at=rfc3339(issued.expires_at),
        )

    @router.post(
        "/keys/revocations",
        status_code=201,
        summary="吊销令牌 / Revoke a token",
        responses={200: {"model": RevocationOut, "description": "It was revoked before"}},
    )
    def revoke_token(body: RevocationIn, caller: Admin, response: Response) -> RevocationOut:
        with writing(database) as session:
            revoked = answered(tokens.revoke(registrar, session, caller, jti=body.jti, token=body.token), response)
        return RevocationOut(jti=revoked.value.jti, until=rfc3339(revoked.value.until), changed=revoked.changed)

    @router.get("/keys", summary="公钥 / Public keys")
    def public_keys(_caller: Anyone) -> Page[PublicKeyOut]:
        with database.read() as session:
            found = store.list_keys(session)
        items = [
            PublicKeyOut(kid=one.kid, algorithm=ALGORITHM, public=one.public, published_at=rfc3339(one.published_at))
            for one in found
        ]
        return Page(items=items)

    return router


def _bearer(body: KeyIn) -> Caller:
    return Caller(
        role=Role(body.role),
        subject=body.subject or _usual_subject(body),
        credit_codes=tuple(body.credit_codes),
        region=body.region,
        scopes=tuple(body.scopes),
        mns=tuple(body.mns),
    )


def _usual_subject(body: KeyIn) -> str:
    """Role and whom it stands for; an enterprise's two tokens are one caller."""
    whom = body.credit_codes[:1] or body.mns[:1] or ([body.region] if body.region else [])
    return ":".join([body.role, *whom])
