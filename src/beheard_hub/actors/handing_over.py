"""Control calls to session hosts, and the one that takes many: a host gives away all that it has.

It gives a few shards at a time (`Placement.leave`). Who may take them is told after each, so that
a session waits for its own move and not for those of all others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from beheard_hub.actors.session_host import Handle

HAND_OVER_SECONDS_MAX = 20.0
NOTICE_SECONDS_MAX = 5.0


async def call(method: Any, seconds: float, *args: object) -> Any:
    """One control call. Raises TimeoutError, RayError."""
    async with asyncio.timeout(seconds):
        return await method.remote(*args)


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
