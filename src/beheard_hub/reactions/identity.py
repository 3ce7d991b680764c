"""Work of the directory on identities: the proof is looked at here, the rest is the database's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from beheard_hub.domain.kernel import Json
from beheard_hub.domain.mediation.handlers.identity import FIND, LINK, UNLINK
from beheard_hub.domain.mediation.handlers.people import GIVE_ROLE
from beheard_hub.ports import Actor, Register, Unauthenticated
from beheard_hub.reactions.tools import Tools

Result = Mapping[str, Json]


async def link(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """What became of the identity, and the row of whoever the caller is now."""
    proof = tools.proofs.get(args["provider"])
    if proof is None:
        return {"outcome": "NO_APP"}
    try:
        proven = await proof.read(args["idToken"], args["nonce"])
    except Unauthenticated:
        return {"outcome": "UNPROVEN"}
    linked = await _register(tools).link(user_id, proven.provider, proven.subject, proven.email)
    rows = await tools.reads.read(Actor(linked.user_id), "user.own", {})
    if not rows:  # they are leaving, or are nobody
        return {"outcome": "UNKNOWN"}
    return {
        "outcome": linked.outcome,
        "userId": linked.user_id,
        "user": rows[0],
        "sessions": linked.sessions,
    }


async def unlink(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """Whether the caller's identity was taken away."""
    return {"outcome": await _register(tools).unlink(user_id, args["identityId"])}


async def find(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """The caller's contacts."""
    return {"contacts": await tools.reads.read(Actor(user_id), "contact.list", {})}


async def give_role(tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]) -> Result:
    """Whether an administrator's wish came true."""
    outcome = await _register(tools).give_role(user_id, args["userId"], args["role"])
    return {"outcome": outcome}


def _register(tools: Tools) -> Register:
    assert tools.register is not None, "a hub knows its users"
    return tools.register


WORK: Mapping[str, Callable[[Tools, str, str, Mapping[str, Any]], Awaitable[Result]]] = {
    LINK: link,
    UNLINK: unlink,
    FIND: find,
    GIVE_ROLE: give_role,
}
