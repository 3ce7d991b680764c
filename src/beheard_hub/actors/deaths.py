"""How the supervisor hears of a host's death: at once on its own machine, by Ray elsewhere."""

from __future__ import annotations

import asyncio
import os

import ray

from beheard_hub.actors.collecting import own_node
from beheard_hub.actors.session_host import Handle, HostAddress


async def gone(handle: Handle, address: HostAddress) -> None:
    """Returns when the host's process is dead."""
    if address.node_id == own_node() and hasattr(os, "pidfd_open"):
        await _process_ended(address.pid)
        return
    while True:
        try:
            await handle.alive.remote()
        except ray.exceptions.RayActorError:
            return


async def _process_ended(pid: int) -> None:
    """Returns when a process of this machine has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        loop.add_reader(descriptor, ended.set)
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
