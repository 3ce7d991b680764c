"""Who comes with an invitation and without a token: as whom they act, and what they are given."""

from __future__ import annotations

import jwt
import pytest

from beheard_hub.gateway.guests import GUEST_ALGORITHM, GuestKey

from .conftest import RealClock, StartHub
from .test_rest import Caller, refusal

CLAIM = "/practice/invitations/claim"
KEY = {"Idempotency-Key": "0f5c0d0e-4be2-4c58-8a11"}
GUEST = {"token": "invited", "user": {"role": "GUEST"}}
"""The fake host's answer is what it was asked."""


@pytest.fixture
def guests() -> GuestKey:
    return GuestKey("the hub's secret of 32 characters", RealClock())


async def test_a_stranger_acts_as_the_guest_whose_token_comes_with_the_reply(
    start_hub: StartHub, guests: GuestKey
) -> None:
    hub = await start_hub(guests=guests, limits=False)
    async with Caller(hub, None) as stranger:
        first = (await stranger.ask("POST", CLAIM, json=GUEST, headers=KEY)).json()["data"]
        who = hub.host.commands[-1].user_id
        claims = await guests.verify(first["token"])
        assert (claims.subject, claims.is_user) == (who, True)
        again = await stranger.ask("POST", CLAIM, json=GUEST, headers=KEY)
        assert again.headers["Idempotent-Replayed"] == "true"
        repeated = await guests.verify(again.json()["data"]["token"])
        assert repeated.subject == who
        others = {who}
        for body, headers in (
            (GUEST, {}),
            ({**GUEST, "token": "another"}, KEY),
            (GUEST, {"Idempotency-Key": "guessed"}),
            (GUEST, {"Idempotency-Key": "guessed"}),
        ):
            await stranger.ask("POST", CLAIM, json=body, headers=headers)
            assert hub.host.commands[-1].user_id not in others
            others.add(hub.host.commands[-1].user_id)


async def test_nobody_else_is_given_a_token(start_hub: StartHub, guests: GuestKey) -> None:
    hub = await start_hub(guests=guests, limits=False)
    async with Caller(hub) as alice, Caller(hub, None) as grown, Caller(hub, "bad") as liar:
        await alice.ask("POST", CLAIM, json=GUEST)
        assert hub.host.commands[-1].user_id == "alice"
        reply = (await alice.ask("POST", CLAIM, json=GUEST)).json()["data"]
        assert reply["token"] == GUEST["token"]
        user = {"token": "invited", "user": {"role": "USER"}}
        reply = (await grown.ask("POST", CLAIM, json=user)).json()["data"]
        assert reply["token"] == "invited"
        count = len(hub.host.commands)
        assert refusal(await liar.ask("POST", CLAIM, json=GUEST))["code"] == "UNAUTHORIZED"
        hub.host.refuses = "CONFLICT"
        assert refusal(await grown.ask("POST", CLAIM, json=GUEST))["code"] == "CONFLICT"
        assert len(hub.host.commands) == count + 1


async def test_strangers_are_counted_by_their_address(
    start_hub: StartHub, guests: GuestKey
) -> None:
    hub = await start_hub(guests=guests)
    hub.clock.stop()
    async with Caller(hub, None) as stranger:
        codes = [(await stranger.ask("POST", CLAIM, json=GUEST)).status_code for _ in range(11)]
    assert codes == [200] * 10 + [429]


async def test_the_id_of_a_newcomer_tells_nothing_and_depends_on_the_secret(
    guests: GuestKey,
) -> None:
    other = GuestKey("another secret of 32 characters..", RealClock())
    ids = {key.newcomer("invited", KEY["Idempotency-Key"]) for key in (guests, other)}
    assert len(ids) == 2
    token = guests.mint(guests.newcomer("invited", KEY["Idempotency-Key"]))
    assert jwt.get_unverified_header(token)["alg"] == GUEST_ALGORITHM
    assert "invited" not in token
