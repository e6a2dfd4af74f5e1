"""The pages that a browser opens: an index, and each service's API by Swagger UI. Whatever they load comes from this host,
so they work without the internet; the policy in their headers says so to the browser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from fastapi import FastAPI
from starlette.responses import HTMLResponse, JSONResponse, Response

from shared.domain.errors import no_such
from shared.runtime.web import OpenApi

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # Swagger UI draws its arrows and locks from the style sheet
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
ASSET_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "max-age=3600"}
SWAGGER_UI = "fastapi_offline"  # the package that carries Swagger UI's files
SERVICES_ZH = {"permits": "许可登记", "monitoring": "在线监测", "alerts": "预警"}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that a page loads, kept in memory: all of them are under 2 MB."""

    content: bytes
    media_type: str


def _assets() -> Mapping[str, Asset]:
    found = {}
    for package, names in (
        (SWAGGER_UI, ("swagger-ui-bundle.js", "swagger-ui.css")),
        ("shared.runtime", ("docs.js", "pages.css")),
    ):
        for name in names:
            media_type = "text/javascript" if name.endswith(".js") else "text/css"
            found[name] = Asset((files(package) / "static" / name).read_bytes(), media_type)
    return found


def add_pages(app: FastAPI, documents: Mapping[str, Callable[[], OpenApi]]) -> None:
    """`/` and `/docs`; for each service its OpenAPI document and `docs`. `documents`: how each is made, by name of the
    service; that happens at the first request for it."""
    assets = _assets()
    index = HTMLResponse(_index(sorted(documents)), headers=HEADERS)
    for path in ("/", "/docs"):
        app.add_api_route(path, lambda: index, include_in_schema=False)
    _add_assets(app, "/docs", assets)
    for name, document in documents.items():
        _add_service(app, name, document, assets)


def _add_service(app: FastAPI, name: str, make: Callable[[], OpenApi], assets: Mapping[str, Asset]) -> None:
    prefix, document = f"/{name}/v1", cache(make)
    page = HTMLResponse(_docs(name), headers=HEADERS)
    app.add_api_route(f"{prefix}/openapi.json", lambda: JSONResponse(document()), include_in_schema=False)
    app.add_api_route(f"{prefix}/docs", lambda: page, include_in_schema=False)
    _add_assets(app, f"{prefix}/docs", assets)  # below the service's own prefix: a proxy passes that on already


def _add_assets(app: FastAPI, prefix: str, assets: Mapping[str, Asset]) -> None:
    def asset(name: str) -> Response:
        if name not in assets:
            raise no_such("file", name)
        return Response(assets[name].content, media_type=assets[name].media_type, headers=ASSET_HEADERS)

    app.add_api_route(f"{prefix}/{{name}}", asset, include_in_schema=False)


def _title(name: str) -> str:
    return f"{SERVICES_ZH[name]} {name}" if name in SERVICES_ZH else name


def _docs(name: str) -> str:
    base = f"/{name}/v1"
    return f"""<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>预警 Yujing · {escape(_title(name))}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="{base}/docs/swagger-ui.css">
<link rel="stylesheet" href="{base}/docs/pages.css">
</head>
<body>
<nav><a href="/">预警 Yujing</a> · {escape(_title(name))} · <a href="{base}/openapi.json">openapi.json</a></nav>
<div id="swagger-ui" data-openapi="{base}/openapi.json"></div>
<script src="{base}/docs/swagger-ui-bundle.js"></script>
<script src="{base}/docs/docs.js"></script>
</body>
</html>
"""


def _index(names: Sequence[str]) -> str:
    rows = "\n".join(
        f'<tr><td>{escape(_title(name))}</td><td><a href="/{name}/v1/docs">接口说明 API</a></td>'
        f'<td><a href="/{name}/v1/openapi.json">openapi.json</a></td></tr>'
        for name in names
    )
    return f"""<!doctype html>
<html lang="zh">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>预警 Yujing</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/pages.css">
</head>
<body>
<main>
<h1>预警 Yujing</h1>
<p>排污超标之前先预警。<br>Warns enterprises of discharge violations before they happen.</p>
<h2>服务 Services</h2>
<table>
{rows}
</table>
<h2>运行 Operation</h2>
<table>
<tr><td>存活 Alive</td><td><a href="/healthz">/healthz</a></td></tr>
<tr><td>就绪 Ready</td><td><a href="/readyz">/readyz</a></td></tr>
<tr><td>指标 Metrics</td><td><a href="/metrics">/metrics</a></td></tr>
</table>
<p>接口需要令牌：在接口说明页点 <b>Authorize</b> 填入。<br>
The APIs need a token: enter it by <b>Authorize</b> on a page above.</p>
</main>
</body>
</html>
"""
