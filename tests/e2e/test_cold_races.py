"""First commands from two gateways to sessions that live in no host: each is activated once.

Two activations of one session would decide without each other: two signatures of which neither
knows the other, two pauses, one seq given out twice.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import asyncpg

from beheard_hub.client import Event, Hub, Refused
from beheard_hub.client.frames import Ack
from beheard_hub.domain.limits import SHARDS

from . import haystacks
from .conftest import Town
from .meeting import assert_log_is_whole, connected, opened

ROUNDS = 5
COLD_SECONDS_MAX = 120
LOOK_AGAIN_SECONDS = 0.05
FAULTS = (b"row_refused", b"turn_failed", b"entry_failed")
SIGNING = {"agreed": True}
PARTS = """SELECT count(*) AS owned FROM hub."ShardOwner" s JOIN hub."HostLease" h USING ("hostId")
           WHERE NOT h.dead AND h."expiresAt" > now() GROUP BY h."hostId" """


class Pair:
    """Two in one session, each connected to both gateways."""

    def __init__(self, hubs: Sequence[Hub]) -> None:
        self.a, self.b = (hubs[0], hubs[3]), (hubs[1], hubs[2])
        self.session_id = ""
        self.invitation: Mapping[str, Any] = {}

    async def meet(self, *, accepted: bool = True) -> Pair:
        """Opens the session; the facilitator has said its first words when this returns."""
        made = await opened(self.a[0])
        self.session_id = made["session"]["id"]
        self.invitation = {"invitationId": made["invitationId"]}
        await self._spoken_to(self.a[0])
        if accepted:
            await self.b[0].command("invitation.accept", self.invitation)
            await self._spoken_to(self.b[0])
        return self

    async def _spoken_to(self, hub: Hub) -> None:
        async with asyncio.timeout(60), hub.session(self.session_id).events(after=0) as events:
            async for frame in events:
                if isinstance(frame, Event) and frame.name == "message.created":
                    return

    async def command(self, hub: Hub, name: str, data: Mapping[str, Any], id_: str = "") -> Ack:
        """A command to this session."""
        return await hub.command(name, data, session_id=self.session_id, id=id_ or uuid4().hex)

    async def at_once(self, name: str, data: Mapping[str, Any]) -> Sequence[Ack | BaseException]:
        """The same by both, A by the one and B by the other gateway."""
        return await asyncio.gather(
            self.command(self.a[0], name, data),
            self.command(self.b[0], name, data),
            return_exceptions=True,
        )

    async def counted(self) -> Counter[str]:
        """How often A heard what, after both logs were found whole."""
        await assert_log_is_whole(self.b[0], self.session_id)
        return Counter(e.name for e in await assert_log_is_whole(self.a[0], self.session_id))


async def chill(town: Town) -> None:
    """Kills all hosts at once; when this returns others have all shards, each its part, and nothing
    is live. A shard that moves again in the middle of a race would have its command answered once
    more, as a duplicate."""
    before = set(town.hub.address()["host_pids"])
    assert len(before) == 2
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    owner = await asyncpg.connect(haystacks.owner_url(town))
    try:
        async with asyncio.timeout(COLD_SECONDS_MAX):
            while not (  # noqa: ASYNC110 - other processes' doing
                await _shared_out(owner) and await _replaced(town, before)
            ):
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
    finally:
        await owner.close()


async def _shared_out(owner: asyncpg.Connection) -> bool:
    """Whether two hosts that are alive have all shards, and as many each as they keep."""
    parts = [row["owned"] for row in await owner.fetch(PARTS)]
    return len(parts) == 2 and sum(parts) == SHARDS and max(parts) - min(parts) <= len(parts)


async def _replaced(town: Town, before: set[int]) -> bool:
    address = town.hub.address()
    if before & set(address["host_pids"]) or len(address["host_pids"]) < len(before):
        return False
    return all([await _ready(url) for url in address["gateways"]])


async def _ready(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")
        return b" 200 " in await reader.readline()
    finally:
        writer.close()


async def both_sign(pair: Pair) -> None:
    """Whoever is second sees that the other signed."""
    acks = await pair.at_once("compact.sign", SIGNING)
    assert sorted(answer(ack)["partnerSigned"] for ack in acks) == [False, True]
    assert (await pair.counted())["partner.signed_compact"] == 1


async def both_pause(pair: Pair) -> None:
    """Whoever is second finds the session paused."""
    outcomes = await pair.at_once("session.pause", {})
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
    assert [refusal.code for refusal in refused] == ["SESSION_NOT_ACTIVE"]
    assert (await pair.counted())["session.paused"] == 1


async def one_id_on_both_gateways(pair: Pair) -> None:
    """One command of one person, sent by two ways: one effect, one answer. Both are duplicates
    where the first one's ack was lost on its way."""
    command_id = uuid4().hex
    acks = await asyncio.gather(
        *(pair.command(hub, "session.pause", {}, command_id) for hub in pair.a)
    )
    assert any(ack.duplicate for ack in acks)
    assert acks[0].data == acks[1].data
    assert (await pair.counted())["session.paused"] == 1


async def sign_while_the_other_enters(pair: Pair) -> None:
    """The one is a member already, the other becomes one by the same activation."""
    acks = await asyncio.gather(
        pair.command(pair.a[0], "compact.sign", SIGNING),
        pair.b[0].command("invitation.accept", pair.invitation),
    )
    assert answer(acks[0])["signed"]
    assert (await pair.counted())["partner.joined"] == 1
    status = await pair.command(pair.b[0], "compact.status", {})
    assert (status.data["mySigned"], status.data["partnerSigned"]) == (False, True)


def answer(outcome: Ack | BaseException) -> Mapping[str, Any]:
    """The reply of a command that must have been done."""
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome.data


RACES: tuple[Callable[[Pair], Awaitable[None]], ...] = (
    both_sign,
    both_pause,
    one_id_on_both_gateways,
    sign_while_the_other_enters,
)


async def test_first_commands_to_cold_sessions_from_two_gateways(town: Town) -> None:
    async with AsyncExitStack() as stack:
        pairs = [(race, await meet(town, stack, race)) for race in RACES * ROUNDS]
        before = {path: path.stat().st_size for path in haystacks.logs(town)}
        await chill(town)
        await asyncio.gather(*(race(pair) for race, pair in pairs))
    for path in haystacks.logs(town):
        lines = path.read_bytes()[before.get(path, 0) :]
        assert not [fault for fault in FAULTS if fault in lines], path.name


async def meet(town: Town, stack: AsyncExitStack, race: Callable[..., Any]) -> Pair:
    """Two new people for this race."""
    a, b = town.person("Ida"), town.person("Jon")
    hubs = await stack.enter_async_context(connected(town, [a, b, b, a]))
    return await Pair(hubs).meet(accepted=race is not sign_while_the_other_enters)
