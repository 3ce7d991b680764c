"""Practices over real sockets: both doors, several devices, several gateways, and who watches."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack

import msgspec
import pytest

from beheard_hub.client import Delta, Event, EventStream, Hub, PracticeState, Refused, Snapshot
from beheard_hub.demo.rehearsal import Cell, load
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.persistence.roles import Role, change_role
from beheard_hub.practice import scenarios
from beheard_hub.runtime import SystemClock
from beheard_hub.showing import Show
from tests.e2e import haystacks
from tests.e2e.conftest import Town
from tests.e2e.rest_phone import Refusal, Rest

PATIENCE_SECONDS = 90
SLUG = "family-table"
SENTENCES_MIN = 10
CANARY = "zqheirloomsilver"
NOTED = "zqonlyforstaff"


class Street:
    """Clients on the two gateways; all that comes in is kept."""

    def __init__(self, town: Town, stack: AsyncExitStack) -> None:
        self.town = town
        self.received: dict[str, list[str | bytes]] = defaultdict(list)
        """Token → every frame that came to its devices."""
        self._stack = stack

    async def device(self, token: str, gateway: int = 0) -> Hub:
        url = self.town.gateways()[gateway]
        hub = Hub.connect(url, token, tap=self.received[token].append)
        return await self._stack.enter_async_context(hub)

    def frames(self, token: str) -> bytes:
        """All that came to somebody, as one text."""
        came = self.received[token]
        return b"\n".join(f.encode() if isinstance(f, str) else f for f in came)

    async def requests(self, token: str | None, gateway: int = 0) -> Rest:
        rest = Rest(self.town.hub.address()["gateways"][gateway], token)
        return await self._stack.enter_async_context(rest)


@pytest.fixture
async def street(town: Town) -> AsyncIterator[Street]:
    await town.settled()
    async with AsyncExitStack() as stack:
        yield Street(town, stack)


async def until(stream: EventStream, name: str) -> list[Event]:
    """All events up to one of that name."""
    heard: list[Event] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for frame in stream:
            if isinstance(frame, Event):
                heard.append(frame)
                if frame.name == name:
                    return heard
    raise AssertionError("the stream ended")


async def state_of(stream: EventStream) -> PracticeState:
    """From the first frame of a subscription."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        frame = await anext(stream)
    assert isinstance(frame, Snapshot)
    return msgspec.convert(frame.state, PracticeState)


async def pieces(stream: EventStream, name: str) -> dict[str | None, str]:
    """Lane → what its pieces make, up to an event of that name."""
    said: dict[str | None, str] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for frame in stream:
            if isinstance(frame, Delta):
                said[frame.lane] = ("" if frame.reset else said.get(frame.lane, "")) + frame.text
            elif isinstance(frame, Event) and frame.name == name:
                return said
    raise AssertionError("the stream ended")


def secrets() -> list[str]:
    """Whole sentences of all prompts that stand in nothing that is shown."""
    found = []
    for one in scenarios():
        shown = f"{one.name} {one.description} {one.partner_persona}"
        sentences = re.split(r"(?<=[.!?])\s+", f"{one.partner} {one.coach}")
        found += [text for text in sentences if len(text) > 40 and text not in shown]
    assert len(found) > SENTENCES_MIN
    return found


