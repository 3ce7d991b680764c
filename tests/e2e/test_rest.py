"""The two doors lead into one house: REST and websocket in one session, and on one's own pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import msgspec
import pytest

from beheard_hub import journeys
from beheard_hub.client import Hub
from beheard_hub.demo.acts import take
from beheard_hub.demo.phone import Phone
from beheard_hub.demo.record import PlayResult, Unwatched
from beheard_hub.gateway.rest.routes import PREFIX, ROUTES, Route
from beheard_hub.journeys import Journey, Side

from . import haystacks
from .conftest import Person, Town
from .rest_phone import Refusal, Rest, RestPhone


@pytest.mark.parametrize(("name", "by_rest"), [("friendship", "a"), ("siblings", "b")])
async def test_rest_and_websocket_play_one_session_to_its_end(
    town: Town, name: str, by_rest: Side
) -> None:
    journey = journeys.load(name)
    tokens = {"a": town.person(journey.a.name).token, "b": town.person(journey.b.name).token}
    ws: Side = "b" if by_rest == "a" else "a"
    names: Mapping[Side, str] = {"a": journey.a.name, "b": journey.b.name}
    result = PlayResult()
    gateway, other = town.hub.address()["gateways"][0], town.gateways()[1]
    async with (
        Rest(gateway, tokens[by_rest]) as rest,
        Hub.connect(other, tokens[ws]) as hub,
    ):
        phones: dict[Side, Phone] = {
            by_rest: RestPhone(by_rest, names[by_rest], rest, result),
            ws: Phone(ws, names[ws], hub, result, Unwatched()),
        }
        try:
            await meet(journey, phones)
            for step in journey.steps:
                for side in step.sides:
                    await take(phones[side], step, phones)
            ended = await rest.ask("session.get", None, phones["a"].session_id)
            assert ended["session"]["status"] == "RESOLVED"
            same = (await hub.command("session.get", session_id=phones["a"].session_id)).data
            assert same["session"]["outcome"] == ended["session"]["outcome"]
            heard = result.events[ws]
            assert heard == list(range(1, len(heard) + 1))
        finally:
            await phones[ws].hang_up()


async def meet(journey: Journey, phones: Mapping[Side, Phone]) -> None:
    """A invites, B accepts, each by their own door."""
    a, b = phones["a"], phones["b"]
    made = await a.do("session.create", {"inviteName": b.name})
    a.session_id = made["session"]["id"]
    a.listen()
    await b.do("invitation.accept", {"invitationId": made["invitationId"]})
    b.session_id = a.session_id
    b.listen()
    await a.event("partner.joined", lambda event: event.name == "partner.joined")


# ---- both doors, one reply


class Pair:
    """Two people in a session in stage 1, a third with a session of their own."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.people: list[Person] = [town.person(name) for name in ("Ada", "Ben", "Cleo")]
        url = town.hub.address()["gateways"][0]
        self.ada, self.ben, self.cleo = (Rest(url, person.token) for person in self.people)
        self.nobody = Rest(url, None)
        self.session_id = ""
        self.invitation_id = ""
        self.items: dict[str, dict[str, str]] = {}

    async def meet(self) -> None:
        made = await self.ada.ask("session.create", {"inviteName": "Ben"})
        self.session_id, self.invitation_id = made["session"]["id"], made["invitationId"]
        await self.ben.ask("invitation.accept", {"invitationId": self.invitation_id})
        for one in (self.ada, self.ben):
            await one.ask("compact.sign", {"agreed": True}, self.session_id)
        for one in (self.ada, self.ben):
            step = {"fromStage": 0, "toStage": 1}
            assert (await one.ask("stage.advance", step, self.session_id))["success"]
        for name, one in (("own", self.ada), ("partner's", self.ben)):
            self.items[name] = {
                kind: (await one.ask(f"{kind}.add", data, self.session_id))[kind]["id"]
                for kind, data in ITEMS.items()
            }

    async def close(self) -> None:
        for one in (self.ada, self.ben, self.cleo, self.nobody):
            await one.http.aclose()


