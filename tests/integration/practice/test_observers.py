"""Staff watch a practice: what they are shown is what the participant is shown, and nothing else of
theirs comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from beheard_hub.actors import observers
from beheard_hub.domain.practice.protocol import LANES
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import (
    DeltaFrom,
    EventFrom,
    PresenceFrom,
    PresenceTo,
    Refused,
    SnapshotFrom,
)
from beheard_hub.persistence.database import Database
from tests.conftest import TestDatabase
from tests.integration.consent.house import Phone
from tests.integration.practice.stage import Stage, staged, told
from tests.integration.practice.voices import ScriptedVoice

SECONDS_MAX = 60
SPOKEN = ["user", *LANES]


@pytest.fixture
def voice() -> ScriptedVoice:
    return ScriptedVoice()


@pytest.fixture
async def stage(
    database: TestDatabase, db: Database, owner: asyncpg.Connection, voice: ScriptedVoice
) -> AsyncIterator[Stage]:
    async with staged(database, db, owner, voice) as stage:
        yield stage


async def snapshot(phone: Phone, sub: int) -> SnapshotFrom:
    """The one of that subscription."""
    await phone.hears(lambda m: isinstance(m, SnapshotFrom) and m.sub == sub)
    [found] = [m for m in phone.received if isinstance(m, SnapshotFrom) and m.sub == sub]
    return found


async def refusal(phone: Phone, sub: int) -> str:
    """Why that subscription is over."""
    await phone.hears(lambda m: isinstance(m, Refused) and m.sub == sub)
    [found] = [m for m in phone.received if isinstance(m, Refused) and m.sub == sub]
    return found.code


def shown(phone: Phone) -> list[tuple[int, str, Any]]:
    """The events that came, without to whom."""
    return [(event.seq, event.name, event.data) for event in phone.events()]


def pieces(phone: Phone) -> dict[str, str]:
    """Lane → the text of its pieces."""
    texts: dict[str, str] = {}
    for piece in phone.received:
        if isinstance(piece, DeltaFrom) and piece.lane is not None:
            texts[piece.lane] = ("" if piece.reset else texts.get(piece.lane, "")) + piece.text
    return texts


@pytest.mark.parametrize("lane", LANES)
async def test_who_comes_in_the_middle_of_a_reply_misses_nothing(
    stage: Stage, voice: ScriptedVoice, lane: str
) -> None:
    anna, rita = await stage.person("GUEST"), await stage.person("STAFF")
    boss = await stage.person("ADMIN")
    _, session = await stage.invited(anna, rita)
    voice.silent.add(lane)
    await anna.do("practice.send", session, content="You never call.")
    await asyncio.wait_for(voice.begun.wait(), SECONDS_MAX)
    first, second = rita.watch(session), rita.watch(session)
    state = (await snapshot(rita, first)).state
    assert (state["session"]["observed"], state["exchange"]["lane"]) == (True, lane)
    said = SPOKEN[: SPOKEN.index(lane)]
    transcript = state["transcript"]
    assert [one["role"] for one in transcript["messages"]] == said[::-1]
    assert (transcript["cursor"], transcript["hasMore"]) == (None, False)
    await rita.hears(lambda m: isinstance(m, DeltaFrom) and m.subs == [second])
    assert pieces(rita)[lane] == pieces(anna)[lane]

    replayed = boss.watch(session, after=0)
    await boss.hears(lambda m: isinstance(m, DeltaFrom))
    since = len(rita.received)
    await anna.do("practice.complete", session)
    await told(rita, "practice.ended")
    both = [m for m in rita.received[since:] if isinstance(m, EventFrom | DeltaFrom)]
    assert all(sorted(m.subs) == [first, second] for m in both), "one copy for a gateway"
    await told(boss, "practice.ended")
    assert shown(boss) == shown(anna)
    assert all(event.subs == [replayed] for event in boss.events())
    assert len(shown(anna)) - len(shown(rita)) == len(transcript["messages"])
    assert pieces(rita) == {lane: ""}, "taken back with the end"


async def test_who_watches_is_not_there_and_says_nothing(stage: Stage) -> None:
    anna, rita = await stage.person("GUEST"), await stage.person("STAFF")
    _, session = await stage.invited(anna, rita)
    sub = rita.watch(session)
    await snapshot(rita, sub)
    stage.house.host.received(rita, PresenceTo(sub, "typing"))
    assert stage.house.host.presence.online(session, anna.user_id)
    assert not stage.house.host.presence.online(session, rita.user_id)
    asked = await rita.try_("practice.send", session, content="Let me help.")
    assert isinstance(asked, Refused)
    assert asked.code == Code.NOT_FOUND
    since = len(rita.received)
    await anna.do("practice.send", session, content="You never call.")
    await told(rita, "practice.exchange_complete", since)
    assert shown(rita) == shown(anna)
    assert not any(isinstance(m, PresenceFrom) for m in (*anna.received, *rita.received))
    assert stage.house.host.stats()["observers"] == 1
    rita.deafen(sub)
    assert stage.house.host.stats()["observers"] == 0


async def test_whoever_may_not_watch_is_shown_nothing(stage: Stage) -> None:
    pair, anna = await stage.house.pair(), await stage.person("GUEST")
    rita, other = await stage.person("STAFF"), await stage.person("STAFF")
    boss, user = await stage.person("ADMIN"), await stage.person()
    _, session = await stage.invited(anna, rita)
    _, unobserved = await stage.invited(await stage.person("GUEST"), rita, observed=False)
    own = await stage.started(user)
    for who, where, code in (
        (other, session, Code.NOT_FOUND),
        (user, session, Code.NOT_FOUND),
        (anna, session, Code.FORBIDDEN),
        (rita, unobserved, Code.FORBIDDEN),
        (boss, unobserved, Code.FORBIDDEN),
        (boss, own, Code.NOT_FOUND),
        (boss, pair.id, Code.NOT_FOUND),
        (pair.a, pair.id, Code.NOT_FOUND),
        (boss, "987654", Code.NOT_FOUND),
    ):
        sub = who.watch(where)
        assert await refusal(who, sub) == code, (who.user_id, where)
        assert len([m for m in who.received if getattr(m, "sub", None) == sub]) == 1
    asked = await rita.try_("practice.observe", session)
    assert isinstance(asked, Refused)
    assert asked.code == Code.VALIDATION_ERROR


async def test_whoever_loses_the_role_is_shown_nothing_more(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observers, "ASKED_AGAIN_SECONDS", 0.0)
    anna, rita = await stage.person("GUEST"), await stage.person("STAFF")
    boss = await stage.person("ADMIN")
    _, session = await stage.invited(anna, rita)
    subs = [who.watch(session) for who in (rita, boss)]
    await snapshot(rita, subs[0])
    await snapshot(boss, subs[1])
    await stage.change_role(rita, "USER")
    assert await refusal(rita, subs[0]) == Code.NOT_FOUND
    since = len(rita.received)
    await anna.do("practice.send", session, content="You never call.")
    await told(boss, "practice.exchange_complete")
    assert rita.received[since:] == []
