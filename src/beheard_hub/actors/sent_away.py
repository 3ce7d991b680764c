"""Commands that were answered `Moved`, as long as their gateway may not have heard it.

A gateway sends one command after the other without waiting. When the first of them finds its shard
elsewhere and the shard comes here before the second one arrives, the second must not be applied
first: it is sent away, too, and both come again, the first one ahead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from beheard_hub.link_messages import CommandTo, Moved
from beheard_hub.ports import GatewayPeer

HEARD_SECONDS_MAX = 1.0
"""By then a gateway has sent the first one again, unless nobody waits for it any more."""

Key: TypeAlias = tuple[str, str]
"""(user, command)"""


class SentAway:
    """Of every line and shard the first command that was sent away."""

    def __init__(self, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._first: dict[tuple[GatewayPeer, int], tuple[Key, float]] = {}

    def sends(self, peer: GatewayPeer, command: CommandTo, shard: int, generation: int) -> bool:
        """Answers `Moved` to what does not belong here (`generation` 0), and to what would overtake
        it; whether it did."""
        key = (command.user_id, command.id)
        overtakes = self._overtakes(peer, shard, key)
        if generation and not overtakes:
            return False
        if not overtakes:
            self._first[peer, shard] = (key, self._mono())
        peer.send(Moved(command.rid))
        return True

    def let_go(self, peer: GatewayPeer, key: Key, shard: int) -> None:
        """One that had been let in is answered `Moved` after all, since the shard went away while
        it waited. Whatever came on that line later comes after it."""
        self._first[peer, shard] = (key, self._mono())

    def _overtakes(self, peer: GatewayPeer, shard: int, key: Key) -> bool:
        """Whether another one must come before it."""
        found = self._first.get((peer, shard))
        if found is None:
            return False
        first, at = found
        if first != key and self._mono() - at <= HEARD_SECONDS_MAX:
            return True
        del self._first[peer, shard]
        return False

    def detached(self, peer: GatewayPeer) -> None:
        """The line is gone, with all that was on its way."""
        for line in [line for line in self._first if line[0] is peer]:
            del self._first[line]
