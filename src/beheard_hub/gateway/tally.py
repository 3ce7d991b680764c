"""One gateway's share in limits that are per user (spec 5.3), whichever gateways the user is on.

Commands are never asked about beforehand: each gateway counts its own, and tells the host of the
user's home shard who is here; that host tells it who is elsewhere (`actors/tally.py`). What holds:

* A user who is on this gateway only causes one message per connection that comes or goes.
* While a user is on several, what is spent on one is taken from the others' buckets within
  `REPORT_SECONDS` and two links; a gateway that the user is new on learns at once what is owed.
* A gateway speaks for a user until the user has left and owes nothing, so that going from gateway
  to gateway gives no fresh bucket.
* Of connections beyond the limit, the newest ones of the gateway that was heard later are ended.
* While a home shard has no owner, a gateway counts what it knows; it says it again to the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from beheard_hub.domain.sharding import home_of, shard_of
from beheard_hub.gateway.hosts import Hosts, Line
from beheard_hub.gateway.rates import Rates
from beheard_hub.link_messages import ElsewhereFrom, HereTo
from beheard_hub.ports import Clock, LinkClosed

REPORT_SECONDS = 0.1
"""From a command to the word of it."""
SWEEP_MIN = 100
"""Users who left that are looked at in one go, at least."""


class _User:
    __slots__ = ("connections", "elsewhere", "gateways", "line", "shard")

    def __init__(self, user_id: str) -> None:
        self.shard = shard_of(home_of("", user_id))
        self.connections = 0
        self.line: Line | None = None
        """Where it was said, or None while there is nobody to say it to."""
        self.elsewhere = 0
        """Connections on other gateways."""
        self.gateways = 0
        """Other gateways."""


class Tally:
    """Users of one gateway. `on_excess` ends so many connections of a user."""

    def __init__(
        self,
        hosts: Hosts,
        rates: Rates,
        clock: Clock,
        connections_max: int,
        on_excess: Callable[[str, int], None],
    ) -> None:
        self._hosts = hosts
        self._rates = rates
        self._clock = clock
        self._connections_max = connections_max
        self._on_excess = on_excess
        self._users: dict[str, _User] = {}
        self._left: dict[str, None] = {}
        """Users without a connection, those that were looked at longest ago first."""
        self._unplaced: set[str] = set()
        self._changes = 0
        self._reporting = False
        rates.on_spent = self._report_soon

    def __len__(self) -> int:
        return len(self._users)

    def elsewhere(self, user_id: str) -> int:
        """Connections of the user on other gateways, as far as is known."""
        user = self._users.get(user_id)
        return user.elsewhere if user is not None else 0

    def knows(self, user_id: str) -> bool:
        """Whether this gateway speaks for the user."""
        return user_id in self._users

    def count(self, user_id: str, connections: int) -> None:
        """The user has so many connections here now."""
        user = self._users.get(user_id)
        if user is None:
            user = self._users[user_id] = _User(user_id)
        user.connections = connections
        if connections == 0:
            self._left[user_id] = None
        else:
            self._left.pop(user_id, None)
        self._place(user_id, user)

    def settle(self) -> None:
        """Routing or a line changed, or time passed."""
        if self._changes != self._hosts.changes:
            self._changes = self._hosts.changes
            for user_id, user in self._users.items():
                if user.line is None or not self._hosts.serves(user.line, user.shard):
                    self._unplaced.add(user_id)
        for user_id in list(self._unplaced):
            self._place(user_id, self._users[user_id])
        self._sweep()

    def heard(self, line: Line, message: ElsewhereFrom) -> None:
        """The home's host speaks of a user."""
        user = self._users.get(message.user_id)
        if user is None or user.line is not line:
            return
        grew = message.gateways > user.gateways
        user.elsewhere, user.gateways = message.connections, message.gateways
        now = self._clock.mono()
        self._rates.owe(message.user_id, message.spent, message.owed, now)
        if not user.gateways:
            self._rates.shared.pop(message.user_id, None)
        elif self._rates.enabled:
            self._rates.shared.setdefault(message.user_id, {})
        if grew:
            self._report(message.user_id)
            if owed := self._rates.owed(message.user_id, now):
                self._say(message.user_id, user, {}, owed)
        excess = user.connections + user.elsewhere - self._connections_max
        if message.asked and excess > 0:
            self._on_excess(message.user_id, excess)

    # ---- what is said

    def _place(self, user_id: str, user: _User) -> None:
        """Says how many connections there are, to the owner of the home shard as it is now."""
        line = self._hosts.line_for(user.shard)
        owed: Mapping[str, float] = {}
        if line is not user.line:
            self._take_back(user_id, user)
            owed = self._rates.owed(user_id, self._clock.mono())
            user.line, user.elsewhere, user.gateways = line, 0, 0
            self._rates.shared.pop(user_id, None)
        self._say(user_id, user, {}, owed)

    def _say(
        self, user_id: str, user: _User, spent: Mapping[str, int], owed: Mapping[str, float]
    ) -> None:
        self._unplaced.discard(user_id)
        try:
            if user.line is None:
                raise LinkClosed
            user.line.send(HereTo(user_id, user.connections, spent, owed))
        except LinkClosed:
            user.line = None
            self._unplaced.add(user_id)

    def _take_back(self, user_id: str, user: _User) -> None:
        if user.line is None:
            return
        try:
            user.line.send(HereTo(user_id, None))
        except LinkClosed:
            return  # its host has forgotten it with the line

    def _sweep(self) -> None:
        """Forgets users who left and owe nothing."""
        now = self._clock.mono()
        for user_id in list(self._left)[: max(SWEEP_MIN, len(self._left) // 10)]:
            del self._left[user_id]
            if self._rates.owed(user_id, now):
                self._left[user_id] = None
                continue
            self._take_back(user_id, self._users.pop(user_id))
            self._unplaced.discard(user_id)
            self._rates.shared.pop(user_id, None)

    def _report_soon(self) -> None:
        if not self._reporting:
            self._reporting = True
            asyncio.get_running_loop().call_later(REPORT_SECONDS, self._report_all)

    def _report_all(self) -> None:
        self._reporting = False
        for user_id in [user_id for user_id, spent in self._rates.shared.items() if spent]:
            self._report(user_id)

    def _report(self, user_id: str) -> None:
        spent = self._rates.shared.get(user_id)
        if spent:
            self._rates.shared[user_id] = {}
            self._say(user_id, self._users[user_id], spent, {})
