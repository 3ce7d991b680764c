"""Hosts in Ray: started, killed without a word, adopted at once, restarted, drained."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
import ray

from beheard_hub.actors import supervisor as supervising
from beheard_hub.actors.host import Host
from beheard_hub.actors.ray_cluster import OWN_RAY, RayOptions, start_ray, stop_ray
from beheard_hub.actors.session_host import HostAddress, HostOrder
from beheard_hub.actors.supervisor import NotPossible, Supervisor
from beheard_hub.link_messages import Acked, CommandTo, ToGateway
from beheard_hub.links.socket_link import SocketDialer
from beheard_hub.persistence import write_behind
from beheard_hub.settings import process_environment
from beheard_hub.testing import memory_stores
from tests.unit.actors.world import World

LEASE_SECONDS = 3600
START_SECONDS_MAX = 180
"""Two processes begin at once, beside whatever else runs."""


class ToyHost:
    """A host on tables of its own."""

    def __init__(self, world: World, host: Host) -> None:
        self.world = world
        self.host = host

    async def start(self, endpoint: str) -> None:
        await self.host.start(endpoint, self.world.reactions)

    async def drain(self) -> None:
        await self.host.drain()


async def toy_host(
    sessions: list[str], host_id: str, on_fenced: Callable[[], None], _tell: Callable[[], None]
) -> ToyHost:
    """The factory that the order names. Its lease outlasts a machine that stands still."""
    for module in (write_behind, memory_stores):
        module.LEASE_SECONDS = LEASE_SECONDS  # type: ignore[attr-defined]
    world = World()
    for session_id in sessions:
        world.session(session_id)
    world.real_time()
    return ToyHost(world, world.make(host_id, on_fenced))


@pytest_asyncio.fixture(scope="module")
async def sigterm() -> AsyncIterator[asyncio.Event]:
    """A Ray of our own, begun by somebody who hears SIGTERM; set when it is heard."""
    heard, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, heard.set)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in OWN_RAY:
                patch.delenv(name, raising=False)
            session = await start_ray(RayOptions(cpus=1), process_environment())
            assert (session / "logs" / "raylet.out").exists()
            yield heard
    finally:
        loop.remove_signal_handler(signal.SIGTERM)
        await stop_ray()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the hosts have their sockets and log files."""
    return tmp_path_factory.mktemp("hosts")


@pytest_asyncio.fixture(scope="module")
async def supervisor(sigterm: asyncio.Event, folder: Path) -> AsyncIterator[Supervisor]:
    """Two hosts on that Ray."""
    order = HostOrder(
        factory="tests.unit.actors.test_supervisor:toy_host",
        runtime=["s1"],
        secret="secret",
        folder=str(folder),
        logs=str(folder / "logs"),
    )
    supervisor = Supervisor(order, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supervising, "START_SECONDS_MAX", START_SECONDS_MAX)
        await supervisor.start()
        yield supervisor
        await supervisor.stop()


async def ask(endpoint: str, rid: int) -> ToGateway:
    """One command over the socket."""
    answer: asyncio.Future[ToGateway] = asyncio.get_running_loop().create_future()
    link = await SocketDialer("g1", "secret").dial(endpoint, answer.set_result, lambda: None)
    link.send(CommandTo(rid, "ann", f"c{rid}", "step", {}, "s1"))
    async with asyncio.timeout(60):
        message = await answer
    await link.close()
    return message


