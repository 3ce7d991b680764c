"""Who is here: per session and user, over all devices and gateways. Pure: no task, no link.

A user is in a session while one of their connections listens to it, on whichever gateway. What
ends without a goodbye (a broken socket, a gateway that died) is given `GRACE_SECONDS` to come back,
on any gateway, and nobody hears of it. A goodbye counts at once.

A host that has just taken a shard knows nobody there yet: gateways register their listeners with it
in the next moments. For `GRACE_SECONDS` it says of nobody that they are away, unless they were here
and said goodbye.

Nothing is stored: presence survives nothing and needs to survive nothing (spec 7).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from beheard_hub.domain.sharding import shard_of

GRACE_SECONDS = 9.5
"""Less than the 10 s by which the users of a killed gateway must be offline; what is shorter than
this is a flap, and silent."""


class _Place:
    """One user in one session."""

    __slots__ = ("connections", "until")

    def __init__(self) -> None:
        self.connections = 0
        self.until = 0.0
        """Until when it counts without a connection."""


class Presence:
    """All places of one host's sessions. `mono` is the host's monotonic clock, in seconds."""

    def __init__(self, mono: Callable[[], float]) -> None:
        self._mono = mono
        self._places: dict[str, dict[str, _Place]] = {}
        self._lost: deque[tuple[float, str, str]] = deque()
        """What a connection was lost of, the oldest first."""
        self._new: dict[int, float] = {}
        """Shards that were taken lately, the oldest first → until when absence there means
        nothing."""
        self._farewells: dict[int, set[tuple[str, str]]] = {}
        """Of such a shard: who was here and said goodbye."""

    # ---- coming and going

    def came(self, session_id: str, user_id: str) -> None:
        """One more connection listens."""
        self._places.setdefault(session_id, {}).setdefault(user_id, _Place()).connections += 1
        if self._farewells:
            self._farewells.get(shard_of(session_id), set()).discard((session_id, user_id))

    def left(self, session_id: str, user_id: str, *, clean: bool) -> bool:
        """One connection listens no more; True if with it the user has left."""
        place = self._places.get(session_id, {}).get(user_id)
        if place is None:  # its shard was given away meanwhile
            return False
        place.connections -= 1
        if place.connections:
            return False
        if clean:
            self._forget(session_id, user_id)
            shard = shard_of(session_id)
            if shard in self._new:
                self._farewells.setdefault(shard, set()).add((session_id, user_id))
            return True
        place.until = self._mono() + GRACE_SECONDS
        self._lost.append((place.until, session_id, user_id))
        return False

    def acquired(self, shards: Iterable[int]) -> None:
        """These shards are this host's from now on."""
        until = self._mono() + GRACE_SECONDS
        for shard in shards:
            self._new.pop(shard, None)
            self._new[shard] = until

    def released(self, shards: Iterable[int]) -> None:
        """Others know better who is in the sessions of these shards."""
        gone = set(shards)
        for session_id in [s for s in self._places if shard_of(s) in gone]:
            del self._places[session_id]
        for shard in gone:
            self._new.pop(shard, None)
            self._farewells.pop(shard, None)

    # ---- what is known

    def online(self, session_id: str, user_id: str) -> bool:
        """Whether a connection of the user listens now: grace does not count."""
        place = self._places.get(session_id, {}).get(user_id)
        return place is not None and place.connections > 0

    def here(self, session_id: str, user_id: str) -> bool | None:
        """Whether others are to take the user for online; None while nobody can know."""
        if user_id in self._places.get(session_id, {}):
            return True
        shard = shard_of(session_id)
        if shard not in self._new or (session_id, user_id) in self._farewells.get(shard, ()):
            return False
        return None

    def alone(self, session_id: str, user_id: str) -> bool:
        """Nobody else is in the session who could be told."""
        return not any(user != user_id for user in self._places.get(session_id, {}))

    def missed(self) -> list[tuple[str, str]]:
        """(session, user) of all who did not come back in time; each is named once."""
        now = self._mono()
        missed = []
        while self._lost and self._lost[0][0] <= now:
            until, session_id, user_id = self._lost.popleft()
            place = self._places.get(session_id, {}).get(user_id)
            if place is not None and not place.connections and place.until <= until:
                self._forget(session_id, user_id)
                missed.append((session_id, user_id))
        return missed

    def known(self) -> list[str]:
        """Sessions with somebody in them, of shards where absence means something from now on."""
        now = self._mono()
        if not self._new or next(iter(self._new.values())) > now:
            return []
        over = {shard for shard, until in self._new.items() if until <= now}
        for shard in over:
            del self._new[shard]
            self._farewells.pop(shard, None)
        return [session_id for session_id in self._places if shard_of(session_id) in over]

    def _forget(self, session_id: str, user_id: str) -> None:
        places = self._places[session_id]
        del places[user_id]
        if not places:
            del self._places[session_id]
