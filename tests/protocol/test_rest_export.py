"""GET /auth/me/export: lines that are written while they are read; which pages may ask at all."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.ports import StoreUnavailable

from .conftest import Hub, StartHub
from .test_rest import Caller, refusal

PATH = "/auth/me/export"


class Exports:
    """Three lines; or fewer, and then the database is away."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.fails_at = fails_at

    async def lines(self, user_id: str) -> AsyncIterator[bytes]:
        for number in range(3):
            if number == self.fails_at:
                raise StoreUnavailable
            yield b'{"of":"%s","number":%d}\n' % (user_id.encode(), number)

    async def practice(self, user_id: str, session_id: str) -> AsyncIterator[bytes] | Refusal:
        """Of the session ``271``, for who is not alice."""
        if user_id == "alice":
            return Refusal(Code.FORBIDDEN)
        return self.lines(user_id) if session_id == "271" else Refusal(Code.NOT_FOUND)


async def test_lines(start_hub: StartHub) -> None:
    hub = await start_hub(exports=Exports())
    async with Caller(hub) as alice:
        response = await alice.ask("GET", PATH)
    async with Caller(hub, "bob") as bob:
        assert (await bob.ask("GET", f"{PATH}?all=1")).status_code == 400
    assert response.headers["content-type"].startswith("application/x-ndjson")
    assert response.headers["X-Request-Id"]
    found = [msgspec.json.decode(line) for line in response.text.splitlines()]
    assert found == [{"of": "alice", "number": number} for number in range(3)]


async def test_lines_of_a_practice_are_staffs(start_hub: StartHub) -> None:
    hub = await start_hub(exports=Exports())
    async with Caller(hub) as alice, Caller(hub, "rita") as rita:
        forbidden = await alice.ask("GET", "/practice/sessions/271/export")
        missing = await rita.ask("GET", "/practice/sessions/272/export")
        found = await rita.ask("GET", "/practice/sessions/271/export")
    assert [refusal(one)["code"] for one in (forbidden, missing)] == ["FORBIDDEN", "NOT_FOUND"]
    assert len(found.text.splitlines()) == 3


async def test_nobody_has_an_export(start_hub: StartHub) -> None:
    hub = await start_hub(exports=Exports())
    async with Caller(hub, None) as nobody:
        assert refusal(await nobody.ask("GET", PATH))["code"] == "UNAUTHORIZED"


async def test_a_database_that_is_away_at_first(start_hub: StartHub) -> None:
    hub = await start_hub(exports=Exports(fails_at=0))
    async with Caller(hub) as alice:
        assert refusal(await alice.ask("GET", PATH))["code"] == "SERVICE_UNAVAILABLE"


async def test_an_export_that_breaks_is_not_taken_for_a_whole_one(start_hub: StartHub) -> None:
    hub = await start_hub(exports=Exports(fails_at=2))
    async with Caller(hub) as alice:
        with pytest.raises(httpx.RemoteProtocolError):
            await alice.ask("GET", PATH)


async def test_without_exports_there_is_no_row(hub: Hub) -> None:
    async with Caller(hub) as alice:
        assert refusal(await alice.ask("GET", PATH))["code"] == "NOT_FOUND"


@pytest.mark.parametrize(("origin", "allowed"), [("https://a.example", True), ("https://b", False)])
async def test_pages_of_other_origins(start_hub: StartHub, origin: str, allowed: bool) -> None:
    hub = await start_hub(allowed_origins=["https://a.example"])
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    async with Caller(hub) as alice:
        before = await alice.ask("OPTIONS", "/sessions", headers=asks)
        asked = await alice.ask("GET", "/sessions", headers={"Origin": origin})
    for response in (before, asked):
        shown = response.headers.get("Access-Control-Allow-Origin")
        assert (shown == origin) is allowed