async def test_a_killed_host_is_noticed_and_comes_back(supervisor: Supervisor) -> None:
    first, second = supervisor.addresses
    for address in (first, second):
        message = await ask(address.endpoint, 1)
        assert isinstance(message, Acked)
        assert message.data == {"total": 1}
    assert len({address.pid for address in (first, second)}) == 2
    assert set(ray.util.list_named_actors()) == {"SessionHost-0", "SessionHost-1"}
    for address in (first, second):
        niceness = os.getpriority(os.PRIO_PROCESS, address.pid)
        assert niceness == os.getpriority(os.PRIO_PROCESS, 0), "hosts are as urgent as the hub"
    os.kill(first.pid, signal.SIGKILL)
    async with asyncio.timeout(START_SECONDS_MAX):
        await supervisor.changed(lambda hosts: first not in hosts and len(hosts) == 2)
    assert supervisor.deaths == 1
    back = next(a for a in supervisor.addresses if a != second)
    assert back.host_id != first.host_id
    assert isinstance(await ask(back.endpoint, 2), Acked)
    told = [await handle.role_changed.remote("rita") for handle in supervisor.named.values()]
    assert told == [None, None], "by every host, also by the one that came back"
    stats = await supervisor.stats()
    assert [answer["gateways"] >= 0 for answer in stats] == [True, True]


async def test_hosts_log_where_the_operator_looks(supervisor: Supervisor, folder: Path) -> None:
    for number, address in enumerate(supervisor.addresses):
        await ask(address.endpoint, 1)
        path = folder / "logs" / f"session-host-{number}.log"
        lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
        assert lines, "a host says when a gateway's line opens"
        assert {line["level"] for line in lines} <= {"info", "warning"}
        assert path.stat().st_mode & 0o777 == 0o600


async def test_a_host_moves_to_a_machine_that_is_named(supervisor: Supervisor) -> None:
    placed, deaths = supervisor.placed, supervisor.deaths
    assert placed is not None
    number, node_id = min(placed.items())
    old, elsewhere = supervisor.addresses[0], "ab" * (len(node_id) // 2)
    await supervisor.relocate(number, node_id)
    after = supervisor.placed
    assert after is not None
    assert (len(after), number in after) == (len(placed), False)
    assert old not in supervisor.addresses
    assert all([isinstance(await ask(a.endpoint, 3), Acked) for a in supervisor.addresses])
    with pytest.raises(NotPossible, match="took no session host"):
        await supervisor.relocate(min(after), elsewhere)
    with pytest.raises(NotPossible, match=f"no session host {number}"):
        await supervisor.relocate(number, node_id)
    assert (supervisor.placed, supervisor.deaths) == (after, deaths)


async def test_sigterm_is_heard_by_us_and_by_nobody_else(sigterm: asyncio.Event) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(sigterm.wait(), 20)
    assert signal.alarm(0) == 0, "Ray's own handler would have aborted us when this is over"


async def test_a_cluster_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, object] = {}

    def nobody(**options: object) -> None:
        asked.update(options)
        raise ConnectionError

    monkeypatch.setattr("ray.init", nobody)
    environ: dict[str, str] = {}
    with pytest.raises(ConnectionError):
        await start_ray(RayOptions(address="10.0.0.1:6379"), environ)
    assert environ == {}
    assert asked["address"] == "10.0.0.1:6379"


async def test_every_host_that_lives_hears_of_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    handles = [Standin(told), Standin(told, dead=True), Standin(told)]

    async def lives(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(supervising, "create", lambda _order, number, **_how: handles[number])
    monkeypatch.setattr(supervising, "gone", lives)
    pool = Supervisor(HostOrder(factory="", runtime=None, secret="", folder=""), len(handles))
    await pool.start()
    await pool.role_changed("rita")
    assert told == ["rita", "rita"]
    for member in pool._members:
        await supervising._unwatched(member)


class Standin:
    """A handle of a host, without Ray; `dead` ones fail every call but the first."""

    def __init__(self, told: list[str], dead: bool = False) -> None:
        self.start = self.role_changed = self
        self._told, self._dead, self._began = told, dead, False

    async def remote(self, said: Any) -> HostAddress | None:
        """The call of either method."""
        if not self._began:
            self._began = True
            return HostAddress("h", "unix:/none", 1, "node")
        if self._dead:
            raise ray.exceptions.RayActorError
        self._told.append(said)
        return None
