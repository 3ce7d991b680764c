"""The rows of `routes.ROUTES` as Litestar handlers, and what answers requests that have no row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response
from litestar.types import ExceptionHandlersMap

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway.frames import error_frame
from beheard_hub.gateway.rest import envelope
from beheard_hub.gateway.rest.door import Door, HttpRequest, broken, respond
from beheard_hub.gateway.rest.envelope import Answered
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES, Answer, Route

NOT_ALLOWED = 405

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def handlers(door: Door) -> list[HTTPRouteHandler]:
    """One for each row that this gateway can answer."""
    return [
        _handler(door, route)
        for route in ROUTES
        if route.answer is not Answer.LINES or door.exports is not None
    ]


def _handler(door: Door, route: Route) -> HTTPRouteHandler:
    async def handle(request: HttpRequest) -> Response[bytes]:
        return await door.answer(route, request)

    path = PREFIX + _PLACEHOLDER.sub(r"{\1:str}", route.path)
    make = HTTPRouteHandler(
        path, http_method=cast(Any, route.method.value), status_code=route.status
    )
    return make(handle)


def _refused(request: HttpRequest, problem: HTTPException) -> Response[bytes]:
    """Litestar's own refusals: a path or a method that no row has."""
    answered = envelope.failure(error_frame(Code.NOT_FOUND))
    if problem.status_code == NOT_ALLOWED:
        allowed = ", ".join(allowed_at(request.scope["path"]))
        error = error_frame(Code.VALIDATION_ERROR, details={"method": f"one of {allowed}"})
        found = envelope.failure(error)
        answered = Answered(NOT_ALLOWED, found.body, {"Allow": allowed})
    elif problem.status_code >= 500:
        return broken(request, problem)
    return respond(request, answered)


REFUSALS = cast(ExceptionHandlersMap, {HTTPException: _refused, Exception: broken})
"""What a request gets that never reached a row, or that broke one."""

_PATHS: Mapping[str, re.Pattern[str]] = {
    route.path: re.compile(PREFIX + _PLACEHOLDER.sub("[^/]+", route.path) + "/?")
    for route in ROUTES
}


def allowed_at(path: str) -> list[str]:
    """Methods of the rows with this path."""
    return sorted(
        {route.method.value for route in ROUTES if _PATHS[route.path].fullmatch(path)} or {"GET"}
    )
