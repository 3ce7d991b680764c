"""A whole session, one step after the other: nothing in it is left to chance or to haste.

Two people do the same things. Every command that names an object by its id is given at least once
with an own one (`test_command_matrix.py` sees to that), and everything private is said in words
that the player chooses (`Player.private`), so that a session can be played again in other words.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from beheard_hub.client import Hub, Refused
from beheard_hub.demo.record import PlayResult
from beheard_hub.domain.mediation.protocol import STAGES
from beheard_hub.journeys import SIDES, Side
from tests.privacy.doors import RestHub
from tests.privacy.house import House, Inhabitant
from tests.privacy.player import ALL, Player, Word, settled

LOOKS: Mapping[str, Mapping[str, Any]] = {
    "recall.search": {"query": "sleep"},
    "gates.get": {"stage": 2},
}
"""Reads that need data."""
NOT_READ = ("library.", "user.", "identity.link", "ably_token.")
"""For administrators; and what needs a key of Ably or an app at a provider: the house has none."""
NOT_YET = frozenset({"INVALID_STAGE", "CONSENT_REQUIRED", "PARTNER_NOT_READY", "NOT_FOUND"})
"""What a read may answer where there is nothing to read yet."""


class Pair:
    """Two people and their session."""

    def __init__(self, a: Player, b: Player, result: PlayResult) -> None:
        self.a = a
        self.b = b
        self.result = result
        self.session_id = ""
        self.looked_at = False
        """Whether drafts are looked at as soon as they are written: then the hint is waited for."""
        self.onlookers: Sequence[Player] = (a, b)
        """Who reads everything again whenever something was done; the other once in each stage."""
        self.answers: dict[Side, list[str]] = {"a": [], "b": []}
        """What REST answered each of them, as JSON."""

    @property
    def both(self) -> Sequence[tuple[Player, Player]]:
        """Each with the other."""
        return ((self.a, self.b), (self.b, self.a))

    async def begin(self) -> None:
        """Invitation, acceptance, compact."""
        a, b = self.a, self.b
        made = await a.do(
            "session.create",
            {"inviteName": a.private("Sam"), "context": a.private("It is about the evenings.")},
        )
        self.session_id = a.session_id = b.session_id = made["session"]["id"]
        self.result.session_id = self.session_id
        a.listen()
        await a.spoken_first()
        invitation = {"invitationId": made["invitationId"]}
        await b.do("invitation.get", invitation)
        await b.do("invitation.accept", invitation)
        b.listen()
        await b.spoken_first()
        await self.look()
        for x in (a, b):
            await x.do("compact.sign", {"agreed": True})
            await settled(a, b)

    async def stage(self, number: int) -> None:
        """All that is done in a stage, short of leaving it."""
        await STAGE[number](self)
        await self.look((self.a, self.b))

    async def advance(self) -> None:
        """Both go on, one after the other."""
        for x, _ in self.both:
            await x.advance()
            await settled(self.a, self.b)

    async def look(self, onlookers: Sequence[Player] | None = None) -> None:
        """They read everything that can be read now."""
        await settled(self.a, self.b)
        for x in onlookers or self.onlookers:
            for command in READS:
                await _read(x, command)


async def _read(x: Player, command: str) -> None:
    refusal = None
    try:
        await x.do(command, LOOKS.get(command, {}))
    except Refused as refused:
        refusal = refused
    assert refusal is None or refusal.code in NOT_YET, f"{command}: {refusal}"


def _needs_no_data(command: str) -> bool:
    """Whether such a read can be given without data, or with what `LOOKS` says."""
    return command in LOOKS or not any(
        name.endswith(("_id", "_ids")) for name in ALL[command].data.__struct_fields__
    )


READS: Sequence[str] = tuple(
    command
    for command, row in ALL.items()
    if row.reads and _needs_no_data(command) and not command.startswith(NOT_READ)
)


@asynccontextmanager
async def pair(
    house: House, people: Sequence[Inhabitant], words: Mapping[Side, Word], *, by_rest: bool = False
) -> AsyncIterator[Pair]:
    """Both connected, before the first command; `by_rest`: they command by REST."""
    result = PlayResult()
    async with AsyncExitStack() as stack:
        players = []
        answers: dict[Side, list[str]] = {}
        for side, person in zip(SIDES, people, strict=True):
            tap = result.received[side].append
            socket = await stack.enter_async_context(house.connect(person, tap))
            hub: Hub | RestHub = socket
            if by_rest:
                hub = RestHub(socket, await stack.enter_async_context(house.rest(person)))
                answers[side] = hub.answers
            player = Player(side, person.name, hub, words[side], result)
            stack.push_async_callback(player.hang_up)
            players.append(player)
        made = Pair(players[0], players[1], result)
        made.answers.update(answers)
        yield made


async def play(pair: Pair) -> None:
    """From the invitation to the end."""
    await pair.begin()
    for stage in STAGES:
        await pair.stage(stage.number)
        if stage is not STAGES[-1]:
            await pair.advance()
    await close(pair)


async def close(pair: Pair) -> None:
    """The session ends with its agreements."""
    await pair.a.do("session.resolve")
    await pair.b.told("session.resolved")
    await pair.look()


# ---- what is done in each stage


async def _onboarding(pair: Pair) -> None:
    await settled(pair.a, pair.b)


SAID = (
    "I need some rest in the evening and I do not get it.",
    "I feel alone with all of it, and I need to be taken seriously.",
)


async def _witness(pair: Pair) -> None:
    for x, y in pair.both:
        for text in SAID:
            await x.say(x.private(text))
        await x.do("emotions.record", {"intensity": 6, "context": x.private("at home")})
        await _vessel(x)
        await x.do("recall.search", {"query": x.private("evening")})
        await x.do("session.pause", {"reason": x.private("I have to think.")})
        await settled(x, y)
        await x.do("session.resume")
        await x.do("feel_heard.confirm", {"confirmed": True})
        await settled(x, y)


async def _vessel(x: Player) -> None:
    """Two of each; the second one is changed and deleted."""
    rows: Sequence[tuple[str, str, Mapping[str, Any]]] = (
        ("event", "description", {"attributedTo": "OTHER", "emotions": [x.private("tired")]}),
        ("boundary", "description", {"nonNegotiable": True}),
        ("document", "content", {"title": x.private("A letter"), "type": x.private("letter")}),
    )
    for kind, field, more in rows:
        for text in ("It was late, and nobody said a word.", "It began in spring."):
            await x.do(f"{kind}.add", {field: x.private(text), **more})
        gone = {f"{kind}Id": x.newest(kind)}
        await x.do(f"{kind}.edit", {**gone, field: x.private("It began earlier.")})
        await x.do(f"{kind}.delete", gone)
        x.objects[kind].remove(gone[f"{kind}Id"])
    reading = (await x.do("emotions.list"))["readings"][0]["id"]
    x.objects["reading"] = [reading]


async def _stretch(pair: Pair) -> None:
    a, b = pair.a, pair.b
    for x in (a, b):
        await x.say(x.private("I try to see how it is for the other."))
        draft = {"content": x.private("You work long hours."), "readyToShare": True}
        heard = x.heard_of("message.created")
        await x.do("empathy.save_draft", draft)
        if pair.looked_at:
            await x.told("message.created", heard + 1)
        await pair.look()
        await x.do(
            "empathy.consent",
            {"draftId": x.newest("draft"), "finalContent": x.shared("You carry a lot at work.")},
        )
        await pair.look()
    for x, y in pair.both:
        read = await x.do("empathy.partner")
        y.objects["attempt"] = [read["attempt"]["id"]]
        said = {"attemptId": y.newest("attempt"), "feedback": x.private("Nearly.")}
        await x.do("empathy.validate", {**said, "validated": False})
        await pair.look()
        await x.do("empathy.validate", {**said, "validated": True})
        await pair.look()
    for x, _ in pair.both:
        await _share(x, "EVENT_SUMMARY", x.newest("event"))
        await x.do("consent.revoke", {"consentRecordId": x.newest("consent")})
        await pair.look()
        await _share(x, "EMOTIONAL_PATTERN", x.newest("reading"))
        await pair.look()


async def _share(x: Player, kind: str, original: str) -> None:
    asked = await x.do("consent.request", {"contentType": kind, "originalContentId": original})
    await x.do(
        "consent.decide",
        {
            "consentRequestId": asked["consentRequest"]["id"],
            "decision": "GRANTED",
            "editedContent": x.shared("The evenings were hard for me."),
        },
    )


async def _mapping(pair: Pair) -> None:
    a, b = pair.a, pair.b
    for x in (a, b):
        await x.say(x.private("I need closeness and some order in the week."))
        await x.do("needs.list")
        need = {"need": x.shared("Closeness"), "category": "CONNECTION"}
        made = await x.do("needs.add", {**need, "description": x.private("Time for us two.")})
        own = made["need"]["id"]
        others = [n["id"] for n in (await x.do("needs.list"))["needs"] if n["id"] != own]
        answers: list[Mapping[str, Any]] = [
            {"needId": own, "confirmed": True, "adjustment": x.shared("Closeness")},
            *({"needId": other, "confirmed": False} for other in others),
        ]
        await x.do("needs.confirm", {"confirmations": answers})
        await pair.look()
        await x.do("needs.consent", {"needIds": [own]})
        x.objects["need"] = [own]
        await settled(a, b)
    await a.told("common_ground.ready")
    await b.told("common_ground.ready")
    for x in (a, b):
        await _share(x, "BOUNDARY", x.newest("boundary"))
        await x.do(
            "common_ground.propose",
            {
                "need": x.shared("Closeness"),
                "category": "CONNECTION",
                "description": x.shared("We both miss it."),
            },
        )
        await pair.look()
    for x in (a, b):
        listed = (await x.do("common_ground.list"))["commonGround"]
        x.objects["common_ground"] = [item["id"] for item in listed]
        answers = [{"commonGroundId": item["id"], "confirmed": True} for item in listed]
        await x.do("common_ground.confirm", {"confirmations": answers})
        await pair.look()


async def _repair(pair: Pair) -> None:
    a, b = pair.a, pair.b
    for x in (a, b):
        await x.say(x.private("I would like to try something small."))
        await x.do("strategies.suggest", {"count": 2, "focusNeeds": [x.shared("Closeness")]})
        await x.do(
            "strategies.propose",
            {
                "description": x.shared("A walk after dinner"),
                "needsAddressed": [x.shared("Closeness")],
                "duration": x.shared("two weeks"),
                "measureOfSuccess": x.shared("We walked."),
            },
        )
        await pair.look()
    for x in (a, b):
        await x.do("strategies.ready")
        await pair.look()
    for x in (a, b):
        pool = [item["id"] for item in (await x.do("strategies.list"))["strategies"]]
        await x.do("strategies.rank", {"rankedIds": pool})
        await pair.look()
    for x, y in pair.both:
        top = x.newest("strategy")
        made = await x.do(
            "agreement.create",
            {
                "strategyId": top,
                "type": "COMMITMENT",
                "description": x.shared("A walk on Mondays"),
                "duration": x.shared("two weeks"),
            },
        )
        await pair.look()
        yes = {"agreementId": made["agreement"]["id"], "confirmed": True}
        await y.do("agreement.confirm", yes)
        await pair.look()


STAGE: Mapping[int, Callable[[Pair], Any]] = {
    0: _onboarding,
    1: _witness,
    2: _stretch,
    3: _mapping,
    4: _repair,
}
