"""A whole session in which every field that takes text holds a word that is nowhere else.

The script is the same for both people. `Sweep.sown` says of each word how far it may go;
`test_canaries.py` looks where it went.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from beheard_hub.client import Hub, Refused
from beheard_hub.demo.phone import Phone
from beheard_hub.demo.record import PlayResult, Unwatched
from beheard_hub.domain.validation import Data
from beheard_hub.journeys import SIDES, Side

from .canaries import ALL, Reach, Sown, command_of, sample, spoilt, text_fields
from .conftest import Town

NOT_EMPTY: Mapping[str, Any] = {"recall.search": {"query": "sleep"}, "gates.get": {"stage": 2}}
"""Reads that need data."""


HARMLESS = frozenset({"notifications.read"})
"""Takes ids of what is not there, and does nothing with them."""

NEEDS_A_KEY = frozenset({"ably_token.get"})
"""Refused on a hub without that key as what may work later, so that a client goes on trying."""


class Author(Phone):
    """One of the two, who leaves a trace of every text."""

    sown: Sown

    def text(self, path: str, reach: Reach = Reach.PRIVATE, rest: str = "") -> str:
        """A text for this field: a new word, and what makes a sentence of it."""
        return f"{self.sown.word(path, reach)} {rest}".strip()

    async def give(
        self,
        command: str,
        given: Mapping[str, Any] = {},
        /,
        **texts: Reach,
    ) -> Mapping[str, Any]:
        """A command with a new word in each of the named fields."""
        data = {name: self.text(f"{command}.{name}", reach) for name, reach in texts.items()}
        return await self.do(command, {**data, **given})

    async def do(self, command: str, data: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        """One command; those without a session are sent without one."""
        session_id = None if ALL[command].sessionless else self.session_id
        ack = await self.hub.command(command, data, session_id=session_id)
        if session_id is not None:
            self.seq = max(self.seq, ack.seq)
        return ack.data

    async def refused(self, command: str, data: Mapping[str, Any]) -> Refused:
        """A command that must be refused, and how it was."""
        with pytest.raises(Refused) as refusal:
            await self.do(command, data)
        return refusal.value

    async def say(self, rest: str) -> None:
        """A message with a word and a reading, and the facilitator's answer."""
        before = self.seq
        await self.give(
            "message.send",
            {
                "content": self.text("message.send.content", rest=rest),
                "emotionalIntensity": 6,
                "emotionalContext": self.text("message.send.emotionalContext"),
            },
        )
        await self.answer(before)

    async def advance(self) -> None:
        """One stage on."""
        before = self.seq
        step = {"fromStage": self.stage, "toStage": self.stage + 1}
        reply = await self.do("stage.advance", step)
        assert reply["success"], reply.get("unsatisfiedGates")
        self.stage += 1
        await self.answer(before)

    async def look(self) -> None:
        """Everything that can be read at this moment."""
        reads = [
            command
            for command, row in ALL.items()
            if row.reads
            and command not in NEEDS_A_KEY
            and (command in NOT_EMPTY or not required(row.data))
        ]
        await asyncio.gather(*(self._try(command) for command in reads))

    async def _try(self, command: str) -> None:
        with contextlib.suppress(Refused):
            await self.do(command, NOT_EMPTY.get(command, {}))


