"""Two gateways, one session that is not live: it is read once and lives once."""

from __future__ import annotations

import asyncio

from tests.unit.actors.world import Peer, World


async def test_first_commands_of_two_gateways_activate_a_session_once(world: World) -> None:
    host = await world.host()
    one, other = Peer(host), Peer(host)
    rids = [
        (peer, peer.command("step", session="s1", command_id=f"c{number}"))
        for number, peer in enumerate((one, other, one, other))
    ]
    acks = await asyncio.gather(*(peer.acked(rid) for peer, rid in rids))
    assert world.sessions.loads == 1
    assert [ack.data["total"] for ack in acks] == [1, 2, 3, 4]
