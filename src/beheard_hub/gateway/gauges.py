"""What a gateway's gauges show, looked up when they are read."""

from __future__ import annotations

from collections.abc import Callable

from beheard_hub.gateway.lobby import Lobby
from beheard_hub.observability.metrics import (
    COMMANDS_UNANSWERED,
    CONNECTIONS,
    LINKS,
    REQUESTS_UNDER_WAY,
)


def probe(lobby: Lobby) -> Callable[[], None]:
    """Sets the gauges of this gateway."""

    def look() -> None:
        CONNECTIONS.set(len(lobby))
        REQUESTS_UNDER_WAY.set(len(lobby.calls))
        COMMANDS_UNANSWERED.set(lobby.router.unanswered)
        LINKS.set(lobby.router.hosts.links)

    return look