class Sweep:
    """The session and what it left behind."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.result = PlayResult()
        self.sown: dict[Side, Sown] = {side: Sown() for side in SIDES}
        self.stranger = Sown()
        self.strange_frames: list[str | bytes] = []
        self.names: dict[str, str] = {}
        """Who → the word that is their name."""
        self._tokens: dict[Side, str] = {}
        self.crossed: list[tuple[str, str]] = []
        """What somebody consented to, and what the other read of it."""

    async def play(self) -> Sweep:
        """From two invitations to the end, and a stranger who tries everything."""
        names = Sown()
        self.names = {who: names.word("name", Reach.PRIVATE) for who in (*SIDES, "stranger")}
        async with AsyncExitStack() as stack:
            a, b = [await self._enter(stack, side) for side in SIDES]
            await _begin(a, b)
            for x, y in ((a, b), (b, a)):
                await _side_sessions(x, y)
            await _refused_at_stage_0(a)
            await _refused_at_stage_0(b)
            await self._strange(stack, a)
            await _both(a, b, Author.advance)
            for stage in (_stage_1, _stage_2, _stage_3, _stage_4):
                await stage(a, b, self)
            await _refused_when_over(a)
            await _refused_when_over(b)
            for side in SIDES:
                await self._another_device(side, a.session_id or "")
        return self

    def token(self, side: Side) -> str:
        """What one of them signs in with."""
        return self._tokens[side]

    async def _enter(self, stack: AsyncExitStack, side: Side) -> Author:
        person = self.town.person(self.names[side])
        url = self.town.gateways()[SIDES.index(side)]
        hub = await stack.enter_async_context(
            Hub.connect(url, person.token, tap=self.result.received[side].append)
        )
        author = Author(side, person.name, hub, self.result, Unwatched())
        author.sown = self.sown[side]
        self._tokens[side] = person.token
        stack.push_async_callback(author.hang_up)
        return author

    async def _strange(self, stack: AsyncExitStack, a: Author) -> None:
        """Somebody who knows the session's id, and gets nothing of it."""
        person = self.town.person(self.names["stranger"])
        hub = await stack.enter_async_context(
            Hub.connect(self.town.gateways()[0], person.token, tap=self.strange_frames.append)
        )
        for command, row in ALL.items():
            if row.sessionless and not row.by_invitation:
                continue
            data = sample(command, self.stranger, Reach.REFUSED)
            session_id = None if row.by_invitation else a.session_id
            with pytest.raises(Refused) as refusal:
                await hub.command(command, data, session_id=session_id)
            assert refusal.value.code == "NOT_FOUND", command
        await self._bare(person.token, a.session_id or "")

    async def _bare(self, token: str, session_id: str) -> None:
        """Frames that no client of ours sends: words where only words of the protocol belong."""

        def word(path: str) -> str:
            return self.stranger.word(path, Reach.REFUSED)

        of = {"sessionId": session_id}
        frames: list[Mapping[str, Any]] = [
            {"type": word("type")},
            {"type": "command", "id": "1", "name": word("name"), "data": {}, **of},
            {"type": "command", "id": "2", "name": "message.send", "data": word("data"), **of},
            {"type": "subscribe", "device": word("device"), **of},
            {"type": "presence", "status": word("status"), **of},
            {"type": "auth", "token": word("token")},
        ]
        headers = {"Authorization": f"Bearer {token}"}
        url = self.town.gateways()[1]
        async with connect(url, additional_headers=headers, compression=None) as socket:
            for frame in frames:
                await socket.send(json.dumps(frame))
            await socket.send('{"type": "ping", ' + word("malformed"))
            await socket.send('{"type": "ping"}')
            async with asyncio.timeout(60):
                with contextlib.suppress(ConnectionClosed):
                    while True:
                        raw = await socket.recv()
                        self.strange_frames.append(raw)
                        if json.loads(raw)["type"] == "pong":
                            break

    async def _another_device(self, side: Side, session_id: str) -> None:
        """What a second device is told of all that was: the snapshot, and all events."""
        received = self.result.received[side]
        url = self.town.gateways()[0]
        async with Hub.connect(url, self._tokens[side], tap=received.append) as hub:
            last = (await hub.command("session.get", session_id=session_id)).seq
            for after in (None, 0):
                async with (
                    asyncio.timeout(60),
                    hub.session(session_id).events(after=after) as stream,
                ):
                    async for frame in stream:
                        if getattr(frame, "seq", 0) >= last:
                            break


def required(data: type[Data]) -> bool:
    """Whether such a command needs data."""
    return any(field.required for field in msgspec.structs.fields(data))


async def _both(a: Author, b: Author, step: Any) -> None:
    for x in (a, b):
        await step(x)


# ---- stage 0


