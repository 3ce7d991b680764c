"""A host that cannot be reached is tried again and again; why is said once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from beheard_hub.domain.limits import SHARDS
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.hosts import Hosts
from beheard_hub.ports import HostEntry, HostLink, LinkClosed, RoutingTable
from beheard_hub.runtime import SystemClock
from tests.logs import logged


class Cable:
    """A routing table with one host, and the dialer that does not get there."""

    def __init__(self) -> None:
        self.failures: list[OSError | None] = []
        """Of each attempt, in their order; None: there is no answer, and no reason."""
        self.tried = asyncio.Event()

    async def routing(self) -> RoutingTable:
        entry = HostEntry("h1", 1, "tcp:nowhere:1", alive=True)
        return RoutingTable(owners=["h1"] * SHARDS, hosts={"h1": entry})

    async def dial(
        self, endpoint: str, on_message: Callable[[Any], None], on_lost: Callable[[], None]
    ) -> HostLink:
        if not self.failures:
            self.tried.set()
            await asyncio.Event().wait()
        raise LinkClosed from self.failures.pop(0)


async def test_the_reason_is_said_once_until_it_is_another() -> None:
    cable = Cable()
    refused, away = ConnectionRefusedError(), OSError("no route")
    cable.failures = [refused, refused, refused, away, away, refused]
    quick = Bounds(refresh_seconds=0.001, refresh_seconds_min=0.001)
    hosts = Hosts(cable, cable, SystemClock(), quick, lambda line, message: None, lambda: None)
    with logged() as lines:
        await hosts.start()
        await asyncio.wait_for(cable.tried.wait(), 20)
        await hosts.stop()
    said = [line["error"] for line in lines.kept if line["event"] == "dial_failed"]
    assert said == ["ConnectionRefusedError", "OSError", "ConnectionRefusedError"]
