"""The whole journey of a guest (spec 08), over real sockets: invited by a link, in conversation,
watched, and grown up into somebody whom the hub knows already, on connections that stay open."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import asyncpg
import msgspec
import pytest

from beheard_hub.client import Event, EventStream, Hub, Snapshot
from beheard_hub.persistence.roles import Role, change_role
from tests.e2e import haystacks
from tests.e2e.conftest import Town
from tests.e2e.rest_phone import Rest

SLUG = "family-table"
COMPLETE = "practice.exchange_complete"
PATIENCE_SECONDS = 90
EVENTS_EACH = 4
"""Of one exchange."""


class Device:
    """One connection, and who the hub says it speaks for."""

    def __init__(self, url: str, token: str) -> None:
        self.hellos: list[tuple[str, str]] = []
        self._came = asyncio.Event()
        self.hub = Hub.connect(url, token, tap=self._heard)

    def _heard(self, frame: str | bytes) -> None:
        read = msgspec.json.decode(frame)
        if read["type"] == "hello":
            self.hellos.append((read["connectionId"], read["userId"]))
            self._came.set()

    async def becomes(self, user_id: str) -> None:
        """The same connection, and that user."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.hellos[-1][1] != user_id:
                self._came.clear()
                await self._came.wait()
        assert len({connection for connection, _ in self.hellos}) == 1


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def device(town: Town, stack: AsyncExitStack, token: str, gateway: int = 0) -> Device:
    made = Device(town.gateways()[gateway], token)
    await stack.enter_async_context(made.hub)
    return made


async def heard(stream: EventStream, exchanges: int) -> list[int]:
    """The seqs of so many exchanges."""
    seqs: list[int] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for frame in stream:
            assert not isinstance(frame, Snapshot), "it goes on where it was"
            seqs += [frame.seq] if isinstance(frame, Event) else []
            exchanges -= isinstance(frame, Event) and frame.name == COMPLETE
            if not exchanges:
                return seqs
    raise AssertionError("the stream ended")


def expected(first: int, exchanges: int) -> Sequence[int]:
    """Seqs without a hole."""
    return list(range(first, first + EVENTS_EACH * exchanges))


async def test_from_a_link_to_an_identity_that_was_there_already(
    town: Town, stack: AsyncExitStack
) -> None:
    owner = await asyncpg.connect(haystacks.owner_url(town))
    stack.push_async_callback(owner.close)
    nobody = await stack.enter_async_context(Rest(town.hub.address()["gateways"][1], None))

    # Ann is known, by Google too, and has practised before; Rita is staff.
    laptop = (await device(town, stack, town.person("Ann").token)).hub
    ann = (await laptop.profile.get()).user.id
    assert town.issuer is not None
    subject = f"{ann} at Google"
    id_token = town.issuer.id_token("google", sub=subject, email="an@n.test")
    proof = {"provider": "google", "idToken": id_token}
    assert (await laptop.command("identity.link", proof)).data["merged"] is False
    scenario = await laptop.practices.scenario(SLUG)
    before = (await laptop.practices.start(scenario.id)).session.id
    rita = (await device(town, stack, town.person("Rita").token, 1)).hub
    researcher = (await rita.profile.get()).user.id
    await change_role(haystacks.owner_url(town), researcher, Role.STAFF)

    # Rita invites; somebody follows the link and is a guest.
    invitation = await rita.practice_invitations.create(scenario.id, "large", label="Group B")
    assert invitation.link is not None
    token = {"token": re.split(r"[/#=]", invitation.link)[-1]}
    await nobody.ask("practice_invitation.validate", token)
    claimed = await nobody.ask("practice_invitation.claim", token)
    assert claimed["user"]["role"] == "GUEST"
    guest, session = claimed["user"]["id"], claimed["sessionId"]
    phone = await device(town, stack, claimed["token"], 0)
    tablet = await device(town, stack, claimed["token"], 1)

    # They converse, on two gateways; Rita watches from the second message on, and notes.
    streams = []
    for one in (phone, tablet):
        stream = one.hub.practice(session).events()
        assert isinstance(await anext(stream), Snapshot)
        streams.append(stream)
    await phone.hub.practice(session).send("You never asked how it was for me.")
    for stream in streams:
        assert await heard(stream, 1) == expected(1, 1)
    watching = rita.practice(session).events(observe=True)
    assert isinstance(await anext(watching), Snapshot)
    streams.append(watching)
    await tablet.hub.practice(session).send("Not once.")
    for stream in streams:
        assert await heard(stream, 1) == expected(5, 1)
    note = await rita.notes.add(invitation.id, "Hesitates before asking.", session_id=session)

    # The guest proves to be Ann: the rows are hers, and everything that is open goes on.
    linked = (await phone.hub.command("identity.link", proof)).data
    assert (linked["merged"], linked["user"]["id"]) == (True, ann)
    for one in (phone, tablet):
        await one.becomes(ann)
    for number, one in enumerate((tablet, phone)):
        await one.hub.practice(session).send("I would have liked to be asked.")
        for stream in streams:
            assert await heard(stream, 1) == expected(9 + EVENTS_EACH * number, 1)

    mine = {one.id for one in (await laptop.practices.list()).sessions}
    assert mine == {before, session}
    later = await laptop.practice(session).messages(limit=100)
    assert len(later.messages) == 3 * EVENTS_EACH
    for gateway in range(2):
        rest = Rest(town.hub.address()["gateways"][gateway], claimed["token"])
        profile = await (await stack.enter_async_context(rest)).ask("profile.get")
        assert (profile["user"]["id"], profile["user"]["role"]) == (ann, "USER")
    assert [kept.id for kept in (await rita.notes.list(invitation.id)).notes] == [note.id]
    used = await owner.fetch(
        """SELECT "userId", count(*) AS calls FROM practice."UsageLog" WHERE "sessionId" = $1
           GROUP BY 1""",
        int(session),
    )
    assert [tuple(row) for row in used] == [(ann, 2 * EVENTS_EACH)]
    assert await owner.fetchval('SELECT count(*) FROM "User" WHERE id = $1', guest) == 0