async def _begin(a: Author, b: Author) -> None:
    made = await a.give("session.create", inviteName=Reach.PRIVATE, context=Reach.PRIVATE)
    a.session_id = made["session"]["id"]
    a.listen()
    await b.do("invitation.get", {"invitationId": made["invitationId"]})
    await b.do("invitation.accept", {"invitationId": made["invitationId"]})
    b.session_id = a.session_id
    b.listen()
    await _both(a, b, lambda x: x.do("compact.sign", {"agreed": True}))


async def _side_sessions(x: Author, y: Author) -> None:
    """Invitations by each kind of address; the other one declines one of them."""
    for address in ("inviteName", "inviteEmail", "invitePhone"):
        made = await x.give("session.create", **{address: Reach.PRIVATE, "context": Reach.PRIVATE})
    invitation = {"invitationId": made["invitationId"]}
    await y.do("invitation.get", invitation)
    await y.give("invitation.decline", invitation, reason=Reach.MAY_CROSS)
    await _both(x, y, Author.look)


async def _refused_at_stage_0(x: Author) -> None:
    """Everything of a later stage, everything about ids that do not exist, every bad text."""
    wrong = [
        (command, sample(command, x.sown, Reach.REFUSED))
        for command, row in ALL.items()
        if row.stages is not None
        or (
            command not in HARMLESS
            and any(name.endswith(("_id", "_ids")) for name in row.data.__struct_fields__)
        )
    ]
    await asyncio.gather(*(x.refused(command, data) for command, data in wrong))
    bad = [
        (path, way, data)
        for path, most in text_fields().items()
        for way, data in spoilt(path, most, x.sown)
    ]
    refusals = await asyncio.gather(*(x.refused(command_of(path), data) for path, _, data in bad))
    for (path, way, _), refusal in zip(bad, refusals, strict=True):
        assert refusal.code in ("VALIDATION_ERROR", "NOT_FOUND"), f"{path}, {way}"


# ---- stage 1


SAID: Sequence[str] = (
    "I need some rest in the evening and I do not get it.",
    "I feel alone with all of it, and I need to be taken seriously.",
    "It hurts that nobody asks how I am.",
)


async def _stage_1(a: Author, b: Author, _: Sweep) -> None:
    for x, y in ((a, b), (b, a)):
        for rest in SAID:
            await x.say(rest)
        await x.give("emotions.record", {"intensity": 7}, context=Reach.PRIVATE)
        await _vessel(x)
        await x.give("recall.search", query=Reach.PRIVATE)
        await x.give("session.pause", reason=Reach.PRIVATE)
        await x.give("push_token.set", {"platform": "ios"}, token=Reach.PRIVATE)
        await x.give("profile.update", name=Reach.MAY_CROSS)
        mail = {"type": "email", "value": f"{x.text('contact.add.value')}@home.test"}
        contact = {"contactId": (await x.do("contact.add", mail))["contact"]["id"]}
        await x.do("contact.edit", {**contact, "value": f"{x.text('contact.edit.value')}@b.test"})
        await _both(x, y, Author.look)
        await y.do("session.resume")
        await x.do("feel_heard.confirm", {"confirmed": True})
    await _both(a, b, Author.look)
    await _both(a, b, Author.advance)


async def _vessel(x: Author) -> None:
    """Events, boundaries and documents: some will be asked about, one of each is deleted."""
    for use in ("denied", "edited", "previewed", "revoked", "deleted"):
        x.saved[use] = (
            await x.do(
                "event.add",
                {
                    # What is let cross as the facilitator wrote it may quote the original.
                    "description": x.text(
                        "event.add.description",
                        Reach.MAY_CROSS if use == "previewed" else Reach.PRIVATE,
                        "came home late again and did not say a word.",
                    ),
                    "attributedTo": "OTHER",
                    "emotions": [x.text("event.add.emotions[]")],
                },
            )
        )["event"]["id"]
    await x.do(
        "event.edit",
        {
            "eventId": x.saved["deleted"],
            "description": x.text("event.edit.description"),
            "emotions": [x.text("event.edit.emotions[]")],
        },
    )
    await x.do("event.delete", {"eventId": x.saved["deleted"]})
    x.saved["reading"] = (await x.do("emotions.list"))["readings"][0]["id"]
    for use in ("boundary", "gone"):
        reply = await x.give("boundary.add", {"nonNegotiable": True}, description=Reach.PRIVATE)
        x.saved[use] = reply["boundary"]["id"]
        await x.give("boundary.edit", {"boundaryId": x.saved[use]}, description=Reach.PRIVATE)
    await x.do("boundary.delete", {"boundaryId": x.saved["gone"]})
    texts = dict.fromkeys(("title", "content", "type"), Reach.PRIVATE)
    made = await x.give("document.add", **texts)
    await x.give("document.edit", {"documentId": made["document"]["id"]}, **texts)


