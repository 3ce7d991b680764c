"""What a host asks beside its stores, answered without any: reads that say what was asked for, and
reactions that remember what they were handed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from beheard_hub.domain.kernel import Command, Due, Json, Read, Work
from beheard_hub.domain.refusals import Refusal
from beheard_hub.ports import StateView, StoreUnavailable


class EchoRenderer:
    """Renders a `Ref` as ``{"read": kind, "id": id, "by": user}`` and a query as its arguments."""

    def __init__(self) -> None:
        self.available = True
        self.gate: asyncio.Event | None = None
        """Reads wait for it, if there is one."""

    async def render(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, data: Json
    ) -> Json:
        """See the port."""
        await self._turn()
        return _echo(data, user_id)

    async def read(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, read: Read
    ) -> Mapping[str, Json] | Refusal:
        """See the port."""
        await self._turn()
        return {"query": read.query, **read.args}

    async def _turn(self) -> None:
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if not self.available:
            raise StoreUnavailable


def _echo(data: Json, user_id: str) -> Json:
    if isinstance(data, msgspec.Struct) or (isinstance(data, dict) and data.get("$") == "ref"):
        plain = msgspec.to_builtins(data)
        return {"read": plain["kind"], "id": plain["id"], "by": user_id}
    if isinstance(data, dict):
        return {key: _echo(value, user_id) for key, value in data.items()}
    if isinstance(data, list):
        return [_echo(value, user_id) for value in data]
    return data


class RecordingReactions:
    """Implements `ports.Reactions`: remembers what it was handed; work answers from a table."""

    def __init__(self) -> None:
        self.dues: list[tuple[str, Due]] = []
        self.effects: list[tuple[str, Sequence[str]]] = []
        self.results: dict[str, Mapping[str, Json] | Exception] = {}
        self.gate: asyncio.Event | None = None
        """Work waits for it, if there is one."""

    def committed(self, session_id: str, dues: Sequence[Due]) -> None:
        """See the port."""
        self.dues.extend((session_id, due) for due in dues)

    def cancelled(self, session_id: str, effects: Sequence[str]) -> None:
        """See the port."""
        self.effects.append((session_id, effects))

    async def work(
        self, session_id: str, user_id: str, work: Work, command: Command
    ) -> Mapping[str, Json] | Refusal:
        """The result that the test laid down for that kind of work."""
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        result = self.results[work.kind]
        if isinstance(result, Exception):
            raise result
        return result
