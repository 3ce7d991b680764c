"""One answer of the facilitator: crisis check → intent → fetch → assemble → one call → store.

A turn begins with an ``ai_turn`` reminder that was committed with the user's message, so a crash in
between is answered after reactivation, once. Its result is an internal command; nothing empty or
half is ever stored. The partner's words are not here: the bundle is one user's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.ai import crisis
from beheard_hub.ai.bundles import provenance
from beheard_hub.ai.memory_intent import Intent, memory_intent
from beheard_hub.domain.kernel import Command, Due
from beheard_hub.domain.mediation.commands import AiFailed, AiReplied, Safety
from beheard_hub.facilitation import Bundle, Delta, FacilitatorFailed, Item, Spoken
from beheard_hub.ports import Actor, Mailbox
from beheard_hub.reactions import retrieval
from beheard_hub.reactions.streaming import speak
from beheard_hub.reactions.tools import Tools, as_ai

LOCALE = "en"
ANSWER_SECONDS_MAX = 60
"""From the first request to the last word (spec 06)."""


class Listened(msgspec.Struct, frozen=True):
    """What the newest messages of a thread say about the turn to come."""

    unanswered: Sequence[Item]
    intensity: int | None

    @property
    def text(self) -> str:
        """The unanswered words together: answered together, once."""
        return "\n".join(item.text for item in self.unanswered)


def listen(items: Sequence[Item]) -> Listened:
    """The user's messages after the facilitator's last one, and the newest intensity."""
    thread = [item for item in items if item.type == "message"]
    newest: list[Item] = []
    for item in reversed(thread):
        if item.fields.get("role") != "USER":
            break
        newest.append(item)
    readings = [item for item in items if item.type == "emotional_reading"]
    intensity = readings[-1].fields.get("intensity") if readings else None
    return Listened(newest[::-1], intensity)


async def answer(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> None:
    """Runs one ``ai_turn`` reminder and puts the answer, or its failure, into the mailbox.

    Raises StoreUnavailable: the reminder stays and is tried again. Cancelling stores nothing.
    """
    assert due.user_id is not None
    try:
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            data: Any = await _answered(tools, mailbox, session_id, due)
        name = "internal.ai_replied"
    except (FacilitatorFailed, TimeoutError) as failure:
        data = AiFailed(reminder_id=due.id, retryable=getattr(failure, "retryable", True))
        name = "internal.ai_failed"
    mailbox.submit_internal(
        session_id,
        Command(id=due.id, name=name, user_id=due.user_id, session_id=session_id, data=data),
    )


async def _answered(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> AiReplied:
    opening = bool(due.payload.get("opening"))
    actor = as_ai(session_id, due.user_id or "", 0)
    current, gates = await retrieval.current_stage(tools.reads, actor)
    stage = int(due.payload.get("stage", current)) if opening else current
    actor = as_ai(session_id, actor.id, stage)
    heard = await _heard(tools, actor, stage, gates)
    _look_after(tools, mailbox, actor, heard)
    intent = memory_intent(stage, heard.text, heard.intensity)
    assembled = await retrieval.fetch(tools.reads, actor, stage=stage, intent=intent, gates=gates)
    message_id = tools.ids.ordered()
    reply_to = heard.unanswered[-1].id if heard.unanswered else ""

    def emit(index: int, text: str, reset: bool) -> None:
        mailbox.delta(session_id, actor.id, reply_to, message_id, index, text, reset)

    spoken = await speak(_call(tools, opening)(assembled.bundle), emit, tools.clock)
    return AiReplied(
        reminder_id=due.id,
        answered=tuple(item.id for item in heard.unanswered),
        opening=opening,
        stage=stage,
        message={
            "id": message_id,
            "content": spoken.text,
            "promptVersion": spoken.prompt_version,
            "bundle": {"items": provenance(assembled.bundle)},
        },
        support_type=spoken.offer_support,
        offer_feel_heard=spoken.offer_feel_heard,
    )


def _look_after(tools: Tools, mailbox: Mailbox, actor: Actor, heard: Listened) -> None:
    """The crisis check, before any model: from ``urgent`` up the user gets resources at once."""
    found = crisis.assess(heard.text) if heard.unanswered else None
    if found is None or not found.shows_resources:
        return
    places = [msgspec.to_builtins(place) for place in crisis.resources(LOCALE)]
    safety = Safety(severity=found.severity.name.lower(), resources=places)
    mailbox.submit_internal(
        actor.session_id,
        Command(
            id=tools.ids.ordered(),
            name="internal.safety",
            user_id=actor.id,
            session_id=actor.session_id,
            data=safety,
        ),
    )


async def _heard(tools: Tools, actor: Actor, stage: int, gates: Mapping[str, bool]) -> Listened:
    """The conversation alone, before it is known what else may be recalled."""
    assembled = await retrieval.fetch(
        tools.reads, actor, stage=max(stage, 1), intent=Intent.EMOTIONAL_VALIDATION, gates=gates,
        types=frozenset({"message", "emotional_reading"}),
    )  # fmt: skip
    return listen(assembled.bundle.items)


def _call(tools: Tools, opening: bool) -> Callable[[Bundle], AsyncIterator[Delta | Spoken]]:
    return tools.facilitator.open_stage if opening else tools.facilitator.reply