# ---- stage 2


async def _stage_2(a: Author, b: Author, sweep: Sweep) -> None:
    for x in (a, b):
        await x.say("I try to see how it is on the other side.")
        await x.give("empathy.save_draft", content=Reach.PRIVATE)
        ready = {"readyToShare": True}
        made = await x.give("empathy.save_draft", ready, content=Reach.PRIVATE)
        x.saved["draft"] = {"draftId": made["draft"]["id"]}
        await x.give("empathy.consent", x.saved["draft"], finalContent=Reach.CROSSES)
    await _both(a, b, Author.look)
    for x, y in ((a, b), (b, a)):
        await x.give("empathy.validate", {"validated": False}, feedback=Reach.PRIVATE)
        await _both(a, b, Author.look)
        said = {"validated": False, "consentToShareFeedback": True}
        await x.give("empathy.validate", said, feedback=Reach.CROSSES)
        await _both(a, b, Author.look)
        await y.give("empathy.save_draft", content=Reach.PRIVATE)
        await y.give("empathy.save_draft", {"readyToShare": True}, content=Reach.CROSSES)
        await y.do("empathy.consent", y.saved["draft"])
        await _both(a, b, Author.look)
        await x.do("empathy.validate", {"validated": True})
    for x, y in ((a, b), (b, a)):
        await _decide(x, y, sweep)
    await _both(a, b, Author.look)
    await _both(a, b, Author.advance)


async def _decide(x: Author, y: Author, sweep: Sweep) -> None:
    """Consent denied, edited, taken as it was shown, and taken back before anybody read."""
    await _ask(x, "EVENT_SUMMARY", x.saved["denied"], "DENIED")
    texts: dict[str, str] = {}
    for kind, use in (("EVENT_SUMMARY", "edited"), ("EMOTIONAL_PATTERN", "reading")):
        given = await _ask(x, kind, x.saved[use], "GRANTED", Reach.CROSSES)
        texts[given["sharedContent"]["id"]] = given["text"]
    given = await _ask(x, "EVENT_SUMMARY", x.saved["revoked"], "GRANTED", Reach.PRIVATE)
    await x.do("consent.revoke", {"consentRecordId": given["consentRecord"]["id"]})
    given = await _ask(x, "EVENT_SUMMARY", x.saved["previewed"], "GRANTED")
    texts[given["sharedContent"]["id"]] = given["text"]
    read = (await y.do("shared.list"))["partner"]
    shown = {item["id"]: item["transformedContent"] for item in read}
    sweep.crossed += [(text, shown[key]) for key, text in texts.items()]


async def _ask(
    x: Author, kind: str, original: str, decision: str, edit: Reach | None = None
) -> Mapping[str, Any]:
    """Asks and decides; the reply, and the text that the decision was about."""
    asked = await x.do("consent.request", {"contentType": kind, "originalContentId": original})
    request = asked["consentRequest"]
    data = {"consentRequestId": request["id"], "decision": decision}
    if edit is not None:
        data["editedContent"] = x.text("consent.decide.editedContent", edit)
    reply = await x.do("consent.decide", data)
    return {**reply, "text": data.get("editedContent", request["transformedPreview"])}


# ---- stage 3


