"""Command, who asks, whose it is: what is not yours answers like what is not there (spec 4.1).

Two pairs play the same session side by side. Before each stage is left, everybody gives every
command that is open to them with ids of everybody else, by the websocket and by every row of REST,
and the answer is compared with the one to an id of nothing: code, sentence, details; status,
headers, every byte of the body; and what the hub asked and wrote for it. Nothing of this may leave
a trace, and so both sessions go on to their end. All of it comes from the tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import pytest

from beheard_hub.domain.mediation.protocol import COMMANDS, STAGES
from beheard_hub.gateway.rest.routes import ROUTES, Route
from beheard_hub.gateway.rest.routes import Answer as Kind
from tests.conftest import TestDatabase
from tests.privacy.doors import Answer, Visitor, Way
from tests.privacy.effort import Effort, counted
from tests.privacy.house import House
from tests.privacy.objects import (
    ADMIN_ONLY,
    LINKS,
    NOWHERE,
    OF_ONESELF,
    Case,
    cases,
    names_objects,
    sample,
)
from tests.privacy.player import ALL, Player
from tests.privacy.script import Pair, close, pair

OUTSIDERS = {"nobody": None, "staff": "STAFF", "admin": "ADMIN"}
IN_SESSION = [name for name, row in COMMANDS.items() if not row.sessionless]
ROWS = [route for route in ROUTES if route.command in {*ALL, "account.export"}]
"""Of mediation, and of one's account."""
NOTIFICATIONS = 2
"""For each person: one is read on the way, one stays."""


KNOWN_TO_BE_THERE = frozenset({"invitation"})
"""Whoever holds the link may see the invitation: its being there is no secret (spec 2.3)."""
Asked = tuple[Mapping[str, Any], str | None]
"""The data of a command, and its session."""
TRIES = 4
Told = tuple[Answer, Sequence[str]]
"""An answer, and what the hub did for it."""


def ends(keys: Sequence[str]) -> Sequence[str]:
    """The first and the last of somebody's objects: what is between them is asked for alike."""
    return [*keys[:1], *keys[1:][-1:]]


def said(text: str, _: bool) -> str:
    """Everybody speaks plainly."""
    return text


