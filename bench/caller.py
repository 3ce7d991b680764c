"""A gateway's line straight into a host, without a link: for seeding, and for hosts on a stub."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from beheard_hub.actors.host import Host
from beheard_hub.link_messages import Acked, CommandTo, Refused, ToGateway


class Caller:
    """Implements `ports.GatewayPeer`: posts commands and counts what is not answered yet."""

    gateway_id = "bench"

    def __init__(self, host: Host) -> None:
        self._host = host
        self._posted = 0
        self._open = 0
        self._settled = asyncio.Event()
        self.refusal = ""
        self.last: Mapping[str, Any] = {}
        """Data of the newest ack."""
        host.attached(self)

    def send(self, message: ToGateway) -> None:
        """Takes an answer."""
        if isinstance(message, Acked):
            self.last = message.data
        elif isinstance(message, Refused):
            self.refusal = message.code
        else:
            return
        self._open -= 1
        if self._open == 0:
            self._settled.set()

    def post(self, user_id: str, session_id: str, name: str, data: Mapping[str, Any]) -> None:
        """Sends one command into the host."""
        self._posted += 1
        self._open += 1
        self._settled.clear()
        command = CommandTo(
            self._posted, user_id, f"bench-{self._posted}", name, data, session_id
        )  # fmt: skip
        self._host.received(self, command)

    async def settled(self) -> None:
        """Waits until all is answered. Raises RuntimeError when something was refused."""
        if self._open:
            await self._settled.wait()
        if self.refusal:
            raise RuntimeError(f"a command was refused: {self.refusal}")

    async def ask(
        self, user_id: str, session_id: str, name: str, data: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Sends one command and returns its ack's data."""
        self.post(user_id, session_id, name, data)
        await self.settled()
        return self.last
