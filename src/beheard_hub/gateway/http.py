"""The HTTP side of the one port: health, the REST door (`rest/`) and its `documents/`."""

from __future__ import annotations

from collections.abc import Sequence

from litestar import Litestar, Response, get
from litestar.config.cors import CORSConfig
from litestar.handlers import HTTPRouteHandler
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from beheard_hub.gateway.documents import serving
from beheard_hub.gateway.guests import GuestKey
from beheard_hub.gateway.lobby import Lobby
from beheard_hub.gateway.rest import envelope
from beheard_hub.gateway.rest.door import Door
from beheard_hub.gateway.rest.handlers import REFUSALS, handlers
from beheard_hub.gateway.rest.requests import IDEMPOTENCY_KEY
from beheard_hub.ports import Exports


def http_app(
    lobby: Lobby,
    exports: Exports | None = None,
    allowed_origins: Sequence[str] = (),
    more: Sequence[HTTPRouteHandler] = (),
    guests: GuestKey | None = None,
) -> Litestar:
    """The Litestar application of one gateway. Pages of `allowed_origins` may call it; `more` are
    routes for operators, `guests` gives those who have no token one."""

    @get("/healthz", sync_to_thread=False)
    def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @get("/readyz", sync_to_thread=False)
    def readyz() -> Response[dict[str, str]]:
        """Every shard can be reached and new connections are taken."""
        state = "draining" if lobby.draining else "ready" if lobby.router.ready else "starting"
        status = HTTP_200_OK if state == "ready" else HTTP_503_SERVICE_UNAVAILABLE
        return Response({"status": state}, status_code=status)

    cors = CORSConfig(
        allow_origins=list(allowed_origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", IDEMPOTENCY_KEY, envelope.REQUEST_ID],
        expose_headers=["Retry-After", envelope.REQUEST_ID, envelope.REPLAYED],
    )
    return Litestar(
        route_handlers=[
            healthz,
            readyz,
            *more,
            *serving.handlers(),
            *handlers(Door(lobby, exports, guests)),
        ],
        exception_handlers=REFUSALS,
        cors_config=cors if allowed_origins else None,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        debug=False,
    )
