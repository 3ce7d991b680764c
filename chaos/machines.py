"""``python -m chaos.machines --strikes N --seed S``: one hub on several machines, under load.

Cables are cut and mended, machines lose their power and come back. At the end what was acked is
laid beside the database, as in every plan. It needs root and `ip` (iproute2, Linux).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from random import Random

import asyncpg
import uvloop

from beheard_hub.domain.sharding import shard_of
from beheard_hub.testing.hub_process import HubProcess
from chaos.hub import SQL, HubUnderFire, Struck
from chaos.judgement import judged
from chaos.machine import Machine
from chaos.people import Load, at_work
from chaos.recorder import now
from chaos.report import report, show
from chaos.spread import PORT, Machines, say, spread
from chaos.standstill import Standstill

PAIRS = 10
THINK_SECONDS = 0.05
CUT_SECONDS = (0.5, 8.0)
DARK_SECONDS = 2.0
"""How long a machine without power stays away."""
SPREAD_SECONDS_MAX = 180.0
ON_MACHINE = (SQL / "on_machine.sql").read_text()


class SpreadHub(HubUnderFire):
    """The hub on those machines, as the plans know one."""

    def __init__(self, machines: Machines) -> None:
        super().__init__(HubProcess(machines.folder / "data"))
        self.machines = machines
        self.urls = [f"ws://{machine.address}:{PORT}/v1/ws" for machine in machines.machines]

    async def database(self) -> asyncpg.Connection:
        """As the owner."""
        return await asyncpg.connect(self.machines.variables["DATABASE_URL"])

    async def sessions_on(self, machine: Machine, load: Load) -> set[str]:
        """Sessions of the load that live there."""
        shards = await self._shards_on(machine)
        everybody = {person.session_id for person in load.people}
        return {session for session in everybody if shard_of(session) in shards}

    async def spread(self) -> None:
        """Waits until every machine has a part of the sessions again. Raises TimeoutError."""
        async with asyncio.timeout(SPREAD_SECONDS_MAX):
            while not all([await self._shards_on(m) for m in self.machines.others]):
                await asyncio.sleep(1)

    async def _shards_on(self, machine: Machine) -> set[int]:
        connection = await self.database()
        try:
            rows = await connection.fetch(ON_MACHINE, f"tcp:{machine.address}:%")
        finally:
            await connection.close()
        return {row["shard"] for row in rows}


async def cable_cut(hub: SpreadHub, machine: Machine, load: Load, rng: Random) -> Struck:
    """A machine is cut off from all others, and comes back as if nothing had been."""
    struck = Struck("cable_cut", now(), await hub.sessions_on(machine, load))
    machine.cut()
    try:
        await asyncio.sleep(rng.uniform(*CUT_SECONDS))
    finally:
        machine.mend()
    return struck


async def power_lost(hub: SpreadHub, machine: Machine, load: Load, rng: Random) -> Struck:
    """A machine is off at once, and is started again."""
    struck = Struck("power_lost", now(), await hub.sessions_on(machine, load))
    await asyncio.to_thread(machine.lose_power)
    await asyncio.sleep(DARK_SECONDS)
    await asyncio.to_thread(hub.machines.power, machine)
    return struck


FAULTS = (cable_cut, power_lost)


async def run(machines: Machines, seed: int, strikes: int) -> int:
    """Strikes and judges; 1 where a promise was broken."""
    rng, hub, began = Random(seed), SpreadHub(machines), time.monotonic()
    done: list[Struck] = []
    with Standstill() as still:
        async with _everybody(hub, rng) as load:
            await load.everybody_gets(3)
            for number in range(strikes):
                await hub.spread()
                fault, machine = rng.choice(FAULTS), rng.choice(machines.others)
                struck = await fault(hub, machine, load, rng)
                done.append(struck)
                await load.everybody_gets(1)
                struck.seconds = load.first_acks_seconds(struck)
                say(f"{number + 1}/{strikes} {struck.fault} of {len(struck.sessions)} sessions")
            await load.everybody_gets(3)
    found = await judged(hub, load, None)
    made = report(seed, time.monotonic() - began, load, done, found, still.found())
    show("machines", made)
    return 0 if made.kept else 1


@contextlib.asynccontextmanager
async def _everybody(hub: SpreadHub, rng: Random) -> AsyncIterator[Load]:
    async with at_work(
        hub.urls, hub.token, seats=(), pairs=PAIRS, think_seconds=THINK_SECONDS, rng=rng
    ) as load:
        yield load


def main(arguments: Sequence[str]) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m chaos.machines", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--strikes", type=int, default=10, help="how many faults")
    given = parser.parse_args(arguments)
    if os.geteuid() != 0 or shutil.which("ip") is None:
        say("network namespaces need root and ip (iproute2)")
        return 2
    say(f"a hub on three machines and a database (seed {given.seed})")
    with spread() as machines:
        return uvloop.run(run(machines, given.seed, given.strikes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
