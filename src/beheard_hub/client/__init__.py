"""Client of the hub for app developers: one file tree without any other part of the hub.

    from beheard_hub.client import Event, Hub

    async with Hub.connect("ws://127.0.0.1:8787/v1/ws", token) as hub:
        session = hub.session(session_id)
        sent = await session.message.send("We argued again.", emotional_intensity=6)
        async for frame in session.events():
            if isinstance(frame, Event) and frame.name == "message.created":
                print(frame.data["message"]["content"])

What it promises: commands leave in order and are sent again with the same id after a lost
connection or a passing fault, so that each takes effect once; events come in order and without a
hole; memory is bounded. It needs only ``msgspec`` and ``websockets``.
"""

from beheard_hub.client.commands import COMMANDS, Command
from beheard_hub.client.errors import CommandTimeout, ConnectionLost, HubError, Refused
from beheard_hub.client.frames import Ack, Delta, Event, Presence, Snapshot, Streamed
from beheard_hub.client.groups import ground_answer, need_answer
from beheard_hub.client.hub import Hub
from beheard_hub.client.practice import PracticeSession
from beheard_hub.client.practice_shapes import PracticeState
from beheard_hub.client.session import Session
from beheard_hub.client.stream import EventStream

__all__ = [
    "COMMANDS",
    "Ack",
    "Command",
    "CommandTimeout",
    "ConnectionLost",
    "Delta",
    "Event",
    "EventStream",
    "Hub",
    "HubError",
    "PracticeSession",
    "PracticeState",
    "Presence",
    "Refused",
    "Session",
    "Snapshot",
    "Streamed",
    "ground_answer",
    "need_answer",
]
