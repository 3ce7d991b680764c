"""The HTTP side of the one port: health now; the REST routes of spec 5.3 will be handlers here too.

A route turns a request into the same `Submit` that a websocket's command becomes, gives it to the
router with a sink of its own, and turns the answer into the envelope.
"""

from __future__ import annotations

from litestar import Litestar, Response, get
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from beheard_hub.gateway.lobby import Lobby


def http_app(lobby: Lobby) -> Litestar:
    """The Litestar application of one gateway."""

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

    return Litestar(
        route_handlers=[healthz, readyz], openapi_config=None, logging_config=None, debug=False
    )