UNSPOKEN = """SELECT EXISTS (SELECT FROM hub."Reminder"
              WHERE "sessionId" = $1 AND kind = 'ai_turn' AND "firedAt" IS NULL)"""
LOOK_AGAIN_SECONDS = 0.05
QUIET_SECONDS_MAX = 60

ITEMS: Mapping[str, Mapping[str, Any]] = {
    "event": {"description": "The keys were in the fridge.", "attributedTo": "SELF"},
    "boundary": {"description": "No shouting.", "nonNegotiable": True},
    "document": {"title": "A letter", "content": "Dear you.", "type": "letter"},
}


@pytest.fixture
async def pair(town: Town) -> AsyncIterator[Pair]:
    made = Pair(town)
    await made.meet()
    yield made
    await made.close()


@pytest.fixture
async def quiet(pair: Pair, owner: asyncpg.Connection) -> Pair:
    """The pair when the facilitator has said all that it had to: from here on a message comes only
    after one of theirs."""
    async with asyncio.timeout(QUIET_SECONDS_MAX):
        while await owner.fetchval(UNSPOKEN, pair.session_id):  # noqa: ASYNC110 - another's doing
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return pair


READS = [
    "session.get",
    "progress.get",
    "compact.status",
    "message.list",
    "event.list",
    "agreement.list",
]


async def test_both_doors_give_the_same_reply(quiet: Pair, town: Town) -> None:
    async with Hub.connect(town.gateways()[1], quiet.people[0].token) as hub:
        for command in READS:
            told = await hub.command(command, session_id=quiet.session_id)
            assert await quiet.ada.ask(command, None, quiet.session_id) == told.data, command
        listed = await hub.command("session.list")
        assert await quiet.ada.ask("session.list") == listed.data


async def test_one_id_on_both_doors_has_one_effect(pair: Pair, town: Town) -> None:
    command_id, data = uuid4().hex, {"description": "Said once.", "attributedTo": "SELF"}
    async with Hub.connect(town.gateways()[1], pair.people[0].token) as hub:
        first = await hub.command("event.add", data, session_id=pair.session_id, id=command_id)
    path = f"/sessions/{pair.session_id}/vessel/events"
    key = {"Idempotency-Key": command_id}
    again = await pair.ada.http.post(path, json=data, headers=key)
    assert again.json() == {"success": True, "data": first.data}
    assert again.headers["Idempotent-Replayed"] == "true"
    other = await pair.ada.http.post(path, json={**data, "attributedTo": "OTHER"}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "CONFLICT")


async def test_an_advance_that_is_blocked_is_an_honest_answer(pair: Pair) -> None:
    step = {"fromStage": 1, "toStage": 2}
    response = await pair.ada.send("stage.advance", step, pair.session_id)
    assert response.status_code == 200
    data = response.json()["data"]
    assert (data["success"], data["blockedReason"]) == (False, "GATES_NOT_SATISFIED")


async def test_a_preview_needs_no_token(pair: Pair) -> None:
    shown = await pair.nobody.ask("invitation.get", {"invitationId": pair.invitation_id})
    assert set(shown["invitation"]) == {"invitedBy", "status", "createdAt", "expiresAt"}
    with pytest.raises(Refusal) as refused:
        await pair.nobody.ask("invitation.get", {"invitationId": str(uuid4())})
    assert refused.value.status == 404


# ---- ids of others

STAFF_ONLY = "practice.export"
"""Refused to all others before a session is looked at."""
IN_A_SESSION = [route for route in ROUTES if route.in_session and route.command != STAFF_ONLY]
NAMES = [f"{route.method} {route.path}" for route in IN_A_SESSION]


def shape(response: httpx.Response) -> tuple[int, bytes, list[str]]:
    """All of an answer that could tell something."""
    return response.status_code, response.content, sorted(response.headers)


