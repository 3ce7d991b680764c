"""Hosts on Ray that listen as on a cluster of several machines."""

from __future__ import annotations

import asyncio
from pathlib import Path

from beheard_hub.actors.collecting import own_node
from beheard_hub.actors.ray_cluster import RayOptions, machines, start_ray, stop_ray, takers
from beheard_hub.actors.session_host import HostOrder
from beheard_hub.actors.supervisor import Supervisor
from beheard_hub.link_messages import Acked, CommandTo, ToGateway
from beheard_hub.links import tls
from beheard_hub.links.socket_link import SocketDialer
from beheard_hub.setting_values import NODE

from .authority import Authority


async def test_a_host_serves_over_tls_at_its_machines_address(tmp_path: Path) -> None:
    files = Authority(tmp_path).host()
    order = HostOrder(
        factory="tests.unit.actors.test_supervisor:toy_host",
        runtime=["s1"],
        secret="secret",
        folder=str(tmp_path),
        bind=NODE,
        cert=str(files.cert),
        key=str(files.key),
    )
    await start_ray(RayOptions(cpus=1))
    try:
        assert await machines() == await takers() == {own_node()}
        supervisor = Supervisor(order, 1)
        await supervisor.start()
        [address] = supervisor.addresses
        assert address.endpoint.startswith("tcp:")
        answer: asyncio.Future[ToGateway] = asyncio.get_running_loop().create_future()
        dialer = SocketDialer("g1", "secret", tls.gateway_context(files.ca))
        link = await dialer.dial(address.endpoint, answer.set_result, lambda: None)
        link.send(CommandTo(1, "ann", "c1", "step", {}, "s1"))
        async with asyncio.timeout(20):
            assert isinstance(await answer, Acked)
        await link.close()
        await supervisor.stop()
    finally:
        await stop_ray()