async def test_one_practice_by_both_doors_on_two_gateways(street: Street) -> None:
    anna = street.town.person("Anna").token
    phone, tablet = await street.device(anna), await street.device(anna, 1)
    rest, nobody = await street.requests(anna, 1), await street.requests(None)
    listed = (await nobody.ask("practice.scenarios"))["scenarios"]
    one = (await nobody.ask("practice.scenario", {"slug": SLUG}))["scenario"]
    assert one in listed
    assert msgspec.convert(one, type(await phone.practices.scenario(SLUG))).slug == SLUG

    started = (await phone.practices.start(one["id"])).session
    practices = [hub.practice(started.id) for hub in (phone, tablet)]
    streams = [practice.events() for practice in practices]
    for stream in streams:
        state = await state_of(stream)
        assert (state.session, state.quota.state, state.exchange) == (started, "ok", None)
    sent = await practices[0].send(f"You never asked about the {CANARY}.")
    said = await pieces(streams[0], "practice.exchange_complete")
    heard = await until(streams[1], "practice.exchange_complete")
    messages = [event.data["message"] for event in heard[:-1]]
    assert [message["role"] for message in messages] == ["user", "partner", "coach"]
    assert (messages[0]["id"], messages[0]["clientId"]) == (sent.id, sent.client_id)
    assert said == {one["role"]: f"{one['content']}" for one in messages[1:]}

    await streams[1].aclose()
    again = (await rest.ask("practice.send", {"content": "And now?"}, started.id))["userMessage"]
    await until(streams[0], "practice.exchange_complete")
    missed = practices[1].events(after=streams[1].seq)
    caught_up = await until(missed, "practice.exchange_complete")
    assert caught_up[0].data["message"]["id"] == again["id"]
    assert [event.seq for event in caught_up] == list(range(len(heard) + 1, 2 * len(heard) + 1))
    page = await rest.ask("practice.messages", {"limit": 100}, started.id)
    told = [event.data["message"] for event in [*heard, *caught_up] if "message" in event.data]
    assert page["messages"] == told[::-1]

    shown = await rest.ask("practice.get", None, started.id)
    assert shown["quota"]["remaining"] < shown["quota"]["total"]
    ended = (await rest.ask("practice.complete", None, started.id))["session"]
    assert ended["status"] == "COMPLETED"
    assert (await until(missed, "practice.ended"))[-1].data == {"reason": "user"}
    with pytest.raises(Refused) as refused:
        await practices[0].send("Once more?")
    assert refused.value.code == "SESSION_NOT_ACTIVE"
    assert [one.id for one in (await tablet.practices.list()).sessions] == [started.id]


async def test_nobody_else_finds_it_and_no_prompt_leaves(street: Street) -> None:
    anna, eve = (street.town.person(name) for name in ("Anna", "Eve"))
    phone, other = await street.device(anna.token), await street.device(eve.token, 1)
    by_eve = await street.requests(eve.token)
    scenario = await phone.practices.scenario(SLUG)
    started = (await phone.practices.start(scenario.id)).session
    stream = phone.practice(started.id).events()
    await phone.practice(started.id).send(f"Where is the {CANARY}?")
    await until(stream, "practice.exchange_complete")

    for session_id in (started.id, "2147483647", "not-a-number"):
        theirs = other.practice(session_id)
        for ask in (theirs.get, theirs.messages, theirs.complete, theirs.retry):
            await refuses(ask, "NOT_FOUND")
        with pytest.raises(Refused) as refused:
            await anext(theirs.events())
        assert refused.value.code == "NOT_FOUND"
        for command in ("practice.get", "practice.messages", "practice.complete"):
            with pytest.raises(Refusal) as answer:
                await by_eve.ask(command, None, session_id)
            assert answer.value.status == 404
    assert (await other.practices.list()).sessions == []

    answers = street.frames(anna.token)
    assert CANARY.encode() not in street.frames(eve.token)
    assert CANARY.encode() in answers
    assert [text for text in secrets() if msgspec.json.encode(text)[1:-1] in answers] == []
    await nowhere_else(street.town, CANARY)


async def nowhere_else(town: Town, word: str) -> None:
    """It stands neither in a log nor in the hub's own tables."""
    for log in haystacks.logs(town):
        assert word.encode() not in log.read_bytes(), log.name
    for name, rows in (await haystacks.tables(town, "hub")).items():
        assert word not in rows, name


async def refuses(ask: Callable[[], object], code: str) -> None:
    with pytest.raises(Refused) as refused:
        await ask()  # type: ignore[misc]
    assert refused.value.code == code


