"""The documents over HTTP, for everybody: they say nothing about anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from beheard_hub.gateway.documents import openapi, page

DOCUMENT_PATHS = ["/api/v1/openapi.json", "/schema/openapi.json"]
PAGE_PATHS = ["/", "/schema", "/api/v1/docs"]
"""The address that `serve` prints comes first: people open it to see what answers there."""
HEADERS: Mapping[str, str] = {
    "Cache-Control": "public, max-age=300",
    "X-Content-Type-Options": "nosniff",
}


@cache
def _document() -> bytes:
    return msgspec.json.encode(openapi.document())


@cache
def _page() -> bytes:
    return page.page(openapi.document()).encode()


def handlers() -> list[HTTPRouteHandler]:
    """The OpenAPI document and its page. Each is made once, off the loop."""

    @get(DOCUMENT_PATHS)
    async def document() -> Response[Any]:
        """For programs."""
        body = await asyncio.to_thread(_document)
        return Response(body, media_type="application/json", headers=dict(HEADERS))

    @get(PAGE_PATHS)
    async def human_page() -> Response[Any]:
        """For people."""
        headers = {**HEADERS, "Content-Security-Policy": page.policy()}
        body = await asyncio.to_thread(_page)
        return Response(body, media_type="text/html", headers=headers)

    return [document, human_page]
