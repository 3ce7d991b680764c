"""A stand-in on a local port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from uvicorn._types import ASGIApplication

_STOP_SECONDS_MAX = 1


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers, and with a word when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the owner of the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does it."""
        await super().startup(sockets)
        self.listens.set()


@asynccontextmanager
async def served(api: ASGIApplication, port: int = 0) -> AsyncIterator[str]:
    """Serves until the end of the block; gives the address, ``http://127.0.0.1:...``.

    Raises OSError where the port is taken. Cancelling: answers under way are cut.
    """
    listener = socket.create_server(("127.0.0.1", port), backlog=2048)
    config = uvicorn.Config(
        api, http="h11", lifespan="off", log_config=None, access_log=False,
        timeout_graceful_shutdown=_STOP_SECONDS_MAX,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await server.listens.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving
