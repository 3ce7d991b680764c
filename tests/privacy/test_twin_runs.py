"""Two sessions that differ in A's private texts alone are one and the same to B (spec 4.4).

Every frame that B receives is compared: how many, in which order, how large, with which codes; and
again with both commanding by REST, every response with its status and headers. Ids are numbered and
times are made alike before. Into how many pieces an answer of B's own facilitator was cut depends
on the clock, and so does whether a reader came in its middle: its pieces are put together again.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from chaos.standstill import Standstill

from beheard_hub.domain.mediation.protocol import COMMANDS
from beheard_hub.journeys import Side
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.persistence.migrate import login_secret, runtime_url
from tests.conftest import TestDatabase, execute
from tests.logs import logged
from tests.privacy.fixed_ids import FixedIds
from tests.privacy.house import House, Inhabitant, house_on
from tests.privacy.player import Word
from tests.privacy.script import Pair, pair, play

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
MARKS = ("quokka", "xylophone")
"""One word for each telling, that nobody else says."""
PEOPLE = ("ann", "ben")
STOOD_STILL_SECONDS = 1.5
"""Less than what a lease, a ping or an unconfirmed event allows."""
TELLINGS_MAX = 4


def plain(text: str, _: bool) -> str:
    """How B speaks, in both tellings."""
    return text


def first(text: str, shared: bool) -> str:
    """How A speaks in the first telling."""
    return text if shared else f"{MARKS[0]} {text}"[:45]


def second(text: str, shared: bool) -> str:
    """The same in the second: other words, and more or fewer of them."""
    if shared:
        return text
    return f"{MARKS[1]}, and the kitchen window stays open" if len(text) > 12 else MARKS[1]


# ---- the two tellings


@asynccontextmanager
async def fresh(
    postgres: EmbeddedPostgres, template: str, name: str
) -> AsyncIterator[TestDatabase]:
    """A database in which only A and B are known, under ids that do not change."""
    await execute(postgres.url(), f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    url = postgres.url(name)
    owner = await asyncpg.connect(url)
    for person in PEOPLE:
        await owner.execute('INSERT INTO "User" (id, name) VALUES ($1, $1)', person)
        await owner.execute(
            'INSERT INTO "ExternalIdentity" (id, "userId", provider, "externalId")'
            " VALUES ($1, $1, 'local', $1)",
            person,
        )
    await owner.close()
    try:
        secret = login_secret(url, postgres.data_dir)
        yield TestDatabase(name, url, runtime_url(url, secret))
    finally:
        await execute(postgres.url(), f'DROP DATABASE "{name}" WITH (FORCE)')


class Telling(msgspec.Struct, frozen=True):
    """One of the two, and what it left behind."""

    pair: Pair
    kept: str
    """Every row of the hub's own tables, as text."""
    logged: str
    """Every line that the hub logged, before any field of it is left out."""


async def told(house: House, word: Word, *, by_rest: bool) -> Pair:
    """The session, with A speaking so."""
    people = [Inhabitant(name, None, house.token(name)) for name in PEOPLE]
    words: Mapping[Side, Word] = {"a": word, "b": plain}
    async with pair(house, people, words, by_rest=by_rest) as played:
        played.looked_at = True
        played.onlookers = (played.b,)
        await play(played)
    assert bool(played.answers["a"] and played.answers["b"]) == by_rest
    return played


