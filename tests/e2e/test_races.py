"""Two gateways, one truth: whoever races, one effect comes of it and all hear the same answer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from beheard_hub.client import Hub, Refused
from beheard_hub.client.frames import Ack

from .conftest import Town
from .meeting import assert_log_is_whole, connected, opened

REPEATS = 10
ROUNDS = 5


async def repeated(
    hubs: Sequence[Hub], name: str, data: Mapping[str, Any], session_id: str | None = None
) -> Mapping[str, Any]:
    """Sends one command with one id on all connections at once: one answer. All are duplicates
    where the first one's ack was lost on its way; that there is one effect the caller looks at."""
    command_id = uuid4().hex
    acks: list[Ack] = await asyncio.gather(
        *(hub.command(name, data, session_id=session_id, id=command_id) for hub in hubs)
    )
    assert [ack.duplicate for ack in acks].count(True) >= len(hubs) - 1
    assert all(ack.data == acks[0].data for ack in acks)
    return acks[0].data


async def test_of_two_who_accept_at_once_exactly_one_enters(town: Town) -> None:
    for _ in range(ROUNDS):
        people = [town.person(name) for name in ("Ada", "Ben", "Cleo")]
        async with connected(town, people) as (ada, *racing):
            made = await opened(ada)
            data = {"invitationId": made["invitationId"]}
            outcomes = await asyncio.gather(
                *(hub.command("invitation.accept", data) for hub in reversed(racing)),
                return_exceptions=True,
            )
            refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
            assert [isinstance(outcome, Ack) for outcome in outcomes].count(True) == 1
            assert [refusal.code for refusal in refused] == ["CONFLICT"]


async def test_one_create_sent_ten_times_makes_one_session(town: Town) -> None:
    async with connected(town, [town.person("Dora")] * REPEATS) as hubs:
        made = await repeated(hubs, "session.create", {"inviteName": "Sam"})
        listed = (await hubs[1].command("session.list")).data["sessions"]
        assert [item["id"] for item in listed] == [made["session"]["id"]]


async def test_one_message_sent_ten_times_is_said_once(town: Town) -> None:
    ella, finn = town.person("Ella"), town.person("Finn")
    async with connected(town, [ella] * REPEATS) as hubs, connected(town, [finn]) as (partner,):
        made = await opened(hubs[0])
        session_id = made["session"]["id"]
        await partner.command("invitation.accept", {"invitationId": made["invitationId"]})
        await partner.command("compact.sign", {"agreed": True}, session_id=session_id)
        await repeated(hubs, "compact.sign", {"agreed": True}, session_id)
        step = {"fromStage": 0, "toStage": 1}
        assert (await repeated(hubs, "stage.advance", step, session_id))["success"]
        said = {"content": "I have not slept well since we stopped talking."}
        sent = await repeated(hubs, "message.send", said, session_id)
        messages = (await hubs[1].command("message.list", session_id=session_id)).data["messages"]
        own = [message["id"] for message in messages if message["role"] == "USER"]
        assert own == [sent["userMessage"]["id"]]
        told = Counter(event.name for event in await assert_log_is_whole(partner, session_id))
        assert (told["partner.signed_compact"], told["partner.advanced"]) == (1, 1)


async def test_first_commands_from_two_gateways_meet_in_one_session(town: Town) -> None:
    signing = {"agreed": True}
    for _ in range(ROUNDS):
        async with connected(town, [town.person("Gil"), town.person("Hana")]) as (gil, hana):
            made = await opened(gil)
            session_id = made["session"]["id"]
            await asyncio.gather(
                gil.command("compact.sign", signing, session_id=session_id),
                hana.command("invitation.accept", {"invitationId": made["invitationId"]}),
            )
            await hana.command("compact.sign", signing, session_id=session_id)
            await assert_both_signed(gil, hana, session_id)


async def assert_both_signed(one: Hub, other: Hub, session_id: str) -> None:
    """Each heard of the other's signature, and both count their events without a hole."""
    for hub in (one, other):
        status = await hub.command("compact.status", session_id=session_id)
        assert status.data["mySigned"]
        assert status.data["partnerSigned"]
        await assert_log_is_whole(hub, session_id)
