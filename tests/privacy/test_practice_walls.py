"""Practices: command, who asks, whose it is (spec 4.1, 8). What is another's answers like what is
not there, by the websocket and by every row of REST; and nobody who practises, invites or watches
reaches a mediation.

Who asks: the guest of another invitation, a user, staff who invited to something else; and the
participant about what staff keep of them. All commands come from the tables, so that a new one is
tried or fails here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import msgspec
import pytest

from beheard_hub.client import Event, EventStream, Hub, Snapshot
from beheard_hub.domain.mediation.protocol import COMMANDS as MEDIATION
from beheard_hub.domain.practice.commands import Nothing
from beheard_hub.domain.practice.protocol import COMMANDS, DIRECTORY
from beheard_hub.domain.refusals import Code
from beheard_hub.domain.validation import Data, Id
from beheard_hub.gateway.rest.routes import ROUTES
from beheard_hub.persistence.roles import Role, change_role
from tests.conftest import TestDatabase
from tests.privacy.doors import Answer, Visitor, Way
from tests.privacy.effort import Effort, counted
from tests.privacy.house import House, Inhabitant
from tests.privacy.objects import HERE, NOWHERE, places, sample, sample_of
from tests.privacy.player import ALL

EXPORT = "practice.export"
"""Of REST alone, and no command."""
DATA: Mapping[str, type[Data]] = {
    **{name: row.data for name, row in {**COMMANDS, **DIRECTORY}.items()},
    EXPORT: Nothing,
}
IN_SESSION = frozenset({*COMMANDS, EXPORT})
FIELDS: Mapping[str, str] = {
    "sessionId": "session",
    "invitationId": "invitation",
    "noteId": "note",
    "userId": "person",
    "presetId": "preset",
}
"""Field → what it names."""
NAME_NOTHING = frozenset(
    {
        *("practice.start", "practice.list", "practice.scenarios", "practice.scenario"),
        *("practice_invitation.create", "practice_invitation.list"),
        *("practice_invitation.validate", "practice_invitation.claim"),
        *("scenario.create", "scenario.change", "preset.list", "preset.create"),
    }
)
"""Commands about the caller's own, about what everybody may see, or about what a token opens that
nobody else has; or of administrators alone."""
UNREFUSED = frozenset({"telemetry.record", "note.list"})
"""The first takes any id and says nothing of it; the second shows that there is nothing."""
OF_MEDIATIONS = [name for name, row in MEDIATION.items() if not row.sessionless]
ROWS = [route for route in ROUTES if route.command in DATA]
TRIES = 10
WAIT_SECONDS_MAX = 60
AGAIN_SECONDS = 0.5
SAID, LABEL, NOTE = "zqwordsofanna", "zqlabelofrita", "zqnoteofrita"
SECRETS = (SAID, LABEL, NOTE)


class Somebody(msgspec.Struct):
    """Who asks, and what is theirs: kind → id."""

    name: str
    visitor: Visitor
    id: str
    own: dict[str, str]


class Rooms:
    """Two invitations by two of the staff, each with its guest; a user; and a mediation."""

    def __init__(self, house: House, owner: asyncpg.Connection, url: str, effort: Effort) -> None:
        self.house, self.owner, self._url, self.effort = house, owner, url, effort
        self.people: dict[str, Somebody] = {}
        self.hubs: dict[str, Hub] = {}
        self.frames: dict[str, list[str | bytes]] = {}
        """All that came to somebody."""
        self.mediation = ""
        self.tried: set[str] = set()
        """Labels of all ways."""
        self.told_apart: list[str] = []
        """Ways that answered something else about what is another's than about nothing."""
        self.not_alike: list[str] = []
        """Ways for which the hub did something else."""
        self.let_in: list[str] = []
        """Ways that did not refuse."""
        self.leaked: list[str] = []

    async def settle(self, stack: AsyncExitStack) -> None:
        """Everybody is there, and has something."""
        for name in ("rita", "otto", "eve", "mia"):
            await self._enter(stack, name, self.house.person(name))
        for staff, guest in (("rita", "anna"), ("otto", "ben")):
            await change_role(self._url, self.people[staff].id, Role.STAFF)
            await self._invite(stack, staff, guest)
        eve = self.hubs["eve"]
        started = await eve.practices.start((await eve.practices.scenario("family-table")).id)
        self.people["eve"].own["session"] = started.session.id
        made = await self.hubs["mia"].command("session.create", {"inviteName": "Sam"})
        self.mediation = made.data["session"]["id"]
        opening = self.hubs["mia"].session(self.mediation).events(after=0)
        async with asyncio.timeout(WAIT_SECONDS_MAX), opening as events:
            await until(events, "message.created")

    async def _enter(self, stack: AsyncExitStack, name: str, who: Inhabitant) -> None:
        frames = self.frames.setdefault(name, [])
        hub = await stack.enter_async_context(self.house.connect(who, frames.append))
        rest = await stack.enter_async_context(self.house.rest(who))
        user_id = (await hub.profile.get()).user.id
        self.hubs[name] = hub
        self.people[name] = Somebody(name, Visitor(hub, rest), user_id, {"person": user_id})

    async def _invite(self, stack: AsyncExitStack, staff: str, guest: str) -> None:
        """And somebody comes by the link, says something, and is noted about."""
        hub = self.hubs[staff]
        scenario = await hub.practices.scenario("family-table")
        invitation = await hub.practice_invitations.create(scenario.id, "small", label=LABEL)
        assert invitation.link is not None
        claimed = await self._claim(invitation.link.partition("#token=")[2])
        await self._enter(stack, guest, Inhabitant(guest, "GUEST", claimed["token"]))
        await self.speak(guest, claimed["sessionId"])
        note = await hub.notes.add(invitation.id, NOTE, session_id=claimed["sessionId"])
        had = {"session": claimed["sessionId"], "invitation": invitation.id, "note": note.id}
        self.people[staff].own |= had
        self.people[guest].own |= {"session": claimed["sessionId"]}

    async def _claim(self, token: str) -> Mapping[str, Any]:
        """By who follows the link, and has no token yet."""
        async with self.house.rest(None) as nobody:
            answer = await nobody.send("practice_invitation.claim", {"token": token})
        found: Mapping[str, Any] = answer.json()["data"]
        return found

    async def speak(self, guest: str, session_id: str) -> None:
        """A whole exchange."""
        practice = self.hubs[guest].practice(session_id)
        async with asyncio.timeout(WAIT_SECONDS_MAX), practice.events() as events:
            assert isinstance(await anext(events), Snapshot)
            await practice.send(f"You never asked, {SAID}.")
            await until(events, "practice.exchange_complete")

    async def nothing(self, kind: str, like: str) -> str:
        """An id of nothing, that looks like that one."""
        if kind != "session":
            return NOWHERE
        taken = await self.owner.fetch('SELECT id::text FROM practice."ConversationSession"')
        numbers = range(10 ** (len(like) - 1), 10 ** len(like))
        free = set(map(str, numbers)) - {row["id"] for row in taken}
        return max(free)

    # ---- what is tried

    def asked(self) -> Iterator[tuple[Somebody, str, str]]:
        """Who asks about what of whom, as (caller, kind, id)."""
        rita, eve = self.people["rita"].own, self.people["eve"].own
        for name in ("ben", "eve", "otto"):
            for kind, key in {**rita, "person": self.people["anna"].id}.items():
                yield self.people[name], kind, key
        for name in ("ben", "otto", "rita"):
            yield self.people[name], "session", eve["session"]
        for kind in ("invitation", "note"):
            yield self.people["anna"], kind, rita[kind]

    async def try_all(self) -> None:
        """Every command about each of these; and what names nothing, for what it shows."""
        for caller, kind, key in self.asked():
            nothing = await self.nothing(kind, key)
            for command, data in DATA.items():
                for way in caller.visitor.ways(command):
                    for case in _cases(command, data, kind, caller.own):
                        theirs, none = (
                            [_filled(part, one) for part in case] for one in (key, nothing)
                        )
                        await self.compare(caller, way, command, theirs, none)
            if kind == "session":
                for observe in (False, True):
                    way = caller.visitor.subscription(observe)
                    await self.compare(caller, way, way.label, [{}, key], [{}, nothing])
        for name in ("ben", "eve", "otto", "anna"):
            for command in sorted(NAME_NOTHING):
                if not any(field.required for field in msgspec.structs.fields(DATA[command])):
                    for way in self.people[name].visitor.ways(command):
                        self.look(name, way, await way.ask({}))

    async def compare(
        self, caller: Somebody, way: Way, command: str, theirs: Sequence[Any], none: Sequence[Any]
    ) -> None:
        """What is not there with what is another's."""
        self.tried.add(way.label)
        for _ in range(TRIES):  # what the hub does by itself is counted too, but not every time
            expected, done_for_nothing = await self.told(way, none)
            got, done = await self.told(way, theirs)
            if got != expected:
                self.told_apart.append(f"{caller.name}, {way.label}: {got[0]} is not {expected[0]}")
            if done == done_for_nothing:
                break
        else:
            self.not_alike.append(f"{caller.name}, {way.label}: {done} is not {done_for_nothing}")
        if got[0] in ("ack", "frame") and command not in UNREFUSED:
            self.let_in.append(f"{caller.name}, {way.label}")
        self.look(caller.name, way, got)

    async def told(self, way: Way, asked: Sequence[Any]) -> tuple[Answer, Sequence[str]]:
        """The answer, and all that the hub did for it. On a busy machine it may say that it cannot
        just now; then it is asked again, as any client does."""
        for _ in range(TRIES):
            self.effort.take()
            answer, done = await way.ask(*asked), self.effort.take()
            if answer[0] != Code.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(AGAIN_SECONDS)
        return answer, done

    def look(self, name: str, way: Way, answer: Answer) -> None:
        """Whether it shows a word of somebody else."""
        others = {"anna": (NOTE, LABEL), "otto": (), "ben": (NOTE, LABEL)}.get(name, SECRETS)
        foreign = self.people["anna" if name != "anna" else "rita"].id
        if any(secret in repr(answer) for secret in (*others, foreign)):
            self.leaked.append(f"{name}, {way.label}")

    async def try_mediation(self) -> None:
        """Every command of a mediation, by a guest; and staff who would watch it. Their commands
        are in the matrix of mediations."""
        anna, rita = self.people["anna"], self.people["rita"]
        for command in OF_MEDIATIONS:
            for way in anna.visitor.ways(command):
                parts = [[sample(command), key] for key in (self.mediation, NOWHERE)]
                await self.compare(anna, way, command, *parts)
        for caller in (anna, rita):
            for observe in (False, True):
                way = caller.visitor.subscription(observe)
                await self.compare(caller, way, way.label, [{}, self.mediation], [{}, NOWHERE])


