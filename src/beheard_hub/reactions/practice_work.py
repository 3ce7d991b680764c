"""What the practice directory asks of stored rows before it decides (`domain/practice/directory`).

Staff ask for what they or, as administrators, anybody made: the question is put in both roles, and
the database answers in those that the user really has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from beheard_hub.domain.kernel import Json
from beheard_hub.domain.practice.directory import NOTE, PLACE, START
from beheard_hub.ports import Actor
from beheard_hub.reactions.tools import Tools

Result = Mapping[str, Json]
AS_STAFF: tuple[Literal["staff", "admin"], ...] = ("staff", "admin")


async def opening(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """Whether a session may begin with that scenario, and what it may cost."""
    asked = {"scenario_id": args["scenarioId"], "preset_name": args["presetName"]}
    [row] = await tools.reads.read(Actor(user_id), START, asked)
    return row


async def note_place(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """Whether the caller sees that invitation, and the session in it."""
    asked = {"invitation_id": args["invitationId"], "about": args["sessionId"]}
    found = [
        row["found"]
        for role in AS_STAFF
        for row in await tools.reads.read(Actor(user_id, role), PLACE, asked)
    ]
    return {"found": any(found)}


async def note(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """Whose note it is, if the caller sees it."""
    found = [
        row["researcherId"]
        for role in AS_STAFF
        for row in await tools.reads.read(Actor(user_id, role), NOTE, {"id": args["noteId"]})
    ]
    return {"researcherId": found[0] if found else None}


WORK: Mapping[str, Callable[[Tools, str, str, Mapping[str, Any]], Awaitable[Result]]] = {
    START: opening,
    PLACE: note_place,
    NOTE: note,
}
