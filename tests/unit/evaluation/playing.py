"""A facilitator that says what it is told to, and a short round of calls for two people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from beheard_hub import metering
from beheard_hub.evaluation.material import Played
from beheard_hub.evaluation.recording import Recorder
from beheard_hub.evaluation.scores import Result, score
from beheard_hub.facilitation import (
    Bundle,
    Clarification,
    CommonItem,
    Delta,
    DraftCheck,
    Extraction,
    FacilitatorFailed,
    Item,
    Need,
    Noticed,
    SharedNeed,
    Spoken,
    Suggestion,
    Synthesis,
    ToldEvent,
    Transformation,
    Usage,
)
from beheard_hub.journeys import Side

NAMES: Mapping[Side, str] = {"a": "Ann", "b": "Ben"}
OWN: Mapping[Side, str] = {
    "a": "I lie awake over the rent and nobody asks me how I am.",
    "b": "My father never once said that he was proud of me.",
}
SHARED: Mapping[Side, str] = {
    "a": "To feel safe with money: I want to know where we stand.",
    "b": "To be seen in what I do: a word of thanks would help.",
}
EVENT = "In March I paid the deposit alone, and Ben always says that it was my idea."

SOUND: Mapping[str, Any] = {
    "open": "Hello {name}, this is a place to be heard in.",
    "reply": "That sounds heavy, {name}. What weighs most in it for you today?",
    "synthesise": Synthesis(
        [
            Need(
                need="To feel safe",
                category="SAFETY",
                description="To know where we stand.",
                evidence=["{own}"],
                confidence=0.8,
            )
        ],
        [
            Clarification(
                potential_need="To be seen",
                question="Who would you like to notice it first?",
                evidence_so_far="",
            )
        ],
    ),
    "transform": Transformation(can_transform=True, text="In March I paid the deposit alone."),
    "check_draft": DraftCheck(curious=False, hint="You could begin with a guess."),
    "common_ground": [
        CommonItem(
            need="To count",
            category="RECOGNITION",
            description="Both of you would like it to be seen.",
            source_content_ids=["mine", "theirs"],
        )
    ],
    "suggest": [
        Suggestion(
            description="A quarter of an hour on Sundays, each says one thing.",
            needs_addressed=["To count"],
            duration="two weeks",
            measure_of_success="Both would do it again",
        )
    ],
    "extract": Extraction(
        [ToldEvent(message_id="message", quote="{own}", attributed_to="SELF")],
        [Noticed(message_id="message", needs=["SAFETY"])],
    ),
}
"""Call → what a sound facilitator answers; ``{name}`` and ``{own}`` are the asker's."""


