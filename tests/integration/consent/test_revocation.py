"""A revocation, whole: one commit, and after its ack nothing that begins carries the content."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from beheard_hub.link_messages import EventFrom
from tests.integration.consent.house import CANARY, House, Pair, Phone

VECTOR = "[" + ",".join(["1"] + ["0"] * 1535) + "]"


def is_event(name: str) -> Any:
    return lambda message: isinstance(message, EventFrom) and message.name == name


async def revoke(pair: Pair, phone: Phone, record: str) -> None:
    await pair.do(phone, "consent.revoke", consentRecordId=record)


def operations(batch: Any) -> dict[str, Any]:
    """Rows of a batch by table and operation."""
    return {f"{op['op']} {op['t']}": op["rows"] for op in batch["ops"]}


async def test_everything_that_stood_on_it_falls_in_one_commit(
    house: House, owner: asyncpg.Connection
) -> None:
    pair = await house.pair()
    await pair.to_stage(3)
    for phone in pair.both:
        await pair.do(phone, "needs.consent", needIds=[await pair.need(phone)])
    content = await owner.fetchrow(
        'SELECT c.* FROM "ConsentedContent" c WHERE c."sourceUserId" = $1'
        " AND c.\"contentType\" = 'IDENTIFIED_NEED'",
        pair.a.user_id,
    )
    await owner.execute(
        'UPDATE "ConsentedContent" SET embedding = $1::text::vector, "embeddingModel" = $2'
        " WHERE id = $3",
        VECTOR, "m", content["id"],
    )  # fmt: skip
    await pair.both_settled()
    already = len(house.flushes.batches)
    await revoke(pair, pair.a, content["consentRecordId"])
    [batch] = [
        operations(batch)
        for batch in house.flushes.batches[already:]
        if "u ConsentRecord" in operations(batch)
    ]
    assert [row["decision"] for row in batch["u ConsentRecord"]] == ["REVOKED"]
    assert [row["consentActive"] for row in batch["u ConsentedContent"]] == [False]
    assert [row["action"] for row in batch["i hub.AuditLog"]] == ["consent.revoke"]
    assert "u StageProgress" in batch, "the gate of the open stage"
    names = {(row["userId"], row["name"]) for row in batch["i hub.SessionEvent"]}
    assert (pair.b.user_id, "consent.revoked") in names
    assert (pair.b.user_id, "progress.changed") in names
    row = await owner.fetchrow('SELECT * FROM "ConsentedContent" WHERE id = $1', content["id"])
    assert (row["consentActive"], row["embedding"], row["embeddingModel"]) == (False, None, None)
    audit = await owner.fetchrow(
        'SELECT * FROM hub."AuditLog" WHERE action = $1 AND "actorId" = $2',
        "consent.revoke", pair.a.user_id,
    )  # fmt: skip
    assert "quiet" not in repr(dict(audit))


async def test_the_next_read_has_nothing_and_no_replay_brings_it_back(house: House) -> None:
    pair = await house.pair()
    await pair.to_stage(2)
    record, content = await pair.shared_event()
    assert CANARY in repr(await pair.do(pair.b, "shared.list"))
    await revoke(pair, pair.a, record)
    seen = len(pair.b.received)
    assert CANARY not in repr(await pair.do(pair.b, "shared.list"))
    for after in (0, None):
        pair.b.listen(pair.id, after=after)
    await pair.b.hears(is_event("consent.revoked"))
    await pair.do(pair.b, "progress.get")
    other = Phone(house.host, pair.b.user_id)
    other.listen(pair.id, after=0)
    await other.hears(is_event("consent.revoked"))
    assert CANARY not in pair.b.texts(seen) + other.texts()
    shared = next(e for e in other.events() if e.name == "partner.content_shared")
    assert shared.data == {"contentId": content}
    mine = await pair.do(pair.a, "shared.list")
    assert CANARY in repr(mine), "the giver still sees it, marked"


async def test_a_repeated_reply_does_not_bring_an_attempt_back(house: House) -> None:
    pair = await house.pair()
    await pair.to_stage(2)
    await pair.attempt(pair.a, CANARY)
    draft = await pair.do(pair.b, "empathy.save_draft", content="You", readyToShare=True)
    data = {"draftId": draft["draft"]["id"], "finalContent": "You"}
    answer = await pair.b.begin("empathy.consent", pair.id, **data)
    assert CANARY in repr(answer.data)
    history = await pair.do(pair.a, "consent.history")
    await revoke(pair, pair.a, history["records"][0]["id"])
    command = f"{pair.b.gateway_id}-{answer.rid}"
    again = await repeated(pair, command, data)
    assert again.duplicate
    assert again.data["partnerAttempt"] is None


async def repeated(pair: Pair, command_id: str, data: dict[str, Any]) -> Any:
    """The same command of B with the same id, on another line."""
    phone = Phone(pair.house.host, pair.b.user_id)
    phone.gateway_id, _, rid = command_id.rpartition("-")
    phone._rids = iter([int(rid)])  # type: ignore[assignment]
    return await phone.begin("empathy.consent", pair.id, **data)


# ---- reads under way


@pytest.mark.parametrize("query", ["shared.list", "empathy.partner"])
async def test_a_read_that_was_under_way_shows_nothing_after_the_ack(
    house: House, query: str
) -> None:
    pair = await house.pair()
    await pair.to_stage(2)
    if query == "shared.list":
        record, _ = await pair.shared_event()
    else:
        await pair.attempt(pair.b)
        await pair.attempt(pair.a, CANARY)
        record = (await pair.do(pair.a, "consent.history"))["records"][0]["id"]
    house.renderer.user_id = pair.b.user_id
    house.renderer.door.shut()
    reading = pair.b.begin(query, pair.id)
    await house.renderer.door.reached()  # the database has answered, with the content
    await revoke(pair, pair.a, record)
    house.renderer.door.open()
    answer = await reading
    assert CANARY not in repr(answer)


async def test_a_reply_that_was_being_rendered_shows_nothing_after_the_ack(house: House) -> None:
    pair = await house.pair()
    await pair.to_stage(2)
    await pair.attempt(pair.a, CANARY)
    draft = await pair.do(pair.b, "empathy.save_draft", content="You", readyToShare=True)
    record = (await pair.do(pair.a, "consent.history"))["records"][0]["id"]
    house.renderer.user_id = pair.b.user_id
    house.renderer.door.shut()
    data = {"draftId": draft["draft"]["id"], "finalContent": "You"}
    sharing = pair.b.begin("empathy.consent", pair.id, **data)
    await house.renderer.door.reached()
    await revoke(pair, pair.a, record)
    house.renderer.door.open()
    answer = await sharing
    assert answer.data["consented"]
    assert CANARY not in repr(answer)


# ---- models


async def test_no_model_call_begins_with_it_after_the_ack(house: House) -> None:
    pair = await house.pair()
    await pair.to_stage(2)
    record, _ = await pair.shared_event()
    await pair.settled(pair.b)
    await pair.do(pair.b, "message.send", content="What now?")
    await pair.settled(pair.b)
    assert house.facilitator.given(CANARY), "the double sees what models are given"
    await revoke(pair, pair.a, record)
    acked = len(house.facilitator.calls)
    await pair.do(pair.b, "message.send", content="And now?")
    await pair.settled(pair.b)
    assert len(house.facilitator.calls) > acked
    assert house.facilitator.given(CANARY, acked) == []
    assert "with it" not in last_prompt(house), "nor an answer that was made from it"


def last_prompt(house: House) -> str:
    return house.facilitator.calls[-1][1]


async def test_a_running_call_with_it_is_stopped_and_its_reply_is_not_stored(
    house: House, owner: asyncpg.Connection
) -> None:
    pair = await house.pair()
    await pair.to_stage(2)
    await pair.both_settled()
    record, _ = await pair.shared_event()
    house.facilitator.speaking.shut()
    await pair.do(pair.b, "message.send", content="What now?")
    await house.facilitator.speaking.reached()
    assert CANARY in last_prompt(house)
    stopped = house.facilitator.stopped
    await revoke(pair, pair.a, record)
    acked = len(house.facilitator.calls)
    house.facilitator.speaking.open()
    await pair.settled(pair.b)
    assert house.facilitator.stopped > stopped
    assert house.facilitator.given(CANARY, acked) == []
    said = await owner.fetch(
        'SELECT content FROM "Message" WHERE "forUserId" = $1 AND role = $2 ORDER BY timestamp',
        pair.b.user_id, "AI",
    )  # fmt: skip
    assert said[-1]["content"] == "I heard you, without it.", "asked for anew"
    assert "I heard you, with it." not in {row["content"] for row in said}


async def test_a_call_that_was_about_to_begin_with_it_does_not(house: House) -> None:
    pair = await house.pair()
    await pair.to_stage(2)
    record, _ = await pair.shared_event()
    await pair.settled(pair.b)
    house.reads.query = "bundle.contents"
    house.reads.door.shut()
    await pair.do(pair.b, "message.send", content="What now?")
    await house.reads.door.reached()  # the bundle's rows are read, no model was called
    await revoke(pair, pair.a, record)
    acked = len(house.facilitator.calls)
    house.reads.door.open()
    await pair.settled(pair.b)
    assert len(house.facilitator.calls) > acked
    assert house.facilitator.given(CANARY, acked) == []


async def test_an_analysis_that_was_about_to_begin_with_it_does_not(house: House) -> None:
    pair = await house.pair()
    await pair.to_stage(3)
    need = await pair.need(pair.b, CANARY)
    await pair.do(pair.b, "needs.consent", needIds=[need])
    record = (await pair.do(pair.b, "consent.history"))["records"][0]["id"]
    mine = await pair.need(pair.a)
    house.reads.query = "work.shared_needs"
    house.reads.door.shut()
    sharing = pair.a.begin("needs.consent", pair.id, needIds=[mine])
    await house.reads.door.reached()
    await revoke(pair, pair.b, record)
    acked = len(house.facilitator.calls)
    house.reads.door.open()
    answer = await sharing
    assert not answer.data["commonGroundReady"]
    assert house.facilitator.given(CANARY, acked) == []


# ---- ideas


async def with_an_idea(house: House) -> tuple[Pair, str, str]:
    """Both ranked A's idea first; (the pair, the idea, its consent's record)."""
    pair = await (await house.pair()).to_stage(4)
    idea = (await pair.do(pair.a, "strategies.propose", description=CANARY))["strategy"]["id"]
    record = (await pair.do(pair.a, "consent.history"))["records"][0]["id"]
    for phone in pair.both:
        await pair.do(phone, "strategies.ready")
    for phone in pair.both:
        await pair.do(phone, "strategies.rank", rankedIds=[idea])
    return pair, idea, record


async def test_an_idea_taken_back_is_out_of_everything_the_other_reads(house: House) -> None:
    pair, idea, record = await with_an_idea(house)
    for query in ("strategies.list", "strategies.overlap"):
        assert CANARY in repr(await pair.do(pair.b, query))
    await revoke(pair, pair.a, record)
    for query in ("strategies.list", "strategies.overlap"):
        assert CANARY not in repr(await pair.do(pair.b, query))
    assert CANARY not in repr(await pair.do(pair.a, "strategies.overlap"))
    words = {"description": "walk", "type": "COMMITMENT", "strategyId": idea}
    refused = await pair.b.try_("agreement.create", pair.id, **words)
    assert getattr(refused, "code", None) == "NOT_FOUND"


async def test_an_idea_taken_back_is_out_of_later_prompts_and_so_is_what_was_made_of_it(
    house: House,
) -> None:
    pair, _, record = await with_an_idea(house)
    await pair.settled(pair.b)
    await pair.do(pair.b, "message.send", content="Which one?")
    await pair.settled(pair.b)
    assert CANARY in last_prompt(house)
    await revoke(pair, pair.a, record)
    await pair.do(pair.b, "message.send", content="And now?")
    await pair.settled(pair.b)
    assert CANARY not in last_prompt(house)
    assert "And now?" in last_prompt(house)
    assert "with it" not in last_prompt(house)
