"""Real facts for hosts on a stub store: what Postgres loads of sessions that were played.

Every journey that comes with the hub is played to its end on a real hub, and its session is loaded
the way a host does: as full as a session gets. One more pair has only just met. A stub store hands
out copies of these facts with ids of their own, decoded anew for each session, so that cells share
no more than they do in a real host. The sessions are reopened (ACTIVE), so that they take commands.

``python -m bench.sample FILE`` writes them, in a process of its own.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from rich.console import Console

from beheard_hub import settings, telemetry
from beheard_hub.demo.player import play
from beheard_hub.domain.kernel import Loaded
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.journeys import load as load_journey
from beheard_hub.journeys import names
from beheard_hub.load.pairs import make_pair
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.stores import PostgresSessionStore
from beheard_hub.runtime import SystemClock
from beheard_hub.serve import Hub

NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""The clock of a host on a stub store stands still, and so does the time of the last activity."""
UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Loaded).decode


class Template:
    """One played session with holes where its ids were."""

    def __init__(self, loaded: Loaded) -> None:
        packed = _encode(loaded)
        ids = {loaded.session_id.encode(): 0}
        self._holes = [ids.setdefault(found, len(ids)) for found in UUID.findall(packed)]
        self._texts = UUID.split(packed)
        self._count = len(ids)
        self._users = [ids[member["userId"].encode()] for member in loaded.facts["members"]]

    def copy(self, number: int) -> Loaded:
        """The session again, with the ids of copy `number`."""
        ids = [_uuid(number, place) for place in range(self._count)]
        parts = [self._texts[0]]
        for hole, text in zip(self._holes, self._texts[1:], strict=True):
            parts += ids[hole], text
        return _decode(b"".join(parts))

    def user(self, number: int) -> str:
        """A member of copy `number`."""
        return _uuid(number, self._users[0]).decode()


def _uuid(number: int, place: int) -> bytes:
    return b"%08x-%04x-7000-8000-%012x" % (number, place, number)


def session_id(number: int) -> str:
    """Id of the session of copy `number`."""
    return _uuid(number, 0).decode()


def number_of(session: str) -> int:
    """The inverse of `session_id`."""
    return int(session[:8], 16)


def reopened(loaded: Loaded) -> Loaded:
    """The same session while its two people still work on it."""
    facts: dict[str, Any] = dict(loaded.facts)
    facts["session"] = {
        **facts["session"],
        "status": "ACTIVE",
        "resolvedAt": None,
        "outcome": None,
        "lastActivityAt": NOW.isoformat(),
    }
    return msgspec.structs.replace(loaded, facts=facts)


class Templates(msgspec.Struct, frozen=True):
    """What hosts on a stub store hold copies of."""

    met: Sequence[Template]
    """A session that both have joined, and nothing more."""
    played: Sequence[Template]
    """Sessions at the end of their journey."""


async def templates(folder: Path) -> Templates:
    """The sessions to copy; played once in a run."""
    path = folder / "played.json"
    if not path.exists():
        with (folder / "played.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bench.sample", str(path), stdout=log, stderr=log
            )
            if await process.wait() != 0:
                raise RuntimeError("the journeys could not be played")
    stored = msgspec.json.decode(path.read_bytes(), type=list[Loaded])
    met, *played = [Template(reopened(loaded)) for loaded in stored]
    return Templates([met], played)


async def record() -> bytes:
    """Plays every journey and returns, as JSON, what Postgres then loads."""
    telemetry.configure("error")
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="beheard-bench-"))
        variables: Mapping[str, str] = {
            **settings.process_environment(),
            "BEHEARD_DATA_DIR": f"{folder}/data",
            "BEHEARD_LINK": "inprocess",
            "BEHEARD_LIMITS": "off",
            "BEHEARD_FACILITATOR": "offline",
            "BEHEARD_PORT": "0",
        }
        hub = Hub(settings.load(variables), Console(quiet=True))
        await hub.start(stack)
        key = LocalKey.open(hub.path, SystemClock())
        plays = []
        for name in names():
            a, b = key.mint(f"{name}-a"), key.mint(f"{name}-b")
            plays.append(play(load_journey(name), hub.websocket_url, a, b))
        results = await asyncio.gather(*plays)
        assert hub.prepared is not None
        met = await make_pair(hub.url.replace("http", "ws", 1), key.mint, 0)
        await met.close()
        db = await Database.open(hub.prepared.runtime_url, size_max=1)
        stack.push_async_callback(db.close)
        store = PostgresSessionStore(db)
        ids = [met.session_id, *(result.session_id for result in results)]
        loaded = await store.load([(session, []) for session in ids])
        return _encode(loaded)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(uvloop.run(record()))
