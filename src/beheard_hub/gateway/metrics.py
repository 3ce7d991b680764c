"""`GET /metrics`: the numbers of this machine's processes, for operators only (spec 05).

Its counters would tell a partner of private work, so it answers on loopback, or to the operator's
token; to everybody else there is no such page. A proxy on this machine is loopback too: whatever
came through one says so in a header, and is not local.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import HTTP_200_OK, HTTP_404_NOT_FOUND

from beheard_hub.gateway.lobby import address_of

TEXT = "text/plain; version=0.0.4; charset=utf-8"
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")

Page = Callable[[], bytes]
"""The page as it is now."""


def handler(page: Page, token: str | None) -> HTTPRouteHandler:
    """The route; `token` None: on loopback only."""

    @get("/metrics", sync_to_thread=False, include_in_schema=False)
    def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
        """Prometheus's text format."""
        if not (_local(request) or _operator(request, token)):
            return Response(b"", status_code=HTTP_404_NOT_FOUND, media_type=TEXT)
        return Response(page(), status_code=HTTP_200_OK, media_type=TEXT)

    return metrics


def _local(request: Request[Any, Any, Any]) -> bool:
    scope: Any = request.scope
    through_proxy = any(name in request.headers for name in FORWARDED)
    return scope.get("client") is not None and not address_of(scope) and not through_proxy


def _operator(request: Request[Any, Any, Any], token: str | None) -> bool:
    word, _, given = request.headers.get("authorization", "").partition(" ")
    if token is None or word.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())
