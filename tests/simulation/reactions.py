"""The world beside a host: a facilitator that answers after a while, and the one kind of work that
an invitation needs. Everything else of the reactions has suites of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from beheard_hub.actors.host import Host
from beheard_hub.domain.kernel import Command, Due, Ids, Json, Work
from beheard_hub.domain.mediation.internal import AiReplied, Extracted
from beheard_hub.domain.refusals import Refusal
from tests.simulation.database import Storage, Wire

ALONE_SECONDS = 5.0
"""How long a reminder is not begun again."""


class SlowFacilitator:
    """Implements `ports.Reactions`."""

    def __init__(self, wire: Wire, storage: Storage, ids: Ids, dice: Random) -> None:
        self.host: Host
        self._wire = wire
        self._storage = storage
        self._ids = ids
        self._dice = dice
        self._under_way: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def committed(self, session_id: str, dues: Sequence[Due]) -> None:
        """See the port."""
        loop = asyncio.get_running_loop()
        for due in dues:
            if self._under_way.get(due.id, 0.0) > loop.time():
                continue
            if due.kind in ("ai_turn", "ai_extract"):
                self._under_way[due.id] = loop.time() + ALONE_SECONDS
                self._tasks.add(task := loop.create_task(self._react(session_id, due)))
                task.add_done_callback(self._tasks.discard)

    def cancelled(self, session_id: str, effects: Sequence[str]) -> None:
        """An answer that is not wanted any more is dropped by the session itself."""

    async def _react(self, session_id: str, due: Due) -> None:
        await asyncio.sleep(self._dice.expovariate(3))
        user_id = due.user_id or ""
        if due.kind == "ai_extract":
            self._submit(session_id, "internal.extracted", user_id, Extracted(reminder_id=due.id))
            return
        answered = await self._wire.ask(lambda: self._unanswered(session_id, user_id))
        message = {
            "id": self._ids.ordered(),
            "content": f"answer-{due.id}",
            "promptVersion": "1",
            "bundle": {"items": []},
        }
        reply = AiReplied(
            reminder_id=due.id,
            answered=tuple(answered),
            opening=bool(due.payload.get("opening")),
            stage=int(due.payload.get("stage", 0)),
            message=message,
        )
        self._submit(session_id, "internal.ai_replied", user_id, reply)

    def _submit(self, session_id: str, name: str, user_id: str, data: Any) -> None:
        command = Command(id=data.reminder_id, name=name, user_id=user_id, data=data)
        self.host.submit_internal(session_id, command)

    async def _unanswered(self, session_id: str, user_id: str) -> list[str]:
        tables = self._storage.as_tables()
        said = tables.rows("Message", sessionId=session_id, forUserId=user_id, role="AI")
        return tables._unanswered(session_id, user_id, said)

    async def work(
        self, session_id: str, user_id: str, work: Work, command: Command
    ) -> Mapping[str, Json] | Refusal:
        """What the two in an invitation already share."""
        assert work.kind == "invitation.relationship", work.kind
        found: Mapping[str, Json] = await self._wire.ask(lambda: self._relationship(work.args))
        return found

    async def _relationship(self, args: Mapping[str, Json]) -> Mapping[str, Json]:
        loaded = self._storage.as_tables().load_directory(str(args["callerId"]))
        for row in loaded.facts["relationships"]:
            if row["partnerId"] == args["inviterId"]:
                return {"relationshipId": row["id"], "openSessionId": row["openSessionId"]}
        return {"relationshipId": None, "openSessionId": None}
