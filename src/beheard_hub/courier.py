"""The port to those who are away: what may leave through it, and how it fails (spec 07)."""

from __future__ import annotations

from typing import Protocol

import msgspec


class Note(msgspec.Struct, frozen=True):
    """What leaves the hub about a notification: ids and the name of an event."""

    id: str
    user_id: str
    session_id: str | None
    type: str


class Device(msgspec.Struct, frozen=True):
    """Where a push goes. Without a platform: to whatever the user's app registered by itself."""

    token: str
    platform: str | None

    def __repr__(self) -> str:
        return "Device"


class CourierDown(Exception):
    """The service cannot be reached, or does not do it now: to be tried again."""


class CourierRefused(Exception):
    """The service will not do this, however often it is asked; `code` is its own."""

    def __init__(self, code: int) -> None:
        super().__init__(f"refused with code {code}")
        self.code = code


class DeviceGone(Exception):
    """There is no such device any more."""


class Courier(Protocol):
    """Brings notifications to people who are not connected."""

    async def publish(self, note: Note) -> None:
        """On the user's own channel. The same note twice is one message where the service allows.
        Raises CourierDown, CourierRefused."""

    async def push(self, note: Note, text: str, device: Device) -> None:
        """Shows `text` on the device. Raises CourierDown, CourierRefused, DeviceGone."""