class Town:
    """Two pairs in their sessions, and people who are in none of them."""

    def __init__(self, house: House, effort: Effort, owner_url: str) -> None:
        self.house = house
        self.effort = effort
        self.owner_url = owner_url
        self.item_id = ""
        self.pairs: list[Pair] = []
        self.visitors: dict[str, Visitor] = {}
        """By name: those who play, and the outsiders."""
        self.compared = 0
        self.told_apart: list[str] = []
        """Ways that answered something else about what is another's than about nothing."""
        self.not_alike: list[str] = []
        """Ways for which the hub did something else."""
        self.by_kind: dict[str, int] = {}
        self.tried: set[str] = set()
        """Labels of all ways."""

    async def settle(self, stack: AsyncExitStack) -> None:
        """Everybody is there."""
        for names in (("Ann", "Ben"), ("Cleo", "Dan")):
            people = [self.house.person(name) for name in names]
            made = await stack.enter_async_context(pair(self.house, people, {"a": said, "b": said}))
            self.pairs.append(made)
            for person, player in zip(people, (made.a, made.b), strict=True):
                rest = await stack.enter_async_context(self.house.rest(person))
                self.visitors[person.name] = Visitor(player.hub, rest)
        for name, role in OUTSIDERS.items():
            person = self.house.person(name, role)
            hub = await stack.enter_async_context(self.house.connect(person))
            rest = await stack.enter_async_context(self.house.rest(person))
            self.visitors[name] = Visitor(hub, rest)

    @property
    def players(self) -> Sequence[Player]:
        """All four."""
        return [player for each in self.pairs for player in (each.a, each.b)]

    async def live(self) -> None:
        """Both sessions, to their end, everything tried before each step."""
        for each in self.pairs:
            await each.begin()
            for player, other in each.both:
                found = await player.do("session.get")
                other.objects["person"] = [found["session"]["partner"]["id"]]
        await self.furnish()
        for stage in STAGES:
            for each in self.pairs:
                await each.stage(stage.number)
            for each, others in ((self.pairs[0], self.pairs[1]), (self.pairs[1], self.pairs[0])):
                for player, partner in each.both:
                    await self.try_all(player, partner, [others.a, others.b])
            if stage is not STAGES[-1]:
                for each in self.pairs:
                    await each.advance()
        await self.try_sessions()
        await self.try_without_session()
        await self.try_library()
        for each in self.pairs:
            await close(each)

    async def furnish(self) -> None:
        """What nobody makes in a session: notifications, contacts, an item of the library."""
        owner = await asyncpg.connect(self.owner_url)
        for player in self.players:
            [user_id] = player.objects["person"]
            ids = [f"{user_id[:-2]}n{number}" for number in range(NOTIFICATIONS)]
            await owner.executemany(
                'INSERT INTO hub."Notification" (id, "userId", type) VALUES ($1, $2, $3)',
                [(key, user_id, "partner.progress") for key in ids],
            )
            player.objects["notification"] = ids
            player.objects["contact"] = [f"{user_id[:-2]}c0"]
            await owner.execute(
                '''INSERT INTO "ContactMethod" (id, "userId", type, value)
                   VALUES ($1, $2, 'phone', '+15550100')''',
                *player.objects["contact"], user_id,
            )  # fmt: skip
            found = 'SELECT id FROM "ExternalIdentity" WHERE "userId" = $1'
            player.objects["identity"] = [await owner.fetchval(found, user_id)]
        for name, role in OUTSIDERS.items():
            await owner.execute('UPDATE "User" SET role = $2 WHERE name = $1', name, role or "USER")
        await owner.close()
        adding = next(self.visitors["admin"].ways("library.add"))
        added = await adding.ask({"title": "A walk", "description": "Outside", "category": "calm"})
        self.item_id = added[1]["item"]["id"]

    def owned(self, kind: str) -> Sequence[str]:
        """All objects of this kind that one of the four has."""
        return [key for player in self.players for key in player.objects.get(kind, [])]

    # ---- objects of others

    async def try_all(self, me: Player, partner: Player, strangers: Sequence[Player]) -> None:
        """Every command that is open to `me` now, about everything of everybody else."""
        for command, row in ALL.items():
            if row.stages is not None and me.stage not in row.stages:
                continue
            for case in cases(command):
                await self.try_case(case, me, partner, strangers)

    async def try_case(
        self, case: Case, me: Player, partner: Player, strangers: Sequence[Player]
    ) -> None:
        """One command about one kind of object."""
        kind = case.named.kind
        own = me.objects.get(kind, [])
        foreign = [key for other in strangers for key in ends(other.objects.get(kind, []))]
        foreign += [] if case.named.partner_may else ends(partner.objects.get(kind, []))
        foreign += [] if case.named.own_may else own
        known = set(own) if case.named.own_may else set()
        session_id = None if ALL[case.command].sessionless else me.session_id
        beside = [[], own[:1]] if case.several and own else [[]]
        for way in self.visitors[me.name].ways(case.command):
            for with_own in beside:
                nothing = case.about(*with_own, NOWHERE)
                if with_own:  # what it does to the own one, it does once
                    await way.ask(nothing, session_id)
                theirs = [key for key in dict.fromkeys(foreign) if key not in known]
                about = [(case.about(*with_own, key), session_id) for key in theirs]
                await self.compare(way, kind, (nothing, session_id), about)

    async def asked(self, way: Way, data: Mapping[str, Any], session_id: str | None = None) -> Told:
        """The answer, and all that the hub did for it."""
        self.effort.take()
        answer = await way.ask(data, session_id)
        return answer, self.effort.take()

    async def compare(
        self, way: Way, kind: str, nothing: Asked, theirs: Sequence[Asked]
    ) -> Answer | None:
        """What is not there with each thing that is another's; returns what was told of nothing,
        None where there is nothing to compare it with.

        What the hub does by itself meanwhile would be counted too: only what differs every time
        differs.
        """
        expected: Told | None = None
        told: Answer | None = None
        for one in theirs:
            self.compared += 1
            self.tried.add(way.label)
            self.by_kind[kind] = self.by_kind.get(kind, 0) + 1
            for _ in range(TRIES):
                if expected is None:
                    expected = await self.asked(way, *nothing)
                    told = expected[0]
                got = await self.asked(way, *one)
                if got[0] != expected[0]:
                    self.told_apart.append(f"{way.label}: {got[0][0]} is not {expected[0][0]}")
                if got[1] == expected[1] or kind in KNOWN_TO_BE_THERE:
                    break
                unlike, expected = f"{got[1]} is not {expected[1]}", None
            else:
                self.not_alike.append(f"{way.label}, {kind}: {unlike}")
        return told

    # ---- sessions of others

    async def try_sessions(self) -> None:
        """Everybody who is not in a session, with every command of it."""
        first, second = self.pairs
        callers = [(name, first.session_id) for name in OUTSIDERS]
        callers += [(first.a.name, second.session_id), (second.b.name, first.session_id)]
        for command in IN_SESSION:
            data = sample(command)
            for name, session_id in callers:
                for way in self.visitors[name].ways(command):
                    await self.try_session(way, data, session_id)
        for name, session_id in callers:
            await self.try_session(self.visitors[name].subscription(), {}, session_id)

    async def try_session(self, way: Way, data: Mapping[str, Any], session_id: str) -> None:
        """One of another's sessions, by one door."""
        expected = await self.compare(way, "session", (data, NOWHERE), [(data, session_id)])
        assert expected is not None
        assert expected[0] == "NOT_FOUND", way.label

    async def try_without_session(self) -> None:
        """Those who are in no session, with what needs none, about everything of everybody."""
        for name in OUTSIDERS:
            for command, row in ALL.items():
                if row.sessionless and command not in ADMIN_ONLY:
                    for case in cases(command):
                        found = [
                            k for x in self.players for k in x.objects.get(case.named.kind, [])
                        ]
                        await self.try_outside(name, case, found)

    async def try_library(self) -> None:
        """Who is no administrator learns nothing of the library's items, or of who gave one."""
        for name in self.visitors.keys() - {"admin"}:
            for command in ADMIN_ONLY:
                for case in cases(command):
                    kind = case.named.kind
                    found = [self.item_id] if kind == "library" else self.owned(kind)
                    await self.try_outside(name, case, found)

    async def try_outside(self, name: str, case: Case, found: Sequence[str]) -> None:
        """One command about objects that are none of the caller's."""
        for way in self.visitors[name].ways(case.command):
            nothing = case.about(NOWHERE)
            theirs: Sequence[Asked] = [(case.about(key), None) for key in found]
            await self.compare(way, case.named.kind, (nothing, None), theirs)