async def _stage_3(a: Author, b: Author, _: Sweep) -> None:
    for x in (a, b):
        await x.say("I need closeness and some order in the week.")
        await x.do("needs.list")
        await _needs(x)
    await _both(a, b, Author.look)
    for x in (a, b):
        await x.do("needs.consent", {"needIds": [x.saved["need"]]})
        await _ask(x, "BOUNDARY", x.saved["boundary"], "GRANTED", Reach.CROSSES)
    await _both(a, b, Author.look)
    for x in (a, b):
        texts = {"need": Reach.CROSSES, "description": Reach.CROSSES}
        await x.give("common_ground.propose", {"category": "CONNECTION"}, **texts)
    for x in (a, b):
        listed = (await x.do("common_ground.list"))["commonGround"]
        answers = [{"commonGroundId": item["id"], "confirmed": True} for item in listed]
        await x.do("common_ground.confirm", {"confirmations": answers})
    await _both(a, b, Author.look)
    await _both(a, b, Author.advance)


async def _needs(x: Author) -> None:
    """Two own needs, both adjusted and confirmed; one of them will be shared."""
    for use, reach in (("need", Reach.CROSSES), ("kept", Reach.PRIVATE)):
        made = await x.do(
            "needs.add",
            {
                "need": x.text("needs.add.need", reach),
                "category": "CONNECTION",
                "description": x.text("needs.add.description"),
            },
        )
        x.saved[use] = made["need"]["id"]
    reaches = {x.saved["need"]: Reach.CROSSES, x.saved["kept"]: Reach.PRIVATE}
    path = "needs.confirm.confirmations[].adjustment"
    await x.do(
        "needs.confirm",
        {
            "confirmations": [
                {
                    "needId": need["id"],
                    "confirmed": need["id"] in reaches,
                    "adjustment": x.text(path, reaches.get(need["id"], Reach.PRIVATE)),
                }
                for need in (await x.do("needs.list"))["needs"]
            ]
        },
    )


# ---- stage 4


async def _stage_4(a: Author, b: Author, _: Sweep) -> None:
    for x in (a, b):
        await x.say("I would like to try something small.")
        await x.do(
            "strategies.suggest",
            {"count": 3, "focusNeeds": [x.text("strategies.suggest.focusNeeds[]")]},
        )
        texts = dict.fromkeys(("description", "duration", "measureOfSuccess"), Reach.CROSSES)
        need = x.text("strategies.propose.needsAddressed[]", Reach.CROSSES)
        await x.give("strategies.propose", {"needsAddressed": [need]}, **texts)
        await _both(a, b, Author.look)
    for x in (a, b):
        await x.do("strategies.ready")
        await _both(a, b, Author.look)
    pool = [item["id"] for item in (await a.do("strategies.list"))["strategies"]]
    for x in (a, b):
        await x.do("strategies.rank", {"rankedIds": pool})
        await _both(a, b, Author.look)
    for x, y in ((a, b), (b, a)):
        await _agree(x, y)
    for x in (a, b):
        await x.look()
    await a.do("session.resolve")
    await b.event("session.resolved", lambda event: event.name == "session.resolved")
    await _both(a, b, Author.look)


async def _agree(x: Author, y: Author) -> None:
    """One writes an agreement, the other words it anew, the first says yes."""
    texts = dict.fromkeys(("description", "duration", "measureOfSuccess"), Reach.CROSSES)
    made = await x.give("agreement.create", {"type": "COMMITMENT"}, **texts)
    await y.look()
    no = {"agreementId": made["agreement"]["id"], "confirmed": False}
    anew = await y.give("agreement.confirm", no, modification=Reach.CROSSES)
    await x.look()
    yes = {"agreementId": anew["agreement"]["id"], "confirmed": True}
    await x.do("agreement.confirm", yes)


async def _refused_when_over(x: Author) -> None:
    """A session that is over takes no text."""
    for command, row in ALL.items():
        if row.reads or row.sessionless or command in ("stage.advance", "consent.revoke"):
            continue
        refusal = await x.refused(command, sample(command, x.sown, Reach.REFUSED))
        assert refusal.code in ("SESSION_NOT_ACTIVE", "NOT_FOUND"), f"{command}: {refusal.code}"
