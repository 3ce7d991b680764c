"""What the practice directory asks of stored rows before it decides (`domain/practice/directory`).

Staff ask for what they or, as administrators, anybody made: the question is put in both roles, and
the database answers in those that the user really has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from beheard_hub.domain.kernel import Json
from beheard_hub.domain.practice.directory import NOTE, PLACE, START
from beheard_hub.domain.practice.handlers.administration import PRESET_HELD, SCENARIO_HELD
from beheard_hub.domain.practice.handlers.invitations import HELD, LOOK, MAKE
from beheard_hub.ports import Actor
from beheard_hub.practice import invitations
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


async def inviting(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """What an opening asks for, and a new secret with what leads to it."""
    found = await opening(tools, session_id, user_id, args)
    token = invitations.new_token()
    link, scanned = invitations.links(tools.practice_link, token)
    drawn = await asyncio.to_thread(invitations.drawn, scanned)
    return {**found, "token": token, "link": link, "qrCode": drawn}


async def invitation(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """What the hash of a token stands for."""
    rows = await tools.reads.read(Actor(user_id), LOOK, {"token": args["token"]})
    return {"invitation": rows[0] if rows else None}


async def invitation_held(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """Whether it is the caller's to take back, and who is in its session."""
    asked = {"invitation_id": args["invitationId"]}
    found = [
        row
        for role in AS_STAFF
        for row in await tools.reads.read(Actor(user_id, role), HELD, asked)
    ]
    nothing = {"revokedAt": None, "sessionId": None, "participantId": None}
    return {"found": bool(found), **(found[0] if found else nothing)}


async def scenario_held(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """A version of a scenario with its texts, for an administrator who changes it."""
    asked = {"scenario_id": args["scenarioId"]}
    rows = await tools.reads.read(Actor(user_id, "admin"), SCENARIO_HELD, asked)
    return {"scenario": rows[0] if rows else None}


async def preset_held(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Result:
    """Whether there is such a preset, and which one is the default."""
    [row] = await tools.reads.read(
        Actor(user_id, "admin"), PRESET_HELD, {"preset_id": args["presetId"]}
    )
    return row


WORK: Mapping[str, Callable[[Tools, str, str, Mapping[str, Any]], Awaitable[Result]]] = {
    START: opening,
    PLACE: note_place,
    NOTE: note,
    MAKE: inviting,
    LOOK: invitation,
    HELD: invitation_held,
    SCENARIO_HELD: scenario_held,
    PRESET_HELD: preset_held,
}
