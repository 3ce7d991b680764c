"""Somebody leaves after a session in which every text field held a word of theirs: afterwards the
words are in no table and in no file. And hosts die while somebody leaves."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from beheard_hub.client import Hub
from beheard_hub.journeys import Side
from beheard_hub.persistence.erasure import FileCleaning, StillRead

from . import haystacks
from .canaries import found_in
from .conftest import Person, Town
from .sweep import Sweep

WAIT_SECONDS_MAX = 90
LOOK_SECONDS = 0.1
BETWEEN = (
    *("common_ground.", "agreement.", "needs.add.need", "needs.confirm."),
    "invitation.decline.reason",
)
"""Whose words stay: what was proposed to both, the shared needs that became common
ground, and a reason that belongs to the inviter."""
WAL = "pg_wal"
"""Ages out by itself (docs/walls.md)."""


@asynccontextmanager
async def as_owner(town: Town) -> AsyncIterator[asyncpg.Connection]:
    """The database as its owner."""
    connection = await asyncpg.connect(haystacks.owner_url(town))
    try:
        yield connection
    finally:
        await connection.close()


async def leave(town: Town, person: Person) -> str:
    """The command, and who gave it."""
    async with Hub.connect(town.hub.websocket_url, person.token) as hub:
        who = (await hub.profile.get()).user.id
        await hub.profile.erase()
        return who


async def erased(town: Town, user_id: str) -> None:
    """Waits for the last commit."""
    query = """SELECT "finishedAt" IS NOT NULL FROM hub."Erasure" WHERE "userId" = $1"""
    async with as_owner(town) as sql, asyncio.timeout(WAIT_SECONDS_MAX):
        while not await sql.fetchval(query, user_id):  # noqa: ASYNC110 - another process's work
            await asyncio.sleep(LOOK_SECONDS)


async def cleaned(town: Town) -> None:
    """Cleans the files, as the hub does by itself from time to time; it may be at it right now."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            try:
                await FileCleaning(haystacks.owner_url(town)).once()
            except (asyncpg.LockNotAvailableError, StillRead):
                await asyncio.sleep(LOOK_SECONDS)
            else:
                return


def database_files(town: Town) -> Iterator[bytes]:
    """Every file of the database but its log of changes to come."""
    cluster = town.hub.data_dir / "postgres"
    for path in cluster.rglob("*"):
        if path.is_file() and path.relative_to(cluster).parts[0] != WAL:
            yield path.read_bytes()


class Kept(Sweep):
    """And what was in the tables before somebody left."""

    kept: set[str]


@pytest.fixture(scope="module")
async def sweep(town: Town) -> Kept:
    """The session, played once."""
    played = Kept(town)
    await played.play()
    return played


@pytest.fixture(scope="module")
async def departed(town: Town, sweep: Kept) -> Side:
    """Who left: the one who invited."""
    async with as_owner(town) as sql:
        await sql.execute("ANALYZE")
        await sql.execute("CHECKPOINT")
    words = private_words(sweep, "a")
    assert len(found_in(*database_files(town)) & words) > 50, "the search finds what is there"
    sweep.kept = found_in(*(await haystacks.tables(town, "public")).values())
    person = Person(name="", token=sweep.token("a"))
    await erased(town, await leave(town, person))
    await cleaned(town)
    return "a"


def private_words(sweep: Sweep, side: Side) -> set[str]:
    """All words of one side but those that belong to both, and their name."""
    sown = sweep.sown[side]
    return {
        word for word, path in sown.path.items() if not path.startswith(BETWEEN)
    } | {sweep.names[side]}  # fmt: skip


def names_of(sweep: Sweep, side: Side) -> set[str]:
    """What the facilitator called them in the partner's own thread, which stays."""
    renamed = {w for w, path in sweep.sown[side].path.items() if path == "profile.update.name"}
    return {sweep.names[side]} | renamed


def where(sweep: Sweep, words: set[str]) -> list[str]:
    """What may be shown of a word: the field in which it was written."""
    known = {word: path for sown in sweep.sown.values() for word, path in sown.path.items()}
    return sorted(known.get(word, "a name") for word in words)


async def test_no_table_holds_a_word_of_who_left(town: Town, sweep: Kept, departed: Side) -> None:
    words = private_words(sweep, departed)
    for schema in ("public", "hub"):
        for table, rows in (await haystacks.tables(town, schema)).items():
            found = found_in(rows) & words
            if table == "Message":
                found -= names_of(sweep, departed)
            assert where(sweep, found) == [], table


async def test_no_file_of_the_database_holds_one(town: Town, sweep: Kept, departed: Side) -> None:
    words = private_words(sweep, departed) - names_of(sweep, departed)
    assert where(sweep, found_in(*database_files(town)) & words) == []


async def test_the_partner_has_lost_nothing(town: Town, sweep: Kept, departed: Side) -> None:
    before = sweep.kept & private_words(sweep, "b")
    assert len(before) > 30
    kept = found_in(*(await haystacks.tables(town, "public")).values())
    lost = where(sweep, before - kept)
    assert [path for path in lost if not path.startswith("empathy.validate.")] == []


async def test_what_belongs_to_both_is_still_there(town: Town, sweep: Kept, departed: Side) -> None:
    tables = await haystacks.tables(town, "public")
    both = set(sweep.sown[departed].words()) - private_words(sweep, departed)
    assert found_in(tables["Agreement"], tables["CommonGround"]) & both


async def test_an_erasure_outlives_kills_of_the_hosts(town: Town) -> None:
    """Many sessions, on both hosts; each host dies once while the user leaves."""
    leaving, partners = town.person("Lea"), [town.person(f"P{n}") for n in range(12)]
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(Hub.connect(town.hub.websocket_url, leaving.token))
        who = (await hub.profile.get()).user.id
        sessions = {}
        for partner in partners:
            other = await stack.enter_async_context(
                Hub.connect(town.hub.websocket_url, partner.token)
            )
            made = await hub.sessions.create(invite_name="P")
            await other.invitations.accept(made.invitation_id)
            sessions[made.session.id] = other
        hosts = town.hub.address()["host_pids"]
        assert len(hosts) == 2
        await hub.profile.erase()
        os.kill(hosts[0], signal.SIGKILL)
        async with as_owner(town) as sql, asyncio.timeout(WAIT_SECONDS_MAX):
            query = """SELECT count(*) FROM "UserVessel" WHERE "userId" = $1
                AND "erasedAt" IS NOT NULL"""
            while not await sql.fetchval(query, who):  # noqa: ASYNC110 - another process's work
                await asyncio.sleep(LOOK_SECONDS)
        os.kill(hosts[1], signal.SIGKILL)
        await erased(town, who)
        for session_id, other in sessions.items():
            shown = (await other.command("session.get", session_id=session_id)).data["session"]
            assert (shown["status"], shown["partner"]["name"]) == ("ABANDONED", "former partner")
