"""Connections that only listen: thousands of them in one process, about 6 KB each."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence

import msgspec

from beheard_hub.client.reconnect import delay_seconds, rule_for
from beheard_hub.load.wire import Wire

AT_ONCE = 50
"""How many connect at the same time."""
RETURN_SECONDS_MAX = 120.0
LITTLE_BYTES = 4 * 1024
"""What the kernel holds for a device that stalls; with its own choice it would be megabytes."""


class Idle:
    """One device: subscribed, and back again after every loss, as the client library would be."""

    def __init__(
        self, url: str, token: str, session_id: str, *, reads_little: bool = False
    ) -> None:
        self._url, self._token = url, token
        self._window_bytes = LITTLE_BYTES if reads_little else None
        self._subscribe = msgspec.json.encode({"type": "subscribe", "sessionId": session_id})
        self._wire: Wire | None = None
        self._back: asyncio.Task[None] | None = None
        self._leaving = False
        self._stalled = False
        self.subscribed = asyncio.Event()
        self.returned_at = 0.0
        """When it was last subscribed again, by `time.perf_counter`."""
        self.losses = 0

    async def open(self) -> None:
        """Connects and subscribes. Raises ConnectionError."""
        self._wire = await Wire.connect(
            f"{self._url}/v1/ws", self._token, self._heard, self._lost, self._window_bytes
        )
        self._wire.send(self._subscribe)
        await self.subscribed.wait()

    def _heard(self, text: bytes) -> None:
        if not self.subscribed.is_set() and text.startswith(b'{"type":"snapshot"'):
            self.returned_at = time.perf_counter()
            self.subscribed.set()
            if self._stalled and self._wire is not None:
                self._wire.stall()

    def _lost(self) -> None:
        self.subscribed.clear()
        if not self._leaving and self._wire is not None and self._back is None:
            self.losses += 1
            self._back = asyncio.get_running_loop().create_task(self._return())

    async def _return(self) -> None:
        """Tries again with the waits of the client library until it is subscribed."""
        attempt = 0
        while not self._leaving:
            rule = rule_for(self._wire.close_code if self._wire is not None else None)
            await asyncio.sleep(rule.seconds_min + delay_seconds(attempt))
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(RETURN_SECONDS_MAX):
                    await self.open()
                break
            attempt += 1
        self._back = None

    def drop(self) -> None:
        """Loses its connection without a word, and comes back."""
        if self._wire is not None:
            self._wire.abort()

    def stall(self) -> None:
        """Reads nothing from now on, or where it comes back after its next snapshot."""
        self._stalled = True
        if self._wire is not None:
            self._wire.stall()

    async def close(self) -> None:
        """Leaves for good."""
        self._leaving = True
        if self._back is not None:
            self._back.cancel()
        if self._wire is None:
            return
        if self._stalled:
            self._wire.abort()  # it would not read the answer to a farewell
            await self._wire.lost
        else:
            await self._wire.close()


async def opened(devices: Sequence[Idle]) -> list[float]:
    """Connects all, `AT_ONCE` at a time; how many seconds each took."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(device: Idle) -> float:
        async with gate:
            began = time.perf_counter()
            await device.open()
            return time.perf_counter() - began

    return list(await asyncio.gather(*(one(device) for device in devices)))


async def returned(devices: Sequence[Idle], began: float) -> list[float]:
    """Waits until all are subscribed again; how many seconds after `began` each was.

    Raises TimeoutError.
    """
    async with asyncio.timeout(RETURN_SECONDS_MAX):
        for device in devices:
            await device.subscribed.wait()
    return [device.returned_at - began for device in devices]
