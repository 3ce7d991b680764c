"""What can happen to a hub, by name. Each fault ends with the hub whole, or mending itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from random import Random
from typing import Any, TypeAlias

import asyncpg

from beheard_hub.domain.limits import LEASE_SECONDS
from beheard_hub.domain.sharding import shard_of
from chaos.changes import all_restarted, host_exchanged
from chaos.hub import HubUnderFire, Struck, children, frozen
from chaos.people import Load
from chaos.recorder import now

POSTGRES_STALL_SECONDS = 10.0
HOLD_SECONDS = 5.0
CUT_SHARE = 0.5
HELD_SHARE = 0.2

Fault: TypeAlias = Callable[[HubUnderFire, Load, Random], Awaitable[Struck]]


def hosts(address: Mapping[str, Any]) -> list[int | None]:
    """Processes of the session hosts."""
    return list(address["host_pids"])


async def host_killed(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """A session host dies. Where it was the last one that served, nobody can take over until Ray
    has started another: these are told apart."""
    alive = await hub.fresh(hosts)
    pid = rng.choice(alive)
    sessions = await _sessions_of(hub, load, pid)
    struck = Struck("host_killed" if len(alive) > 1 else "last_host_killed", now(), sessions)
    hub.kill(pid)
    return struck


async def host_frozen(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """A session host stands still, mostly past its lease, and goes on as if nothing had been."""
    pid = rng.choice(await hub.fresh(hosts))
    sessions = await _sessions_of(hub, load, pid)
    struck = Struck("host_frozen", now(), sessions)
    with frozen([pid]):
        await asyncio.sleep(rng.uniform(0.7, 2.0) * LEASE_SECONDS)
    return struck


async def gateway_killed(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """A gateway dies; its port is taken by the next one."""
    pid = rng.choice(await hub.fresh(lambda address: address["gateway_pids"]))
    struck = Struck("gateway_killed", now())
    hub.kill(pid)
    return struck


async def postgres_killed(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """Postgres dies and is started again."""
    [pid] = await hub.fresh(lambda address: [address["postgres_pid"]])
    struck = Struck("postgres_killed", now(), _all(load))
    hub.kill(pid)
    return struck


async def postgres_stalled(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """Every process of Postgres stands still: connections stay open, nobody answers."""
    [pid] = await hub.fresh(lambda address: [address["postgres_pid"]])
    struck = Struck("postgres_stalled", now(), _all(load))
    with frozen([pid, *children(pid)]):
        await asyncio.sleep(POSTGRES_STALL_SECONDS)
    return struck


async def embedder_killed(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """The embedding actor dies."""
    pid = rng.choice(await hub.fresh(lambda address: address["embedder_pids"]))
    struck = Struck("embedder_killed", now())
    hub.kill(pid)
    return struck


async def devices_vanished(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """Half of all connections are cut at once, without a word to either end."""
    struck = Struck("devices_vanished", now())
    for network in hub.networks:
        network.cut(rng, CUT_SHARE)
    return struck


async def readers_stalled(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """Some devices read nothing for a while, and go on sending."""
    struck = Struck("readers_stalled", now())
    await asyncio.gather(*(network.hold(rng, HELD_SHARE, HOLD_SECONDS) for network in hub.networks))
    return struck


def _all(load: Load) -> Collection[str]:
    return {person.session_id for person in load.people}


async def _sessions_of(hub: HubUnderFire, load: Load, pid: int) -> Collection[str]:
    """Sessions in the hands of that host; none while the database cannot say."""
    try:
        shards = await hub.shards_of(pid)
    except (OSError, asyncpg.PostgresError):
        return ()
    return {session for session in _all(load) if shard_of(session) in shards}


FAULTS: Mapping[str, Fault] = {
    "all_restarted": all_restarted,
    "host_exchanged": host_exchanged,
    "host_killed": host_killed,
    "host_frozen": host_frozen,
    "gateway_killed": gateway_killed,
    "postgres_killed": postgres_killed,
    "postgres_stalled": postgres_stalled,
    "embedder_killed": embedder_killed,
    "devices_vanished": devices_vanished,
    "readers_stalled": readers_stalled,
}
