"""An exchange through host, reactions and a real Postgres, whatever goes wrong in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import asyncpg
import pytest

from beheard_hub.ai.offline.voice import OfflineVoice
from beheard_hub.domain.practice.protocol import LANES
from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Acked, CommandTo, DeltaFrom, Refused, ToGateway
from beheard_hub.persistence.database import Database
from tests.conftest import TestDatabase
from tests.integration.consent.house import House, Phone
from tests.integration.practice.stage import Stage, staged, told
from tests.integration.practice.voices import BREAKS, CANARY, COSTS, ScriptedVoice

SECONDS_MAX = 60
SENT = 1_000
SPOKEN = ["user", *LANES]
PAGE = Path(__file__).resolve().parents[3] / "docs/practice-failures.md"


@pytest.fixture
def voice() -> ScriptedVoice:
    return ScriptedVoice()


@pytest.fixture
async def stage(
    database: TestDatabase, db: Database, owner: asyncpg.Connection, voice: ScriptedVoice
) -> AsyncIterator[Stage]:
    async with staged(database, db, owner, voice) as stage:
        yield stage


async def exchange(phone: Phone, session: str, content: str = "You never call.") -> None:
    """A whole one."""
    since = len(phone.received)
    await phone.do("practice.send", session, content=content)
    await told(phone, "practice.exchange_complete", since)


async def refused(phone: Phone, name: str, session_id: str, **data: Any) -> str:
    answer = await phone.try_(name, session_id, **data)
    assert isinstance(answer, Refused), answer
    return answer.code


def screen(phone: Phone) -> dict[str, str]:
    """Message id → what stands there by the pieces alone."""
    shown: dict[str, str] = {}
    for piece in phone.received:
        if isinstance(piece, DeltaFrom):
            before = "" if piece.reset else shown.get(piece.message_id, "")
            shown[piece.message_id] = before + piece.text
    return shown


async def whole(stage: Stage, session: str, roles: Sequence[str]) -> None:
    """Exactly these messages are stored, and each call that said one of them is charged once."""
    messages = await stage.rows("Message", session)
    assert [row["role"] for row in messages] == list(roles)
    assert all(row["content"].strip() for row in messages)
    used = await stage.rows("UsageLog", session)
    assert sorted(row["streamType"] for row in used) == sorted(r for r in roles if r != "user")
    [row] = await stage.rows("ConversationSession", session)
    total = sum(entry["inputTokens"] + entry["outputTokens"] for entry in used)
    charged = await stage.owner.fetchval(
        """SELECT coalesce(i.usage, s.usage) ->> 'totalTokens'
           FROM practice."ConversationSession" s
           LEFT JOIN practice."Invitation" i ON i.id = s."invitationId" WHERE s.id = $1""",
        int(session),
    )
    assert (row["totalMessages"], int(charged)) == (len(roles), total)
    for entry in used:
        cost = COSTS[entry["streamType"]]
        assert entry["inputTokens"] == cost.input + cost.cached
        assert (entry["outputTokens"], entry["model"]) == (cost.output, f"m-{entry['streamType']}")


async def waiting(stage: Stage, session: str) -> int:
    """Lanes that are asked for and have not answered."""
    number: int = await stage.owner.fetchval(
        'SELECT count(*) FROM hub."Reminder" WHERE "sessionId" = $1'
        " AND kind = 'practice_exchange' AND \"firedAt\" IS NULL",
        session,
    )
    return number


async def test_partner_and_coach_answer_one_after_the_other(
    stage: Stage, voice: ScriptedVoice
) -> None:
    anna = await stage.person()
    session = await stage.started(anna)
    await exchange(anna, session)
    await whole(stage, session, SPOKEN)
    assert [event.name for event in anna.events()] == ["practice.message"] * 3 + [
        "practice.exchange_complete"
    ]
    messages = [event.data["message"] for event in anna.events()[:3]]
    assert [one["role"] for one in messages] == SPOKEN
    lanes = [piece.lane for piece in anna.received if isinstance(piece, DeltaFrom)]
    assert sorted(set(lanes), key=lanes.index) == list(LANES)
    assert {key: text.strip() for key, text in screen(anna).items()} == {
        one["id"]: one["content"] for one in messages[1:]
    }
    listed = (await anna.do("practice.messages", session))["messages"]
    assert listed == messages[::-1]
    [asked] = voice.scripts["partner"]
    prompt = await stage.owner.fetchval(
        'SELECT "partnerSystemPrompt" FROM practice."Scenario" WHERE id = $1',
        await stage.scenario(),
    )
    assert asked.system == prompt


async def test_what_the_coach_says_never_reaches_the_partner(
    stage: Stage, voice: ScriptedVoice
) -> None:
    anna = await stage.person()
    session = await stage.started(anna)
    for _ in range(3):
        await exchange(anna, session)
    assert CANARY in voice.given("coach")
    assert len(voice.scripts["partner"]) == 3
    assert CANARY not in voice.given("partner")
    assert "You coach somebody" not in voice.given("partner")


def test_every_failure_stands_in_the_page_about_them() -> None:
    rows = [line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    told = {row[1].strip(): row[5].strip() for row in rows}
    for name in BREAKS:
        more = "not retryable" if name == "declined" else "retryable"
        assert told[name] == f"`practice.failed`, {more}"


@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("name", BREAKS)
async def test_after_a_failure_there_is_nothing_empty_half_double_or_uncharged(
    stage: Stage, voice: ScriptedVoice, lane: str, name: str
) -> None:
    anna = await stage.person()
    session = await stage.started(anna)
    voice.breaks[lane].append(BREAKS[name])
    await anna.do("practice.send", session, content="You never call.")
    await told(anna, "practice.failed")
    spoken = SPOKEN[: SPOKEN.index(lane)]
    await whole(stage, session, spoken)
    assert await waiting(stage, session) == 0
    [failed] = [event.data for event in anna.events() if event.name == "practice.failed"]
    assert failed == {"lane": lane, "retryable": name != "declined"}
    shown = screen(anna)
    stored = {str(row["id"]) for row in await stage.rows("Message", session)}
    assert not any(text for key, text in shown.items() if key not in stored)

    since = len(anna.received)
    assert await anna.do("practice.retry", session) == {"accepted": True}
    await told(anna, "practice.exchange_complete", since)
    await whole(stage, session, SPOKEN)
    assert len(voice.scripts[lane]) == 2
    assert await refused(anna, "practice.retry", session) == Code.CONFLICT


async def test_after_a_failure_a_new_message_begins_anew(
    stage: Stage, voice: ScriptedVoice
) -> None:
    anna = await stage.person()
    session = await stage.started(anna)
    voice.breaks["partner"].append(BREAKS["during text"])
    await anna.do("practice.send", session, content="First.")
    await told(anna, "practice.failed")
    await exchange(anna, session, "Second.")
    await whole(stage, session, ["user", *SPOKEN])
    [turn] = voice.scripts["partner"][-1].turns
    assert turn.content == "First.\nSecond."


async def test_one_exchange_at_a_time_on_all_devices(stage: Stage, voice: ScriptedVoice) -> None:
    anna = await stage.person()
    other = Phone(stage.house.host, anna.user_id)
    session = await stage.started(anna)
    voice.silent.add("partner")
    await anna.do("practice.send", session, content="Hello?")
    await asyncio.wait_for(voice.begun.wait(), SECONDS_MAX)
    assert await refused(other, "practice.send", session, content="Hello!") == Code.CONFLICT
    await whole(stage, session, ["user"])
    await anna.do("practice.complete", session)


async def test_the_end_stops_who_speaks(stage: Stage, voice: ScriptedVoice) -> None:
    anna = await stage.person()
    session = await stage.started(anna)
    voice.silent.add("coach")
    await anna.do("practice.send", session, content="Hello?")
    await asyncio.wait_for(voice.begun.wait(), SECONDS_MAX)
    await anna.do("practice.complete", session)
    await told(anna, "practice.ended")
    await stage.house.reactor.stop()
    assert voice.stopped == 1
    await whole(stage, session, ["user", "partner"])
    assert await waiting(stage, session) == 0
    stored = {str(row["id"]) for row in await stage.rows("Message", session)}
    assert not any(text for key, text in screen(anna).items() if key not in stored)
    assert [event.name for event in anna.events()][-1] == "practice.ended"


async def test_what_uses_up_the_quota_is_finished_and_then_it_ends(
    stage: Stage, voice: ScriptedVoice
) -> None:
    anna = await stage.person()
    session = await stage.started(anna, "test")
    since = len(anna.received)
    for _ in range(5):  # of 120 each, of 500
        await exchange(anna, session)
    await told(anna, "practice.ended", since)
    await whole(stage, session, SPOKEN * 5)
    quotas = [event.data["state"] for event in anna.events() if event.name == "practice.quota"]
    assert quotas == ["warning", "exhausted"]
    assert [event.name for event in anna.events()][-2:] == [
        "practice.exchange_complete", "practice.ended",
    ]  # fmt: skip
    assert anna.events()[-1].data == {"reason": "quota"}
    code = await refused(anna, "practice.send", session, content="More?")
    assert code == Code.SESSION_NOT_ACTIVE


async def test_what_an_invitation_gives_is_charged_to_it(stage: Stage) -> None:
    anna, rita = await stage.person("GUEST"), await stage.person("STAFF")
    invitation, session = await stage.invited(anna, rita, tokens=1_000)
    await exchange(anna, session)
    usage = await stage.owner.fetchval(
        'SELECT usage FROM practice."Invitation" WHERE id = $1', invitation
    )
    total = sum(cost.total for cost in COSTS.values())
    assert f'"totalTokens": {total}' in usage
    read = (await rita.do("practice.messages", session))["messages"]
    assert [one["role"] for one in read] == SPOKEN[::-1]


@pytest.mark.parametrize("lane", LANES)
async def test_the_next_host_goes_on_where_one_has_gone_also_for_who_watches(
    database: TestDatabase, db: Database, owner: asyncpg.Connection, lane: str
) -> None:
    before, after = ScriptedVoice(), ScriptedVoice()
    before.silent.add(lane)
    first = House(database, db, voice=before)
    await first.start()
    stage = Stage(first, owner)
    anna, rita = await stage.person("GUEST"), await stage.person("STAFF")
    _, session = await stage.invited(anna, rita)
    rita.watch(session, after=0)
    sent = CommandTo(SENT, anna.user_id, "sent", "practice.send", {"content": "Hello?"}, session)
    first.host.received(anna, sent)
    await asyncio.wait_for(before.begun.wait(), SECONDS_MAX)
    await rita.hears(lambda message: isinstance(message, DeltaFrom) and message.lane == lane)
    await first.stop()
    assert await waiting(stage, session) == 1
    second = House(database, db, voice=after)
    await second.start()
    try:
        phone, observer = (Phone(second.host, who.user_id) for who in (anna, rita))
        phone.listen(session, after=0)
        observer.watch(session, after=len(rita.events()))
        for who in (phone, observer):
            await told(who, "practice.exchange_complete")
        watched = [(event.seq, event.data) for event in (*rita.events(), *observer.events())]
        assert watched == [(event.seq, event.data) for event in phone.events()]
        second.host.received(phone, sent)  # whose ack may have been lost with the first host
        await phone.hears(answers_it)
        assert [one.duplicate for one in phone.received if answers_it(one)] == [True]
        await whole(stage, session, SPOKEN)
        assert await waiting(stage, session) == 0
        assert list(after.scripts) == list(LANES)[list(LANES).index(lane) :]
    finally:
        await second.stop()


def answers_it(message: ToGateway) -> TypeGuard[Acked]:
    """The ack of the message that was sent."""
    assert not isinstance(message, Refused), message
    return isinstance(message, Acked) and message.rid == SENT


async def test_without_a_model_a_practice_is_played_by_rules(
    database: TestDatabase, db: Database, owner: asyncpg.Connection
) -> None:
    house = House(database, db, voice=OfflineVoice())
    await house.start()
    try:
        stage, pair = Stage(house, owner), await house.pair()
        anna = await stage.person()
        session = await stage.started(anna)
        await exchange(anna, session, "I am sorry that I did not come.")
        await pair.sign()
        await exchange(anna, session, "What was it like for you?")
        rows = await stage.rows("Message", session)
        assert [row["role"] for row in rows] == SPOKEN * 2
        assert len({row["content"] for row in rows}) == 6
        assert (await pair.do(pair.a, "session.get"))["session"]["id"] == pair.id
    finally:
        await house.stop()
