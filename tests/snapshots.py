"""What a fresh subscription tells."""

from __future__ import annotations

from beheard_hub.client import Hub, Snapshot


async def partners_name(hub: Hub, session_id: str) -> str | None:
    """As a live session has it, from memory alone."""
    async with hub.session(session_id).events() as frames:
        async for frame in frames:
            if isinstance(frame, Snapshot):
                name: str | None = frame.state["session"]["partner"]["name"]
                return name
    raise AssertionError("a subscription begins with a snapshot")