async def until(events: EventStream, name: str) -> None:
    """Listens until such an event has come."""
    async for frame in events:
        if isinstance(frame, Event) and frame.name == name:
            return
    raise AssertionError("the stream ended")


def _cases(
    command: str, data: type[Data], kind: str, own: Mapping[str, str]
) -> Iterator[Sequence[Any]]:
    """Each way in which the command names such an object, as (data, session); all other ids are of
    the caller's own."""
    if command in IN_SESSION and kind == "session":
        yield _first_page(sample_of(data)), HERE
    for name, check in places(data):
        if isinstance(check, Id) and FIELDS[name] == kind:
            filled = _first_page(sample_of(data, name))
            for other, value in filled.items():
                if value == NOWHERE:
                    filled[other] = own.get(FIELDS[other], NOWHERE)
            yield filled, None


def _first_page(filled: dict[str, Any]) -> dict[str, Any]:
    """A sample's cursor is none."""
    return {name: value for name, value in filled.items() if name != "cursor"}


def _filled(part: Any, key: str) -> Any:
    if isinstance(part, Mapping):
        return {name: key if value == HERE else value for name, value in part.items()}
    return key if part == HERE else part


@pytest.fixture(scope="module")
async def rooms(house: House, database: TestDatabase) -> AsyncIterator[Rooms]:
    """Everything tried once."""
    owner = await asyncpg.connect(database.owner_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(owner.close)
        made = Rooms(house, owner, database.owner_url, stack.enter_context(counted()))
        await made.settle(stack)
        await made.try_all()
        await made.try_mediation()
        yield made


def test_every_command_and_row_is_known(rooms: Rooms) -> None:
    for command, data in DATA.items():
        named = {FIELDS[name] for name, check in places(data) if isinstance(check, Id)}
        tried = command in IN_SESSION or bool(named - {"preset"})
        of_admins = command in DIRECTORY and DIRECTORY[command].role == "ADMIN"
        assert (command in rooms.tried) == tried, command
        assert tried or command in NAME_NOTHING or of_admins, command
    for row in ROWS:
        assert (f"{row.method} {row.path}" in rooms.tried) == (row.command in rooms.tried)
    assert {row.command for row in ROUTES} <= {*DATA, *ALL, "account.export"}, "in one matrix"
    assert {*OF_MEDIATIONS, "subscribe", "observe"} <= rooms.tried


def test_what_is_anothers_answers_like_nothing(rooms: Rooms) -> None:
    assert rooms.told_apart == []
    assert rooms.let_in == []


def test_what_is_anothers_costs_as_much_as_nothing(rooms: Rooms) -> None:
    assert rooms.not_alike == []


def test_no_word_of_anybody_else_came(rooms: Rooms) -> None:
    assert rooms.leaked == []
    for name, hidden in (("eve", SECRETS), ("mia", SECRETS), ("anna", (NOTE, LABEL))):
        came = b"\n".join(f.encode() if isinstance(f, str) else f for f in rooms.frames[name])
        assert [word for word in hidden if word.encode() in came] == [], name


async def test_nothing_of_it_left_a_trace(rooms: Rooms) -> None:
    """And all of it is there for those whose it is, or else no answer would prove anything."""
    rita, anna = rooms.people["rita"], rooms.people["anna"]
    shown = await rooms.hubs["rita"].practice_invitations.get(rita.own["invitation"])
    assert (shown.invitation.status, shown.invitation.label) == ("CLAIMED", LABEL)
    assert [note.id for note in shown.notes] == [rita.own["note"]]
    assert [one.total_messages for one in shown.sessions] == [3]
    await rooms.speak("anna", anna.own["session"])
    page = await rooms.hubs["rita"].practice(anna.own["session"]).messages()
    assert len(page.messages) == 6