class Scripted:
    """Implements `Facilitator`: answers from a table. An exception there is raised."""

    provider = "scripted"

    def __init__(self, **answers: Any) -> None:
        self._answers = {**SOUND, **answers}

    def _answer(self, call: str, bundle: Bundle | None) -> Any:
        answer = self._answers[call]
        if isinstance(answer, Exception):
            raise answer
        if bundle is None:
            return answer
        return filled(answer, {"name": bundle.user_name or "", "own": bundle.items[0].text})

    async def _spoken(self, call: str, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        text = self._answer(call, bundle)
        yield Delta("Wait", reset=False)
        yield Delta("", reset=True)
        yield Delta(text[:5])
        yield Delta(text[5:])
        try:
            yield Spoken(text=text, prompt_version="1")
        finally:
            metering.used(call=call, model="model", usage=Usage(100, 10, 50))

    def open_stage(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        return self._spoken("open", bundle)

    def reply(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        return self._spoken("reply", bundle)

    async def synthesise_needs(self, bundle: Bundle) -> Any:
        return self._answer("synthesise", bundle)

    async def transform(self, content_type: str, text: str, bundle: Bundle) -> Any:
        return self._answer("transform", bundle)

    async def check_draft(self, text: str) -> Any:
        return self._answer("check_draft", None)

    async def close(self) -> None:
        return None

    def heat(self, text: str) -> Sequence[str]:
        return []

    async def common_ground(self, needs: Sequence[SharedNeed]) -> Any:
        return self._answer("common_ground", None)

    async def suggest(
        self, common: Sequence[str], focus: Sequence[str], library: Sequence[Item], count: int
    ) -> Any:
        return self._answer("suggest", None)

    async def extract(self, bundle: Bundle) -> Any:
        return self._answer("extract", bundle)


def filled(answer: Any, words: Mapping[str, str]) -> Any:
    """An answer of the table for one asker."""
    if isinstance(answer, str):
        return answer.format(**words)
    if isinstance(answer, Synthesis):
        return Synthesis([_quoting(need, words) for need in answer.needs], answer.clarifications)
    if isinstance(answer, Extraction):
        events = [
            ToldEvent(
                message_id=event.message_id,
                quote=event.quote.format(**words),
                attributed_to=event.attributed_to,
            )
            for event in answer.events
        ]
        return Extraction(events, answer.messages)
    return answer


def _quoting(need: Need, words: Mapping[str, str]) -> Need:
    return Need(
        need=need.need,
        category=need.category,
        description=need.description,
        evidence=[quote.format(**words) for quote in need.evidence],
        confidence=need.confidence,
    )


def bundle(side: Side, stage: int, *more: Item) -> Bundle:
    """What a call for one side sees: one message of its own, and more."""
    return Bundle(
        user_id=f"user-{side}",
        user_name=NAMES[side],
        partner_name=NAMES["b" if side == "a" else "a"],
        session_id="session",
        stage=stage,
        intent="OFFER_SUPPORT",
        gates={},
        items=[item(OWN[side], role="USER"), *more],
    )


def item(text: str, **fields: Any) -> Item:
    """An own message of the user's."""
    return Item(
        source="user",
        type="message",
        id="message",
        created_at=datetime(2026, 3, 1, tzinfo=UTC),
        consent="not_applicable",
        stage=1,
        text=text,
        fields=fields,
    )


NEEDS = [
    SharedNeed(content_id="mine", mine=True, text=SHARED["a"], category="SAFETY"),
    SharedNeed(content_id="theirs", mine=False, text=SHARED["b"], category="RECOGNITION"),
]


async def play(
    facilitator: Any, *, seen: Sequence[Item] = (), needs: Sequence[SharedNeed] = NEEDS
) -> Played:
    """One round of all calls; Ann's bundles hold `seen` beside her own words."""
    recorder = Recorder(facilitator)
    recorder.begin("short")
    with metering.charged_to("user-a", "session"):
        for side in NAMES:
            more = seen if side == "a" else ()
            await _told(recorder.open_stage(bundle(side, 1, *more)))
            await _told(recorder.reply(bundle(side, 1, *more)))
            await _made(recorder.synthesise_needs(bundle(side, 2, *more)))
            await _made(recorder.extract(bundle(side, 1)))
        await _made(recorder.transform("EVENT_SUMMARY", EVENT, bundle("a", 2)))
        await _made(recorder.check_draft("It may be hard for him."))
        await _made(recorder.common_ground(needs))
        await _made(recorder.suggest(["To count"], [], [], 3))
    return Played(
        name="short",
        names=NAMES,
        written={"a": [OWN["a"], EVENT], "b": [OWN["b"]]},
        crossed={"a": [SHARED["a"]], "b": [SHARED["b"]]},
        calls=recorder.calls,
    )


async def _told(stream: AsyncIterator[Delta | Spoken]) -> None:
    try:
        async for _ in stream:
            pass
    except FacilitatorFailed:
        return


async def _made(work: Any) -> None:
    try:
        await work
    except FacilitatorFailed:
        return


def broken(played: Played) -> set[str]:
    """Names of the scores that found something."""
    return {result.name for result in score([played]) if result.failed}


def named(played: Played, name: str, *, texts: bool = False) -> Result:
    """One result."""
    return next(result for result in score([played], texts=texts) if result.name == name)
