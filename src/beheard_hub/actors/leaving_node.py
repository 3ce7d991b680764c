"""A machine of the Ray cluster is about to go: its session hosts give their sessions away first.

It runs on that machine, as a driver of its own (`beheard drain-node`, before a pod ends): the
supervisor's door is a unix socket elsewhere. Hosts go one after the other, each is over before the
next one looks for takers, so none of them takes what another here gave away. Their processes stay,
empty, until the machine goes; then Ray starts them again on another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import ray

from beheard_hub import telemetry
from beheard_hub.actors.collecting import own_node
from beheard_hub.actors.handing_over import call, hand_over
from beheard_hub.actors.ray_cluster import RayOptions, start_ray, stop_ray
from beheard_hub.actors.session_host import ACTOR_NAME, Handle
from beheard_hub.actors.supervisor import DRAIN_SECONDS_MAX

_log = telemetry.logger("supervisor")


async def leave_node(say: Callable[[str], None]) -> None:
    """Empties every host on this machine; `say` is told of each. Raises ConnectionError where no
    Ray runs here."""
    await start_ray(RayOptions(address="auto"))
    try:
        names = [name for name in ray.util.list_named_actors() if name.startswith(ACTOR_NAME)]
        await empty(own_node(), {name: ray.get_actor(name) for name in names}, say)
    finally:
        await stop_ray()


async def empty(node_id: str, hosts: Mapping[str, Handle], say: Callable[[str], None]) -> None:
    """Those of the cluster's `hosts`, by name, that live on that machine, one after the other."""
    for name in sorted(hosts):
        if (given := await _left(name, node_id, hosts)) is not None:
            say(f"{name}: {given} shards given to others")


async def _left(name: str, node_id: str, hosts: Mapping[str, Handle]) -> int | None:
    """How many shards a host gave away; None if it lives elsewhere, or does not answer."""
    host = hosts[name]
    try:
        others = [hosts[other] for other in hosts if other != name]
        given = await hand_over(host.hand_over_at, others, node_id)
        if given is not None:
            await call(host.drain, DRAIN_SECONDS_MAX)
    except (TimeoutError, ray.exceptions.RayError) as error:  # others adopt what it could not give
        _log.warning("host_drain_failed", number=name, error=type(error).__name__)
        return None
    return given
