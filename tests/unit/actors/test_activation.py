"""Cells: loaded together, packed when idle, bounded, and cheap by the hundred thousand."""

from __future__ import annotations

import tracemalloc
from unittest import mock

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.cell import Cell
from beheard_hub.domain.kernel import Loaded
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Acked, Refused
from tests.unit.actors.toy import Toy
from tests.unit.actors.world import Peer, World

SMALL = ActivationLimits(
    live_cells_max=10, packed_cells_max=20, idle_seconds=60, parked_max=100,
    parked_per_session_max=8,
)  # fmt: skip


async def test_loads_coalesce(world: World) -> None:
    for number in range(60):
        world.session(f"t{number}")
    peer = Peer(await world.host())
    rids = [peer.command("step", session=f"t{number}") for number in range(60)]
    for rid in rids:
        await peer.acked(rid)
    assert world.sessions.loads <= 4
    rids = [peer.command("step", session="s1") for _ in range(5)]
    assert [(await peer.acked(rid)).data["total"] for rid in rids] == [1, 2, 3, 4, 5]
    assert world.sessions.loads <= 5


async def test_parked_commands_are_bounded(world: World) -> None:
    world.limits = SMALL
    peer = Peer(await world.host())
    rids = [peer.command("step") for _ in range(12)]
    answers = [await peer.answer(rid) for rid in rids]
    assert [type(answer) for answer in answers] == [Acked] * 8 + [Refused] * 4


async def test_idle_cells_sleep_and_wake_as_they_were(world: World) -> None:
    world.limits = SMALL
    for number in range(40):
        world.session(f"t{number}")
    host = await world.host()
    peer = Peer(host)
    for number in range(40):
        await peer.acked(peer.command("step", session=f"t{number}", command_id="one"))
    while host.activation.sweep():
        pass
    assert len(host.activation.live) == 10
    assert len(host.activation.packed) == 20
    loads = world.sessions.loads
    again = await peer.acked(peer.command("step", session="t25", command_id="one"))
    assert again.duplicate
    assert (await peer.acked(peer.command("step", session="t25"))).data == {"total": 2}
    assert world.sessions.loads == loads, "what sleeps as bytes needs no read"
    forgotten = await peer.acked(peer.command("step", session="t0", command_id="two"))
    assert forgotten.data == {"total": 2}
    assert world.sessions.loads == loads + 1


def test_packing_loses_nothing() -> None:
    kind = Toy()
    loaded = Loaded(
        session_id="s1", facts={"members": ["ann", "bob"], "total": 5},
        names={"ann": "Ann", "bob": None}, seqs={"ann": 3, "bob": 9},
        receipts={"ann": [1, -(2**63)], "bob": []},
    )  # fmt: skip
    cell = Cell.from_loaded(kind, loaded)
    back = Cell.unpack("s1", {"toy": kind}, cell.pack())
    for name in ("key", "shard", "state", "committed", "seqs", "committed_seqs", "names"):
        assert getattr(back, name) == getattr(cell, name)
    assert back.hashes == cell.hashes


def test_an_idle_session_costs_less_than_twelve_kilobytes() -> None:
    kind = Toy()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    cells = [
        Cell.from_loaded(
            kind,
            Loaded(
                session_id=f"session-{number}",
                facts={"members": ["ann", "bob"], "total": number},
                seqs={"ann": 3, "bob": 9},
                receipts={"ann": range(number, number + 30), "bob": range(30)},
            ),
        )
        for number in range(500)
    ]
    each = (tracemalloc.get_traced_memory()[0] - before) / len(cells)
    packed = sum(len(cell.pack()) for cell in cells) / len(cells)
    tracemalloc.stop()
    assert each < 12 * 1024
    assert packed < 1024


async def test_unknown_sessions_are_not_there(world: World) -> None:
    peer = Peer(await world.host())
    refused = await peer.refused(peer.command("step", session="nowhere"))
    assert refused.code == Code.NOT_FOUND


async def test_a_sweep_looks_at_each_cell_once_also_where_all_are_busy(world: World) -> None:
    for number in range(3):
        world.session(f"t{number}")
    host = await world.host()
    peer = Peer(host)
    for number in range(3):
        await peer.acked(peer.command("step", session=f"t{number}"))
    world.clock.advance(world.limits.idle_seconds + 1)
    cells = list(host.activation.live.values())
    with mock.patch.object(Cell, "busy", True):
        assert host.activation.sweep() == 3
    assert list(host.activation.live.values()) == cells
