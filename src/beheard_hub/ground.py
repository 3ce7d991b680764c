"""What a hub stands on: Postgres and Ray, started side by side, and their end.

Neither can be stopped in the middle of its start: both are started by threads that wait for
processes of their own. So whatever cuts the hub's start off, each start is seen through and what
came of it is ended after it; undone any sooner, it would leave a server that nobody knows.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from beheard_hub.fleet import start_runtime, stop_runtime
from beheard_hub.persistence.prepare import Prepared, prepare
from beheard_hub.settings import Settings


async def start_ground(
    settings: Settings, data_dir: Path, stack: contextlib.AsyncExitStack
) -> tuple[Prepared, Path | None]:
    """The database, and the folder of Ray's session if there is one; `stack` ends both.

    Raises SetupError. Cancelling leaves the end to `stack`.
    """
    cluster = asyncio.create_task(start_runtime(settings))
    stack.push_async_callback(_end_ray, settings, cluster)
    postgres = asyncio.create_task(prepare(settings.database, data_dir))
    stack.push_async_callback(_end_postgres, postgres)
    await asyncio.wait({postgres, cluster}, return_when=asyncio.FIRST_EXCEPTION)
    return await asyncio.gather(postgres, cluster)


async def _end_ray(settings: Settings, starting: asyncio.Task[Path | None]) -> None:
    await asyncio.gather(starting, return_exceptions=True)
    await stop_runtime(settings)


async def _end_postgres(starting: asyncio.Task[Prepared]) -> None:
    """`prepare` ends the server itself where it is cut off."""
    starting.cancel()
    [prepared] = await asyncio.gather(starting, return_exceptions=True)
    if isinstance(prepared, Prepared) and prepared.embedded is not None:
        await asyncio.to_thread(prepared.embedded.stop)
