"""What an operator may do with a hub that serves: see and change its hosts, and restart all of it.

Gateways and hosts are replaced one after the other. The new one serves before the old one leaves:
a gateway's clients are steered away one by one, a host's sessions move after their last flush.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.actors.supervisor import NotPossible, Supervisor
from beheard_hub.control import ROLE_CHANGED, Failed, Operation, Say
from beheard_hub.gateway_processes import GatewayProcess
from beheard_hub.settings import SetupError

NO_POOL = "This hub is one process (BEHEARD_LINK=inprocess); only a restart of it changes anything."


class Operating:
    """The operations of one hub."""

    def __init__(
        self, pool: Supervisor | None, gateways: Sequence[GatewayProcess],
        role_changed: Callable[[str], Awaitable[None]],
    ) -> None:  # fmt: skip
        self._pool = pool
        """None in a hub of one process."""
        self._gateways = gateways
        self._role_changed = role_changed
        """Tells every host that this user has another role."""
        self._restarting = False
        self.operations: Mapping[str, Operation] = {
            "hosts.list": self._list,
            "hosts.add": self._add,
            "hosts.remove": self._remove,
            "restart": self._restart,
            ROLE_CHANGED: self._role,
        }

    async def _list(self, _args: Mapping[str, Any], _say: Say) -> Any:
        return [msgspec.structs.asdict(row) for row in await self._hosts().rows()]

    async def _add(self, _args: Mapping[str, Any], say: Say) -> Any:
        say("starting a session host ...")
        try:
            return await self._hosts().add()
        except NotPossible as why:
            raise Failed(str(why)) from None

    async def _remove(self, args: Mapping[str, Any], say: Say) -> Any:
        number = args.get("number")
        if not isinstance(number, int):
            raise Failed("Say which session host, by its number.")
        say(f"sessions of session host {number} move ...")
        try:
            await self._hosts().remove(number)
        except NotPossible as why:
            raise Failed(str(why)) from None

    async def _restart(self, _args: Mapping[str, Any], say: Say) -> Any:
        pool = self._hosts()
        if self._restarting:
            raise Failed("A restart is under way already.")
        self._restarting = True
        try:
            await pool.restart(say)
            for number, gateway in enumerate(self._gateways):
                await gateway.replace()
                say(f"gateway {number} gave way to a new one")
        except (NotPossible, SetupError) as why:
            raise Failed(f"{why} What is not restarted yet serves on.") from None
        finally:
            self._restarting = False

    async def _role(self, args: Mapping[str, Any], _say: Say) -> Any:
        user_id = args.get("userId")
        if not isinstance(user_id, str):
            raise Failed("Say who has another role, by the user's id.")
        await self._role_changed(user_id)

    def _hosts(self) -> Supervisor:
        if self._pool is None:
            raise Failed(NO_POOL)
        return self._pool
