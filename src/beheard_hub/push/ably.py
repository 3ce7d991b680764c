"""Ably, through its official SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ably import AblyRest

from beheard_hub.domain.kernel import Json
from beheard_hub.domain.limits import ABLY_TOKEN_AGE_MAX
from beheard_hub.ports import Clock


class AblyTokens:
    """Signs with the hub's key what apps exchange for tokens of their own; asks nobody."""

    def __init__(self, key: str, clock: Clock) -> None:
        self._rest = AblyRest(key=key)
        self._clock = clock

    async def token_request(
        self, user_id: str, capability: Mapping[str, Sequence[str]]
    ) -> Mapping[str, Json]:
        """A TokenRequest for this user, in Ably's own words: a `reactions.tools.SignToken`."""
        made = await self._rest.auth.create_token_request(
            {
                "client_id": user_id,
                "capability": {channel: list(may) for channel, may in capability.items()},
                "ttl": ABLY_TOKEN_AGE_MAX,
                "timestamp": int(self._clock.now().timestamp() * 1000),
            }
        )
        request: Mapping[str, Json] = made.to_dict()
        return request
