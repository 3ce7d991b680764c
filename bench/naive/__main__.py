"""``python -m bench.naive FOLDER SESSIONS``: the naive design as a process of its own.

It seeds its database through a host in this process, ends that host, starts one Ray actor per
session and then serves websockets. On standard output it prints ``listening`` with the port,
sessions and users as JSON. It ends when standard input does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import ray
import uvloop
from websockets.asyncio.server import Server, ServerConnection, serve

from beheard_hub import telemetry
from beheard_hub.actors.ray_cluster import RayOptions, start_ray, stop_ray
from beheard_hub.bootstrap import build_host
from beheard_hub.persistence.data_dir import DataDirectory
from beheard_hub.persistence.prepare import prepare
from beheard_hub.persistence.stores import PostgresAccounts
from beheard_hub.runtime import Runtime
from beheard_hub.settings import Database as DatabaseSettings
from beheard_hub.settings import process_environment
from bench.caller import Caller
from bench.naive.actor import NaiveSession, Told

HELLO = b'{"type":"hello"}'


class Seeded(msgspec.Struct, frozen=True):
    """One session and its two people."""

    session_id: str
    a: str
    b: str


class Listening(msgspec.Struct, frozen=True):
    """The line that says where it listens."""

    port: int
    sessions: Sequence[Seeded]


class NaiveGateway:
    """One socket per client, one Ray call per command; an event goes to its user's socket after
    the call came back. A bearer token is a user id: who asks is not what is measured."""

    def __init__(self, actors: dict[str, Any]) -> None:
        self._actors = actors
        self._sockets: dict[str, ServerConnection] = {}
        self._calls: set[asyncio.Task[None]] = set()

    async def serve(self) -> Server:
        """Listens on a free port."""
        return await serve(
            self._connected, "127.0.0.1", 0, compression=None, ping_interval=None
        )  # fmt: skip

    async def _connected(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        user_id = socket.request.headers["Authorization"].removeprefix("Bearer ")
        self._sockets[user_id] = socket
        await socket.send(HELLO, text=True)
        async for raw in socket:
            frame = msgspec.json.decode(raw)
            if frame["type"] != "command":  # it keeps no count of who received what
                continue
            actor = self._actors[frame["sessionId"]]
            answer = actor.command.remote(user_id, frame["id"], frame["name"], frame["data"])
            call = asyncio.create_task(self._answer(socket, answer))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def _answer(self, socket: ServerConnection, answer: Any) -> None:
        told: Told = await answer
        await socket.send(told.answer, text=True)
        for user_id, frame in told.events:
            listening = self._sockets.get(user_id)
            if listening is not None:
                await listening.send(frame, text=True)


async def seed(runtime: Runtime, count: int) -> list[Seeded]:
    """Leads `count` pairs of new users into sessions, with the hub's own host."""
    parts = await build_host(runtime, f"seed-{uuid4()}", lambda: None)
    await parts.start("seed")
    caller, accounts = Caller(parts.host), PostgresAccounts(parts.db)
    seeded = []
    for number in range(count):
        a, b = [
            (await accounts.provision("bench", f"{seat}{number}", "Bench"))[0] for seat in "ab"
        ]  # fmt: skip
        made = await caller.ask(a, "", "session.create", {"inviteName": "Bench"})
        await caller.ask(b, "", "invitation.accept", {"invitationId": made["invitationId"]})
        session = made["session"]["id"]
        for user in (a, b):  # the facilitator's opening, so that both designs begin alike
            while not (await caller.ask(user, session, "message.list", {}))["messages"]:
                await asyncio.sleep(0.05)
        seeded.append(Seeded(session, a, b))
    await parts.drain()
    return seeded


async def start_actors(runtime_url: str, sessions: Sequence[Seeded]) -> dict[str, Any]:
    """One Ray actor per session, all loaded."""
    make: Any = ray.remote(NaiveSession).options(num_cpus=0, enable_task_events=False).remote
    actors = {s.session_id: make(runtime_url, s.session_id) for s in sessions}
    await asyncio.gather(*(actor.ready.remote() for actor in actors.values()))
    return actors


async def main(folder: Path, count: int) -> None:
    """Serves until standard input ends."""
    telemetry.configure("error")
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(DataDirectory(folder))
        prepared = await prepare(DatabaseSettings(None, None), folder)
        assert prepared.embedded is not None
        stack.push_async_callback(asyncio.to_thread, prepared.embedded.stop)
        secret = directory.secret("cluster-secret")
        runtime = Runtime({}, prepared.runtime_url, secret, str(folder))
        sessions = await seed(runtime, count)
        stack.push_async_callback(stop_ray)
        await start_ray(RayOptions(), process_environment())
        server = await NaiveGateway(await start_actors(prepared.runtime_url, sessions)).serve()
        stack.callback(server.close)
        port = next(iter(server.sockets)).getsockname()[1]
        said = msgspec.json.encode(Listening(port, sessions)).decode()
        print(f"listening {said}", flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            pass


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2])))