async def test_staff_watch_from_another_gateway(street: Street) -> None:
    people = {name: street.town.person(name).token for name in ("Anna", "Rita")}
    anna, rita = await street.device(people["Anna"]), await street.device(people["Rita"], 1)
    url, researcher = haystacks.owner_url(street.town), (await rita.profile.get()).user.id
    await change_role(url, researcher, Role.STAFF)
    scenario = await rita.practices.scenario(SLUG)
    invitation = await rita.practice_invitations.create(
        scenario.id, "small", label=f"Group {NOTED}"
    )
    assert invitation.link is not None
    token = re.split(r"[/#=]", invitation.link)[-1]
    claimed = await anna.practice_invitations.claim(token)
    practice = anna.practice(claimed.session_id)
    own = practice.events()
    assert (await state_of(own)).session.observed
    await practice.send("You never asked.")
    told = await until(own, "practice.exchange_complete")

    watched = rita.practice(claimed.session_id).events(observe=True)
    state = await state_of(watched)
    assert state.transcript is not None
    assert [one.role for one in state.transcript.messages] == ["coach", "partner", "user"]
    await practice.send("And you never will.")
    heard = await until(watched, "practice.exchange_complete")
    assert heard == await until(own, "practice.exchange_complete")
    assert [event.seq for event in heard] == list(range(len(told) + 1, 2 * len(told) + 1))
    note = await rita.notes.add(invitation.id, f"Again {NOTED}", session_id=claimed.session_id)
    assert (await rita.notes.list(invitation.id)).notes == [note]
    await refuses(lambda: rita.practice(claimed.session_id).send("I"), "NOT_FOUND")
    await change_role(url, researcher, Role.USER)
    with pytest.raises(Refused) as refused:
        await until(watched, "practice.ended")
    assert refused.value.code in ("NOT_FOUND", "FORBIDDEN")
    assert NOTED.encode() in street.frames(people["Rita"])
    assert NOTED.encode() not in street.frames(people["Anna"])
    await nowhere_else(street.town, NOTED)


class Kept:
    """A `Curtain` that keeps what it is to show."""

    def __init__(self) -> None:
        self.cells: list[Sequence[Cell]] = []
        self.linking = ""
        self.linked_after = 0
        self.end = ""

    def began(self, title: str, introduction: Sequence[str], heads: Sequence[str]) -> None:
        assert len(heads) == 3

    def exchange(self, cells: Sequence[Cell]) -> None:
        self.cells.append(cells)

    def linked(self, sentences: Sequence[str]) -> None:
        self.linking, self.linked_after = " ".join(sentences), len(self.cells)

    def ended(self, text: str) -> None:
        self.end = text


async def test_the_demo_shows_all_three_what_each_is_to_see(town: Town) -> None:
    key = LocalKey.open(town.hub.data_dir, SystemClock())
    show = Show(town.gateways()[1], key, haystacks.owner_url(town), town.issuer)
    script, kept = load(), Kept()
    assert await show.rehearse(script, kept) == "COMPLETED"
    assert len(kept.cells) == len(script.lines)
    for line, (own, coached, watched) in zip(script.lines, kept.cells, strict=True):
        assert [role for role, _ in own] == ["user", "partner"]
        assert line.say in own[0][1]
        assert [role for role, _ in coached] == ["coach"]
        notes = ["note"] if line.note else []
        assert [role for role, _ in watched] == ["user", "partner", "coach", *notes]
        assert watched[:2] == own
        assert watched[2][1].endswith(coached[0][1])
    assert f"{3 * len(script.lines)} messages" in kept.end
    assert 0 < kept.linked_after == script.links_after < len(script.lines)
    assert f"One practice with {3 * script.links_after} messages moved" in kept.linking
    assert "holds 2 now" in kept.linking
    assert "connection stayed open" in kept.linking
