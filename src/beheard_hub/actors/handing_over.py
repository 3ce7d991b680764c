"""Control calls to session hosts, and the one that takes many: a host gives away all that it has.

It gives a few shards at a time (`Placement.leave`). Who may take them is told after each, so that
a session waits for its own move and not for those of all others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from beheard_hub.actors.session_host import Handle

HAND_OVER_SECONDS_MAX = 20.0
NOTICE_SECONDS_MAX = 5.0
MEET_SECONDS_MAX = 2.5
"""Gateways look for newcomers every second."""
LOOK_AGAIN_SECONDS = 0.05


async def call(method: Any, seconds: float, *args: object) -> Any:
    """One control call. Raises TimeoutError, RayError."""
    async with asyncio.timeout(seconds):
        return await method.remote(*args)


async def met(newcomer: Handle, leaving: Handle) -> None:
    """Until gateways have a line to the newcomer, as many as to the host that is to leave, or a
    moment is over: what is given before waits for theirs. Raises RayError."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(MEET_SECONDS_MAX):
            while await _lines(newcomer) < await _lines(leaving):  # noqa: ASYNC110
                await asyncio.sleep(LOOK_AGAIN_SECONDS)


async def _lines(host: Handle) -> int:
    stats: Mapping[str, int] = await host.stats.remote()
    return stats.get("gateways", 0)


async def hand_over(give: Any, takers: Iterable[Handle], *args: object) -> int | None:
    """Calls `give`, a method of the host that leaves, until it has nothing more to give; returns
    how many shards it gave, or None where it is not meant (`SessionHost.hand_over_at`).

    Raises TimeoutError, RayError: what it has then is adopted by others.
    """
    total = 0
    async with asyncio.timeout(HAND_OVER_SECONDS_MAX):
        while given := await give.remote(*args):
            total += given
            calls = [call(taker.notice, NOTICE_SECONDS_MAX) for taker in takers]
            await asyncio.gather(*calls, return_exceptions=True)  # they look by themselves too
    return None if given is None else total