@pytest.fixture(scope="module", params=["websocket", "rest"])
async def tellings(
    request: pytest.FixtureRequest,
    postgres: EmbeddedPostgres,
    template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[Telling]:
    """Both of them, each on a hub and a database of its own."""
    door = request.param

    async def telling(name: str, word: Word) -> Telling:
        async with fresh(postgres, template, name) as database:
            data_dir: Path = tmp_path_factory.mktemp("telling")
            with logged() as lines:
                async with house_on(database, data_dir) as house:
                    pair = await told(house, word, by_rest=door == "rest")
            return Telling(pair, await kept(database), repr(lines.kept))

    async def undisturbed(name: str, word: Word) -> Telling:
        """Where the machine stood still for so long that the hub had to say so, told again."""
        for number in range(TELLINGS_MAX):
            with Standstill() as machine:
                made = await telling(f"{name}_{number}", word)
            if machine.found().longest < STOOD_STILL_SECONDS:
                break
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("beheard_hub.bootstrap.SystemIds", FixedIds)
        patch.setattr("beheard_hub.domain.mediation.handlers.drafts.DRAFT_REST", timedelta(0))
        words = {"first": first, "second": second}
        return [await undisturbed(f"telling_{door}_{name}", words[name]) for name in words]


async def kept(database: TestDatabase) -> str:
    """All that the hub keeps about sessions beside their content: events, receipts, reminders."""
    owner = await asyncpg.connect(database.owner_url)
    try:
        tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'hub'")
        rows = [
            row["line"]
            for (table,) in tables
            for row in await owner.fetch(f'SELECT t::text AS line FROM hub."{table}" t')
        ]
    finally:
        await owner.close()
    return "\n".join(rows)


# ---- as they look to one of the two


def frames(pair: Pair, side: Side) -> list[dict[str, Any]]:
    """All frames of one side, those that cut an answer into pieces joined; then all responses, if
    that is how they commanded. Acks are then the test's own affair."""
    skipped = {"pong", "ack"} if pair.answers[side] else {"pong"}
    found: list[dict[str, Any]] = []
    for raw in pair.result.received[side]:
        frame = json.loads(raw)
        if frame["type"] in skipped:
            continue
        before = found[-1] if found else {}
        anew = frame.pop("reset", False)
        frame.pop("index", None)
        if frame["type"] == before.get("type") == "message.delta":
            before["text"] = frame["text"] if anew else before["text"] + frame["text"]
        else:
            found.append(frame)
    return found + [json.loads(answer) for answer in pair.answers[side]]


def numbered(pair: Pair, side: Side) -> list[str]:
    """Each frame as text, its ids numbered by their first appearance and its times alike."""
    numbers: dict[str, str] = {}

    def number(found: re.Match[str]) -> str:
        return numbers.setdefault(found[0], f"id-{len(numbers):04}")

    return [
        TIME.sub("TIME", ID.sub(number, json.dumps(frame, ensure_ascii=False)))
        for frame in frames(pair, side)
    ]


def words(texts: Sequence[str], mark: str) -> int:
    """How often a word is there."""
    return sum(text.lower().count(mark) for text in texts)


def test_the_two_tellings_do_differ(tellings: Sequence[Telling]) -> None:
    own = [numbered(telling.pair, "a") for telling in tellings]
    assert words(own[0], MARKS[0]) > 50
    assert words(own[1], MARKS[1]) > 50
    assert [len(text) for text in own[0]] != [len(text) for text in own[1]]


def test_a_was_given_hints_on_the_own_drafts(tellings: Sequence[Telling]) -> None:
    hints = ("what else might it be like over there?", "it speaks mostly of you")
    for telling, hint in zip(tellings, hints, strict=True):
        assert words(numbered(telling.pair, "a"), hint) > 0


def test_b_cannot_tell_them_apart(tellings: Sequence[Telling]) -> None:
    one, other = (numbered(telling.pair, "b") for telling in tellings)
    assert len(one) > 300
    for number, (left, right) in enumerate(zip(one, other, strict=False)):
        assert left == right, f"frame {number}: {shape(left)} or {shape(right)}"
    assert len(one) == len(other)


def test_no_word_of_either_reached_b(tellings: Sequence[Telling]) -> None:
    for telling in tellings:
        for mark in MARKS:
            assert words(numbered(telling.pair, "b"), mark) == 0


def test_no_word_is_in_the_hubs_own_tables(tellings: Sequence[Telling]) -> None:
    for telling in tellings:
        assert telling.kept.count("\n") > 100
        for mark in MARKS:
            assert words([telling.kept], mark) == 0


def test_no_word_is_in_a_log_line(tellings: Sequence[Telling]) -> None:
    for telling in tellings:
        assert "gateway_listens" in telling.logged
        for mark in MARKS:
            assert words([telling.logged], mark) == 0


def test_the_session_that_was_told_says_something_in_every_private_place(
    tellings: Sequence[Telling],
) -> None:
    for telling in tellings:
        said = telling.pair.a.succeeded
        writes = {name for name, row in COMMANDS.items() if not row.reads}
        assert writes - said <= NOT_TOLD


NOT_TOLD = frozenset(
    {
        *("invitation.accept", "invitation.decline", "invitation.resend"),  # B's, or instead
        *("session.withdraw", "partner.nudge", "message.retry", "exercises.complete"),  # no text
        "empathy.accept_feedback",
    }
)
"""Commands of a session that A does not give here."""


def shape(text: str) -> str:
    """What may be shown of a frame when a test fails: never its words."""
    frame = json.loads(text)
    return f"{frame['type']} {frame.get('name', '')} of {len(text)} characters"
