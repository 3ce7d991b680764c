"""Consent over sockets: from request to what the other reads, and one synthesis for two devices."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from beheard_hub.client import Hub, Refused

from .conftest import Town
from .meeting import connected, heard, opened


class Talk:
    """Two in a session, and the shortest way through its stages."""

    def __init__(self, a: Hub, b: Hub) -> None:
        self.a, self.b, self.both = a, b, (a, b)
        self.id = ""

    async def do(self, hub: Hub, name: str, **data: Any) -> Mapping[str, Any]:
        return (await hub.command(name, data, session_id=self.id)).data

    async def to_stage(self, stage: int) -> Talk:
        """Both meet and walk there."""
        made = await opened(self.a)
        self.id = made["session"]["id"]
        await self.b.command("invitation.accept", {"invitationId": made["invitationId"]})
        for way in (self.sign, self.feel_heard, self.understand)[:stage]:
            await way()
            for hub in self.both:
                here = (await self.do(hub, "progress.get"))["myProgress"]["stage"]
                step = await self.do(hub, "stage.advance", fromStage=here, toStage=here + 1)
                assert step["success"], step
        return self

    async def sign(self) -> None:
        for hub in self.both:
            await self.do(hub, "compact.sign", agreed=True)

    async def feel_heard(self) -> None:
        words = "I was alone at that dinner. Nobody listens to me, and I need some quiet evenings."
        for hub in self.both:
            await self.do(hub, "message.send", content=words)
            await self.do(hub, "feel_heard.confirm", confirmed=True)

    async def understand(self) -> None:
        for hub in self.both:
            draft = await self.do(
                hub, "empathy.save_draft", content="You felt alone.", readyToShare=True
            )
            await self.do(hub, "empathy.consent", draftId=draft["draft"]["id"])
        for hub in self.both:
            await self.do(hub, "empathy.validate", validated=True)

    async def noted(self) -> str:
        """The id of an event of A."""
        event = {"description": "I sat alone at the dinner.", "attributedTo": "OTHER"}
        key: str = (await self.do(self.a, "event.add", **event))["event"]["id"]
        return key

    async def share(self, event_id: str, words: str) -> tuple[str, Mapping[str, Any]]:
        """A lets the event cross in these words; the record's id, and the answer."""
        asked = {"contentType": "EVENT_SUMMARY", "originalContentId": event_id}
        request = (await self.do(self.a, "consent.request", **asked))["consentRequest"]
        yes = {"consentRequestId": request["id"], "decision": "GRANTED", "editedContent": words}
        return request["id"], await self.do(self.a, "consent.decide", **yes)


async def test_from_request_to_revocation_as_both_see_it(town: Town) -> None:
    async with connected(town, [town.person("Ina"), town.person("Jon")]) as (a, b):
        talk = await Talk(a, b).to_stage(2)
        asked = {"contentType": "EVENT_SUMMARY", "originalContentId": await talk.noted()}
        request = (await talk.do(a, "consent.request", **asked))["consentRequest"]
        assert request["transformedPreview"]
        [pending] = (await talk.do(a, "consent.pending"))["pendingRequests"]
        assert pending["id"] == request["id"]
        assert (await talk.do(b, "consent.pending"))["pendingRequests"] == []
        hot = "You ALWAYS ignore me, you are so selfish!"
        yes = {"consentRequestId": request["id"], "decision": "GRANTED", "editedContent": hot}
        decided = await talk.do(a, "consent.decide", **yes)
        assert decided["warnings"], "heat in the edit is warned about"
        assert decided["sharedContent"]["transformedContent"] == hot, "and not silently changed"
        [theirs] = (await talk.do(b, "shared.list"))["partner"]
        assert theirs["transformedContent"] == hot
        assert (await talk.do(a, "consent.pending"))["pendingRequests"] == []
        await talk.do(a, "consent.revoke", consentRecordId=request["id"])
        assert (await talk.do(b, "shared.list"))["partner"] == []
        [mine] = (await talk.do(a, "shared.list"))["mine"]
        assert not mine["consentActive"]
        [record] = (await talk.do(a, "consent.history"))["records"]
        assert (record["decision"], record["revokedAt"] is None) == ("REVOKED", False)
        assert (await talk.do(b, "consent.history"))["records"] == []


async def test_of_two_decisions_on_two_gateways_one_counts(town: Town) -> None:
    ken = town.person("Ken")
    async with connected(town, [ken, ken, town.person("Lia")]) as (phone, desk, partner):
        talk = await Talk(phone, partner).to_stage(2)
        asked = {"contentType": "EVENT_SUMMARY", "originalContentId": await talk.noted()}
        key = (await talk.do(phone, "consent.request", **asked))["consentRequest"]["id"]
        outcomes = await asyncio.gather(
            talk.do(phone, "consent.decide", consentRequestId=key, decision="GRANTED"),
            talk.do(desk, "consent.decide", consentRequestId=key, decision="GRANTED"),
            return_exceptions=True,
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, Refused)]
        assert [refusal.code for refusal in refused] == ["CONFLICT"]
        assert len((await talk.do(partner, "shared.list"))["partner"]) == 1


async def test_two_devices_on_two_gateways_read_one_synthesis(town: Town) -> None:
    mia = town.person("Mia")
    async with connected(town, [mia, mia, town.person("Nik")]) as (phone, desk, partner):
        talk = await Talk(phone, partner).to_stage(3)
        for expected in (1, 2):
            read = await asyncio.gather(
                talk.do(phone, "needs.list"), talk.do(desk, "needs.list"),
            )  # fmt: skip
            assert read[0]["needs"] == read[1]["needs"]
            assert read[0]["synthesizedAt"] == read[1]["synthesizedAt"]
            runs = [e for e in await heard(phone, talk.id) if e.name == "needs.synthesized"]
            assert len(runs) == expected
            await talk.do(phone, "event.add", description="Again alone.", attributedTo="OTHER")


@pytest.mark.parametrize("kind", ["event", "boundary", "document"])
async def test_vessel_content_is_added_listed_edited_and_deleted(town: Town, kind: str) -> None:
    added: Mapping[str, Mapping[str, Any]] = {
        "event": {"description": "the dinner", "attributedTo": "OTHER", "emotions": ["sad"]},
        "boundary": {"description": "no shouting", "nonNegotiable": True},
        "document": {"title": "letter", "content": "dear", "type": "note"},
    }
    field = "title" if kind == "document" else "description"
    async with connected(town, [town.person("Ola"), town.person("Pia")]) as (a, b):
        talk = await Talk(a, b).to_stage(1)
        item = (await talk.do(a, f"{kind}.add", **added[kind]))[kind]
        assert {name: item[name] for name in added[kind]} == added[kind]
        named = {f"{kind}Id": item["id"]}
        edited = (await talk.do(a, f"{kind}.edit", **named, **{field: "other words"}))[kind]
        assert edited == {**item, field: "other words"}
        listed = await talk.do(a, f"{kind}.list")
        plural = next(name for name, value in listed.items() if isinstance(value, list))
        assert listed[plural] == [edited]
        assert (await talk.do(b, f"{kind}.list"))[plural] == []
        with pytest.raises(Refused, match="NOT_FOUND"):
            await talk.do(b, f"{kind}.delete", **named)
        await talk.do(a, f"{kind}.delete", **named)
        assert (await talk.do(a, f"{kind}.list"))[plural] == []
