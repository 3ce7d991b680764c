"""Command, who asks, whose it is: what is not yours answers like what is not there (spec 4.1).

Two pairs play the same session side by side. Before each stage is left, everybody gives every
command that is open to them with ids of everybody else, and the answer is compared with the one to
an id of nothing: code, sentence, details. Nothing of this may leave a trace, and so both sessions
go on to their end. All of it comes from the command tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest

from beheard_hub.client import Hub, Refused
from beheard_hub.domain.mediation.protocol import COMMANDS, STAGES
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
Answer = tuple[Any, ...]


def said(text: str, _: bool) -> str:
    """Everybody speaks plainly."""
    return text


async def answer(
    hub: Hub, command: str, data: Mapping[str, Any], session_id: str | None = None
) -> Answer:
    """All that the answer tells."""
    try:
        ack = await hub.command(command, data, session_id=session_id)
    except Refused as refused:
        return refused.code, refused.message, refused.details, refused.retryable
    return "ack", ack.data, ack.seq


class Town:
    """Two pairs in their sessions, and people who are in none of them."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.pairs: list[Pair] = []
        self.outsiders: dict[str, Hub] = {}
        self.compared = 0
        self.told_apart: list[str] = []
        """Commands that answered something else about what is another's than about nothing."""
        self.by_kind: dict[str, int] = {}

    async def settle(self, stack: AsyncExitStack) -> None:
        """Everybody is there."""
        for names in (("Ann", "Ben"), ("Cleo", "Dan")):
            people = [self.house.person(name) for name in names]
            self.pairs.append(
                await stack.enter_async_context(pair(self.house, people, {"a": said, "b": said}))
            )
        for name, role in OUTSIDERS.items():
            hub = self.house.connect(self.house.person(name, role))
            self.outsiders[name] = await stack.enter_async_context(hub)

    async def live(self) -> None:
        """Both sessions, to their end, everything tried before each step."""
        for each in self.pairs:
            await each.begin()
            for player, other in each.both:
                found = await player.do("session.get")
                other.objects["person"] = [found["session"]["partner"]["id"]]
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
        for each in self.pairs:
            await close(each)

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
        foreign = [key for other in strangers for key in other.objects.get(kind, [])]
        foreign += [] if case.named.partner_may else partner.objects.get(kind, [])
        foreign += [] if case.named.own_may else own
        known = set(own) if case.named.own_may else set()
        session_id = None if ALL[case.command].sessionless else me.session_id
        beside = [[], own[:1]] if case.several and own else [[]]
        for with_own in beside:
            nothing = case.about(*with_own, NOWHERE)
            expected = await answer(me.hub, case.command, nothing, session_id)
            for key in dict.fromkeys(foreign):
                if key in known:
                    continue
                got = await answer(me.hub, case.command, case.about(*with_own, key), session_id)
                self.note(case.label, kind, expected, got)

    def note(self, label: str, kind: str, expected: Answer, got: Answer) -> None:
        """One comparison."""
        self.compared += 1
        self.by_kind[kind] = self.by_kind.get(kind, 0) + 1
        if got != expected:
            self.told_apart.append(f"{label}: {got[0]} is not {expected[0]}")

    # ---- sessions of others

    async def try_sessions(self) -> None:
        """Everybody who is not in a session, with every command of it."""
        first, second = self.pairs
        callers = [(hub, each.session_id) for hub in self.outsiders.values() for each in self.pairs]
        callers += [(x.hub, second.session_id) for x in (first.a, first.b)]
        callers += [(x.hub, first.session_id) for x in (second.a, second.b)]
        for command in IN_SESSION:
            data = sample(command)
            for hub, session_id in callers:
                expected, got = await asyncio.gather(
                    answer(hub, command, data, NOWHERE), answer(hub, command, data, session_id)
                )
                assert expected[0] == "NOT_FOUND", command
                self.note(command, "session", expected, got)

    async def try_without_session(self) -> None:
        """Those who are in no session, with what needs none, about everything of everybody."""
        for hub in self.outsiders.values():
            for command, row in ALL.items():
                if not row.sessionless or command in ADMIN_ONLY:
                    continue
                for case in cases(command):
                    expected = await answer(hub, command, case.about(NOWHERE))
                    for player in (x for each in self.pairs for x in (each.a, each.b)):
                        for key in player.objects.get(case.named.kind, []):
                            got = await answer(hub, command, case.about(key))
                            self.note(case.label, case.named.kind, expected, got)


@pytest.fixture(scope="module")
async def town(house: House) -> Town:
    """Lived through once."""
    lived = Town(house)
    async with AsyncExitStack() as stack:
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


def test_what_is_anothers_answers_like_nothing(town: Town) -> None:
    assert town.told_apart == []


def test_nothing_was_left_out(town: Town) -> None:
    assert town.by_kind["session"] == len(IN_SESSION) * (2 * len(OUTSIDERS) + 4)
    kinds = {case.named.kind for command in ALL for case in cases(command)}
    assert kinds - set(town.by_kind) <= NOT_YET_MADE
    assert town.compared > 1000


NOT_YET_MADE = frozenset({"notification", "library"})
"""Kinds of which these sessions make none."""


def test_every_such_command_works_with_the_own_one(town: Town) -> None:
    """Or else an answer like that to nothing would prove nothing."""
    succeeded = {name for each in town.pairs for x in (each.a, each.b) for name in x.succeeded}
    wanted = {name for name in IN_SESSION if names_objects(name)}
    assert wanted - succeeded == set()