@pytest.fixture(scope="module")
async def town(house: House, database: TestDatabase) -> Town:
    """Lived through once."""
    async with AsyncExitStack() as stack:
        lived = Town(house, stack.enter_context(counted()), database.owner_url)
        await lived.settle(stack)
        await lived.live()
    return lived


@pytest.mark.parametrize("command", ALL)
def test_every_command_is_known_to_the_matrix(command: str) -> None:
    row = ALL[command]
    if names_objects(command):
        assert list(cases(command)) or LINKS.get(command)
    elif row.sessionless:
        assert command in OF_ONESELF | ADMIN_ONLY
    else:
        assert command in IN_SESSION


@pytest.mark.parametrize("route", ROWS, ids=lambda route: f"{route.method} {route.path}")
def test_every_row_is_known_to_the_matrix(route: Route, town: Town) -> None:
    label = f"{route.method} {route.path}"
    if route.answer is Kind.LINES:
        assert route.command in OF_ONESELF
    elif route.in_session or any(True for _ in cases(route.command)):
        assert label in town.tried
    else:
        assert route.command in OF_ONESELF | ADMIN_ONLY | LINKS.keys()


def test_what_is_anothers_answers_like_nothing(town: Town) -> None:
    assert town.told_apart == []


def test_what_is_anothers_costs_as_much_as_nothing(town: Town) -> None:
    assert town.not_alike == []


def test_nothing_was_left_out(town: Town) -> None:
    ways = len(IN_SESSION) + sum(route.in_session for route in ROWS) + 1  # subscribe
    assert town.by_kind["session"] == ways * (len(OUTSIDERS) + 2)
    kinds = {case.named.kind for command in ALL for case in cases(command)}
    assert kinds - set(town.by_kind) == set()
    assert town.compared > 1_000, town.compared


def test_every_such_command_works_with_the_own_one(town: Town) -> None:
    """Or else an answer like that to nothing would prove nothing."""
    succeeded = {name for each in town.pairs for x in (each.a, each.b) for name in x.succeeded}
    wanted = {name for name in IN_SESSION if names_objects(name)}
    assert wanted - succeeded == set()
