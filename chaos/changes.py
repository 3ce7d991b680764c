"""What an operator does to a hub that serves, by the operator's own door. No fault: nobody should
notice more than a pause, so the figure is each person's longest wait for an ack meanwhile."""

from __future__ import annotations

from random import Random
from typing import Any

from beheard_hub.control import ask
from chaos.hub import HubUnderFire, Struck
from chaos.people import Load
from chaos.recorder import now


async def host_exchanged(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """A session host is added, another one removed."""
    struck = Struck("host_exchanged", now())
    before = [row["number"] for row in await _ask(hub, "hosts.list")]
    await _ask(hub, "hosts.add")
    await _ask(hub, "hosts.remove", number=rng.choice(before))
    struck.seconds = load.longest_pauses(struck.at)
    return struck


async def all_restarted(hub: HubUnderFire, load: Load, rng: Random) -> Struck:
    """Every session host and every gateway is replaced, one after the other."""
    struck = Struck("all_restarted", now())
    await _ask(hub, "restart")
    struck.seconds = load.longest_pauses(struck.at)
    return struck


async def _ask(hub: HubUnderFire, name: str, **args: Any) -> Any:
    return await ask(hub.process.data_dir, name, args, lambda said: None)