async def requested(one: Rest, route: Route, session_id: str, item: str) -> httpx.Response:
    path = route.path.replace("{sessionId}", session_id).replace("{stage}", "1")
    for name in route.path_fields:
        path = path.replace(f"{{{name}}}", item)
    more: dict[str, Any] = {"json": BODIES.get(route.command, {})} if route.body else {}
    key = {"Idempotency-Key": uuid4().hex}
    return await one.http.request(route.method, path, headers=key, **more)


BODIES: Mapping[str, Mapping[str, Any]] = {
    "message.send": {"content": "Is anybody here?"},
    "stage.advance": {"fromStage": 0, "toStage": 1},
    "event.edit": ITEMS["event"],
    "boundary.edit": ITEMS["boundary"],
    "document.edit": ITEMS["document"],
    "agreement.confirm": {"confirmed": True},
}


async def test_sessions_of_others_are_answered_like_none_at_all(pair: Pair) -> None:
    malformed = ("x" * 65, "x", "a%00b", "' OR 1=1", "..%5c..")
    for route in IN_A_SESSION:
        item = str(uuid4())
        theirs = shape(await requested(pair.cleo, route, pair.session_id, item))
        assert theirs[0] == 404, route.path
        for other in (str(uuid4()), *malformed):
            nothing = shape(await requested(pair.cleo, route, other, item))
            assert nothing == theirs, (route.path, other)


async def test_things_of_the_partner_are_answered_like_none_at_all(pair: Pair) -> None:
    for route in IN_A_SESSION:
        if not set(route.path_fields) - {"stage"}:
            continue
        kind = route.command.partition(".")[0]
        ids = [str(uuid4()), "x" * 65, "a%00b"]
        if kind in ITEMS:
            ids.append(pair.items["partner's"][kind])
        answers = [shape(await requested(pair.ada, route, pair.session_id, one)) for one in ids]
        assert answers[0][0] in (404, 400), route.path
        if answers[0][0] == 404:
            assert answers == [answers[0]] * len(answers), route.path
        if kind in ITEMS:
            assert answers[0][0] == 404
            own = await requested(pair.ada, route, pair.session_id, pair.items["own"][kind])
            assert own.status_code == 200, own.text


async def test_invitations_that_are_not_there(pair: Pair) -> None:
    for command in ("invitation.accept", "invitation.decline", "invitation.resend"):
        ids = (str(uuid4()), "x" * 65, "x")
        answers = [shape(await pair.cleo.send(command, {"invitationId": one})) for one in ids]
        assert answers == [answers[0]] * 3
        assert answers[0][0] == 404


# ---- pages

LISTS: Mapping[str, tuple[str, str]] = {
    "event.list": ("events", "event.add"),
    "boundary.list": ("boundaries", "boundary.add"),
    "document.list": ("documents", "document.add"),
    "emotions.list": ("readings", "emotions.record"),
    "message.list": ("messages", "message.send"),
}
ADDED: Mapping[str, Mapping[str, Any]] = {
    **{f"{kind}.add": data for kind, data in ITEMS.items()},
    "emotions.record": {"intensity": 4},
    "message.send": {"content": "And one more thing."},
    "session.create": {"inviteName": "Somebody"},
}


Adding = Callable[[], Awaitable[object]]
"""Brings one more row into a list."""


async def pages(
    one: Rest, command: str, plural: str, session_id: str | None, limit: int, add: Adding | None
) -> list[str]:
    """Ids as a reader of such pages finds them while rows are added."""
    found: list[str] = []
    data: dict[str, Any] = {"limit": limit}
    while True:
        page = await one.ask(command, data, session_id)
        found += [item["id"] for item in page[plural]]
        assert page["hasMore"] == (page["cursor"] is not None)
        if not page["hasMore"]:
            return found
        data["cursor"] = page["cursor"]
        if add is not None:
            await add()


async def hold(
    one: Rest, command: str, plural: str, session_id: str | None, add: Adding, limit: int = 2
) -> list[str]:
    """Nothing is lost and nothing is there twice; returns what there was before."""
    before = await pages(one, command, plural, session_id, 50, None)
    assert len(before) > limit
    assert await pages(one, command, plural, session_id, limit, add) == before
    after = await pages(one, command, plural, session_id, 50, None)
    assert len(after) > len(before)
    assert after[-len(before) :] == before
    return before


