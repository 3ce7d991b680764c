"""GET /auth/ably-token through the whole hub: whose channels, how often, and without a key."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator

import pytest
from ably.types.tokenrequest import TokenRequest

from tests.conftest import TestDatabase
from tests.privacy.house import ENVIRON, House, house_on

REGAINED_SECONDS = 6
"""Ten in a minute."""
MANY = 100
KEY_SECRET = "not-a-real-secret"
WITH_KEY = {"ABLY_API_KEY": f"aBcDeF.gHiJkL:{KEY_SECRET}"}


@pytest.fixture(scope="module", params=["with a key", "without"])
async def house(
    request: pytest.FixtureRequest,
    database: TestDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[House]:
    environ = WITH_KEY if request.param == "with a key" else ENVIRON
    async with house_on(database, tmp_path_factory.mktemp("house"), environ) as opened:
        yield opened


with_key = pytest.mark.parametrize("house", ["with a key"], indirect=True)
without = pytest.mark.parametrize("house", ["without"], indirect=True)


@with_key
async def test_it_opens_the_own_channels_of_open_sessions(house: House) -> None:
    ada, ben = house.person("Ada"), house.person("Ben")
    async with house.rest(ada) as rest, house.connect(ben) as hub:
        me = (await rest.ask("profile.get"))["user"]["id"]
        created = [await rest.ask("session.create", {"inviteName": name}) for name in "bc"]
        await hub.invitations.accept(created[0]["invitationId"])
        await rest.ask("session.withdraw", None, created[1]["session"]["id"])
        request = dict((await rest.ask("ably_token.get"))["tokenRequest"])
        assert request["clientId"] == me
        open_one = created[0]["session"]["id"]
        assert json.loads(request["capability"]) == {
            f"beheard:user:{me}": ["subscribe"],
            f"beheard:session:{open_one}:{me}": ["subscribe"],
        }
        again = TokenRequest.from_json(dict(request))
        again.sign_request(KEY_SECRET)
        assert again.mac == request["mac"]
        by_socket = await hub.profile.ably_token_request()
        theirs = (await hub.profile.get()).user.id
        assert f"beheard:session:{open_one}:{theirs}" in by_socket["capability"]
        assert me not in by_socket["capability"]


@with_key
async def test_ten_in_a_minute_are_enough(house: House) -> None:
    began, given = time.monotonic(), 0
    async with house.rest(house.person("Ada")) as rest:
        while (answer := await rest.send("ably_token.get")).status_code == 200 and given < MANY:
            given += 1
    regained = (time.monotonic() - began) / REGAINED_SECONDS
    assert 10 <= given <= 10 + regained
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0


@without
async def test_without_a_key_the_setting_is_named(house: House) -> None:
    async with house.rest(house.person("Ada"), patient=False) as rest:
        answer = await rest.send("ably_token.get")
    assert answer.status_code == 503
    error = answer.json()["error"]
    assert error["code"] == "SERVICE_UNAVAILABLE"
    assert error["details"] == {"setting": "ABLY_API_KEY is not set"}
