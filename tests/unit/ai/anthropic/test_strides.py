"""Many answers at once are read in strides, and no word of them is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx2

from beheard_hub.ai.anthropic.transport import Strided


class Body(httpx2.AsyncByteStream):
    """Three chunks, and whether it was closed."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in (b"one", b"two", b"three"):
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


async def read(stride: float) -> tuple[bytes, list[float]]:
    """All of a body read with this stride, and the pauses that were made."""
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    body = Strided(Body(), lambda: stride, sleep, lambda: 1.0)
    return b"".join([chunk async for chunk in body]), pauses


async def test_each_chunk_is_followed_by_a_pause() -> None:
    assert await read(0.5) == (b"onetwothree", [0.5, 0.5, 0.5])


async def test_without_a_stride_nothing_waits() -> None:
    assert await read(0.0) == (b"onetwothree", [])


async def test_closing_closes_what_is_read() -> None:
    body = Body()
    await Strided(body, lambda: 0.0, asyncio.sleep, lambda: 1.0).aclose()
    assert body.closed
