"""Which shards this host owns, and how it comes to more of them.

Every half second the host reads the routing. Shards that nobody owns, or whose owner is dead or
has let its lease expire (the database's clock decides), are shared out among the hosts that are
alive; what another one left lying for a round is taken as well. A proven death is told by the
gateway or the supervisor (`adopt`), which is quicker. A host that for a while has more than its
share gives the rest to the one that has least, after its last flush of those shards. A host about
to leave gives each to whoever has least by then: its sessions move before it goes, and only once, a
few shards at a time: the others are served meanwhile, so nobody waits for all the rest to move.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from beheard_hub.domain.limits import SHARDS
from beheard_hub.observability.metrics import SHARD_CHANGES
from beheard_hub.ports import Fenced, Lease, LeaseStore, RoutingTable, Sleep, StoreUnavailable
from beheard_hub.telemetry import logger, origin_of

WATCH_SECONDS = 0.5
GIVE_SHARDS_MAX = 64
LEAVE_SHARDS_MAX = 16
"""A host that leaves gives so many at once: its sessions are loaded by the next owner together."""
PATIENT_LOOKS = 5
"""So often a host sees itself richer than others, and nothing moving, before it gives: who comes to
take the place of one that leaves, or that one itself, would else get shards which have to go back.
"""

_log = logger("placement")


def free_shards(table: RoutingTable) -> list[int]:
    """Shards that may be taken: without an owner, or of a host that is not alive."""
    alive = {host for host, entry in table.hosts.items() if entry.alive}
    if alive.issuperset(table.owners):  # nearly always, and much quicker than to look at each
        return []
    return [shard for shard, owner in enumerate(table.owners) if owner not in alive]


def shards_of(table: RoutingTable, host_id: str) -> list[int]:
    """Shards that the table calls a host's."""
    return [shard for shard, owner in enumerate(table.owners) if owner == host_id]


def portion(shards: Sequence[int], host_id: str, alive: Sequence[str]) -> list[int]:
    """This host's part of free shards: every alive host gets another one."""
    everyone = sorted({*alive, host_id})
    return list(shards[everyone.index(host_id) :: len(everyone)])


def surplus(table: RoutingTable, host_id: str) -> tuple[str, int]:
    """Whom to give how many shards, so that the poorest host gets its share."""
    owned = {host: table.owners.count(host) for host, entry in table.hosts.items() if entry.alive}
    if host_id not in owned or len(owned) < 2:
        return "", 0
    poorest = min(owned, key=lambda host: (owned[host], host))
    share = SHARDS // len(owned)
    return poorest, max(0, min(owned[host_id] - share - 1, share - owned[poorest]))


def shared_out(
    table: RoutingTable, shards: Sequence[int], hosts: Sequence[str]
) -> dict[str, list[int]]:
    """Each shard to the host that has least by then."""
    given: dict[str, list[int]] = {host: [] for host in sorted(hosts)}
    owned = {host: table.owners.count(host) for host in given}
    for shard in shards:
        to = min(given, key=lambda host: owned[host] + len(given[host]))
        given[to].append(shard)
    return {host: got for host, got in given.items() if got}


