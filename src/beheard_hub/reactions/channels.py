"""A user's leave to listen to channels outside the hub: work outside the turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beheard_hub.domain.kernel import Json
from beheard_hub.reactions.tools import Tools


async def token_request(
    tools: Tools, session_id: str, user_id: str, args: Mapping[str, Any]
) -> Mapping[str, Json]:
    """For `capability`; null where the hub has no key to sign with."""
    if tools.sign_token is None:
        return {"tokenRequest": None}
    return {"tokenRequest": await tools.sign_token(user_id, args["capability"])}