@pytest.mark.parametrize("command", LISTS)
async def test_pages_lose_and_repeat_nothing_while_rows_are_added(
    quiet: Pair, command: str
) -> None:
    plural, adds = LISTS[command]

    async def add() -> None:
        await quiet.ada.ask(adds, ADDED[adds], quiet.session_id)

    for _ in range(1 if adds == "message.send" else 6):
        await add()
    await hold(quiet.ada, command, plural, quiet.session_id, add)


async def test_pages_of_sessions(pair: Pair) -> None:
    await asyncio.gather(*(pair.cleo.ask("session.create", {"inviteName": n}) for n in "abcde"))

    async def add() -> None:
        await pair.cleo.ask("session.create", ADDED["session.create"])

    assert len(await hold(pair.cleo, "session.list", "sessions", None, add)) == 5


async def test_pages_of_consents(pair: Pair) -> None:
    ada, session_id = pair.ada, pair.session_id
    await ada.ask("message.send", ADDED["message.send"], session_id)
    await ada.ask("feel_heard.confirm", {"confirmed": True}, session_id)
    assert (await ada.ask("stage.advance", {"fromStage": 1, "toStage": 2}, session_id))["success"]

    async def add() -> None:
        made = await ada.ask("event.add", ITEMS["event"], session_id)
        asked = {"contentType": "EVENT_SUMMARY", "originalContentId": made["event"]["id"]}
        request = (await ada.ask("consent.request", asked, session_id))["consentRequest"]
        decided = {"consentRequestId": request["id"], "decision": "DENIED"}
        await ada.ask("consent.decide", decided, session_id)

    for _ in range(5):
        await add()
    assert len(await hold(ada, "consent.history", "records", session_id, add)) == 5


async def test_pages_of_notifications(pair: Pair, owner: asyncpg.Connection) -> None:
    user_id = (await pair.cleo.ask("profile.get"))["user"]["id"]

    async def add() -> None:
        await owner.execute(NOTIFIED, str(uuid4()), user_id)

    for _ in range(5):
        await add()
    await hold(pair.cleo, "notifications.unread", "notifications", None, add)


async def test_pages_of_the_library(pair: Pair, owner: asyncpg.Connection) -> None:
    user_id = (await pair.cleo.ask("profile.get"))["user"]["id"]
    await owner.execute("""UPDATE "User" SET role = 'ADMIN' WHERE id = $1""", user_id)

    async def add() -> None:
        item = {"title": "A walk", "description": "Around the block.", "category": "calm"}
        await pair.cleo.ask("library.add", item)

    for _ in range(5):
        await add()
    await hold(pair.cleo, "library.list", "items", None, add, limit=4)


NOTIFIED = (
    """INSERT INTO hub."Notification" (id, "userId", type) VALUES ($1, $2, 'partner.nudged')"""
)


@pytest.fixture
async def owner(town: Town) -> AsyncIterator[asyncpg.Connection]:
    """May do what no door allows."""
    connection = await asyncpg.connect(haystacks.owner_url(town))
    yield connection
    await connection.close()


async def test_a_cursor_that_is_none(pair: Pair) -> None:
    response = await pair.ada.http.get(f"/sessions/{pair.session_id}/messages?cursor=abc")
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == ["cursor"]


async def test_nothing_is_told_without_a_token(pair: Pair) -> None:
    url = f"{pair.town.hub.address()['gateways'][0]}{PREFIX}/sessions/{pair.session_id}"
    async with httpx.AsyncClient() as bare:
        without = await bare.get(url)
        wrong = await bare.get(url, headers={"Authorization": "Bearer nonsense"})
    assert without.status_code == wrong.status_code == 401
    assert without.content == wrong.content
    assert msgspec.json.decode(without.content)["error"]["code"] == "UNAUTHORIZED"