class Placement:
    """The shards of one host, each with the number of times that it was acquired."""

    def __init__(
        self, lease: Lease, store: LeaseStore,
        acquired: Callable[[Sequence[int]], None],
        release: Callable[[Sequence[int], bool], Awaitable[None]],
        sleep: Sleep = asyncio.sleep,
    ) -> None:  # fmt: skip
        self.lease = lease
        self.generations: dict[int, int] = {}
        """Only shards that are owned now."""
        self._store = store
        self._acquired = acquired
        self._release = release
        """Stops deciding for shards and waits for their last flush; where they are still ours, for
        what is under way first."""
        self._sleep = sleep
        self._counter = 0
        self._given_at: dict[int, int] = {}
        """Shard → value of the counter when it was last given away: an answer to what was asked
        before must not make it ours again."""
        self._left_lying: set[int] = set()
        self._rich_looks = 0
        """How often in a row this host had more than its share, of an unchanged whole."""
        self._seen: list[str | None] = []
        """The owners at the look before."""
        self._giving: set[int] = set()
        self._unsure: tuple[str, Sequence[int]] | None = None
        """The next owner of shards, where it is not known whether they were given: the database may
        still do so at any time. They are neither decided for nor taken back until that is known."""
        self._leaving = False

    def generation(self, shard: int) -> int:
        """How often it was acquired; 0 while it is not ours."""
        return self.generations.get(shard, 0)

    async def run(self) -> None:
        """Watches until cancelled, or until the lease is lost: the flusher ends the host then."""
        while True:
            try:
                await self.watch()
            except Fenced:
                return
            except StoreUnavailable:
                _log.warning("routing_unavailable", host_id=self.lease.host_id)
            except Exception as error:  # a fault of ours must not end all later looks
                _log.error("watch_failed", host_id=self.lease.host_id, **origin_of(error))
            await self._sleep(WATCH_SECONDS)

    async def watch(self) -> None:
        """One look at the routing. Raises StoreUnavailable, Fenced."""
        if self._leaving:
            return
        if self._unsure is not None:
            await self._give(*self._unsure)
        asked = self._counter
        table = await self._store.routing()
        mine_now = shards_of(table, self.lease.host_id)
        await self._drop_strays(mine_now, asked)
        self._own(mine_now, asked)  # another host may have named us the next owner of some
        alive = [host for host, entry in table.hosts.items() if entry.alive]
        free = free_shards(table)
        mine = set(portion(free, self.lease.host_id, alive)) | (set(free) & self._left_lying)
        self._left_lying = set(free) - mine
        if mine:
            taken = await self._store.take(self.lease, sorted(mine), None)
            self._own([shard for shard in taken if shard in mine], asked)
            return
        to, count = surplus(table, self.lease.host_id)
        at_rest, self._seen = self._seen == table.owners, list(table.owners)
        self._rich_looks = self._rich_looks + 1 if count and at_rest else 0
        if count and self._rich_looks > PATIENT_LOOKS:
            gift = sorted(self.generations)[-min(count, GIVE_SHARDS_MAX) :]
            await self._give(to, gift)
            for shard in gift:  # its own moves do not make it wait again
                self._seen[shard] = to

    async def adopt(self, dead_host_id: str) -> Sequence[int]:
        """Takes this host's part of the shards of a host that is proven dead.

        Raises StoreUnavailable, Fenced.
        """
        if dead_host_id == self.lease.host_id or self._leaving:
            return []
        asked = self._counter
        table = await self._store.routing()
        alive = [
            host for host, entry in table.hosts.items() if entry.alive and host != dead_host_id
        ]
        mine = portion(shards_of(table, dead_host_id), self.lease.host_id, alive)
        moved = await self._store.take(self.lease, mine, dead_host_id)
        taken = [shard for shard in moved if shard in mine]
        self._own(taken, asked)
        return taken

    def lose_all(self) -> list[int]:
        """Another host has taken them; returns which they were."""
        lost = list(self.generations)
        self.generations.clear()
        SHARD_CHANGES.labels("lost").inc(len(lost))
        return lost

    async def notice(self) -> None:
        """Takes up what others gave to this host, without waiting for the next look.

        Raises StoreUnavailable.
        """
        asked = self._counter
        table = await self._store.routing()
        self._own(shards_of(table, self.lease.host_id), asked)

    async def leave(self) -> int:
        """Gives the next shards away for good, and takes no more; returns how many. None where none
        is left, or nobody else is alive: then they become free with the lease. Raises
        StoreUnavailable.
        """
        self._leaving = True
        table, me = await self._store.routing(), self.lease.host_id
        others = [host for host, entry in table.hosts.items() if entry.alive and host != me]
        mine = shards_of(table, me)[:LEAVE_SHARDS_MAX]
        if not others or not mine:
            return 0
        for shard in mine:
            self.generations.pop(shard, None)
        await self._release(mine, True)
        for to, shards in shared_out(table, mine, others).items():
            await self._store.give(self.lease, shards, to)
        _log.info("shards_given", host_id=me, count=len(mine))
        return len(mine)

    def _own(self, shards: Sequence[int], asked: int) -> None:
        """`asked`: the counter when the question was sent whose answer says that they are ours."""
        if self._leaving or self.generations.keys() >= set(shards):
            return
        unknown = [s for s in shards if s not in self.generations and s not in self._giving]
        new = [s for s in unknown if self._given_at.get(s, 0) <= asked]
        for shard in new:
            self._counter += 1
            self.generations[shard] = self._counter
        if new:
            _log.info("shards_acquired", host_id=self.lease.host_id, count=len(new))
            SHARD_CHANGES.labels("acquired").inc(len(new))
            self._acquired(new)

    async def _drop_strays(self, shards: Sequence[int], asked: int) -> None:
        """What the database, asked after it became ours, calls another's: a gift that it made late
        has undone one that came back meanwhile. `shards`: what it calls ours."""
        known = set(shards)
        acquired = self.generations.items()
        strays = [s for s, number in acquired if number <= asked and s not in known]
        for shard in strays:
            del self.generations[shard]
        if strays:
            SHARD_CHANGES.labels("lost").inc(len(strays))
            await self._release(strays, False)

    async def _give(self, to: str, shards: Sequence[int]) -> None:
        """Again after StoreUnavailable, with the same: what was given already is left alone. What
        was not given after all, because `to` is dead, is noticed as ours by the next watch."""
        for shard in shards:
            self.generations.pop(shard, None)
        self._giving.update(shards)
        self._unsure = (to, shards)
        await self._release(shards, True)
        await self._store.give(self.lease, shards, to)
        self._unsure = None
        self._giving.difference_update(shards)
        self._counter += 1
        self._given_at.update(dict.fromkeys(shards, self._counter))
        SHARD_CHANGES.labels("given").inc(len(shards))
        _log.info("shards_given", host_id=self.lease.host_id, count=len(shards))
