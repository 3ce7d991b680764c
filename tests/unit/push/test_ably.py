"""Tokens of Ably, by the real SDK: whoever has the key can check every part of a request."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from ably.types.tokenrequest import TokenRequest

from beheard_hub.domain.mediation import channels
from beheard_hub.push.ably import AblyTokens

KEY_NAME, KEY_SECRET = "aBcDeF.gHiJkL", "not-a-real-secret"
NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


class Still:
    """A clock."""

    def now(self) -> datetime:
        return NOW

    def mono(self) -> float:
        return 0.0


TOKENS = AblyTokens(f"{KEY_NAME}:{KEY_SECRET}", Still())


async def test_a_request_is_for_one_user_and_an_hour_and_listens_only() -> None:
    request = await TOKENS.token_request("u1", channels.capability("u1", ["s1", "s2"]))
    assert (request["keyName"], request["clientId"]) == (KEY_NAME, "u1")
    assert request["ttl"] == 60 * 60 * 1000
    assert request["timestamp"] == int(NOW.timestamp() * 1000)
    assert json.loads(request["capability"]) == {
        "beheard:user:u1": ["subscribe"],
        "beheard:session:s1:u1": ["subscribe"],
        "beheard:session:s2:u1": ["subscribe"],
    }


async def test_whoever_has_the_key_can_check_it() -> None:
    request = dict(await TOKENS.token_request("u1", channels.capability("u1", [])))
    assert signature(request, KEY_SECRET) == request["mac"]
    assert signature(request, "another secret") != request["mac"]
    assert signature({**request, "clientId": "u2"}, KEY_SECRET) != request["mac"]
    assert signature({**request, "capability": '{"*":["*"]}'}, KEY_SECRET) != request["mac"]


async def test_no_two_requests_are_alike() -> None:
    allowed = channels.capability("u1", [])
    nonces = {(await TOKENS.token_request("u1", allowed))["nonce"] for _ in range(5)}
    assert len(nonces) == 5


def signature(request: dict[str, object], secret: str) -> str:
    """What Ably's SDK signs such a request with."""
    again = TokenRequest.from_json(dict(request))
    again.sign_request(secret)
    mac: str = again.mac
    return mac
