"""One answer of the facilitator: crisis check → intent → plan → fetch → one call → store.

A turn begins with an ``ai_turn`` reminder that was committed with the user's message, so a crash in
between is answered after reactivation, once. Its result is an internal command; nothing empty or
half is ever stored. The partner's words are not here: the bundle is one user's.

What waits for an answer is not told from the order of the thread: a message that came while the
facilitator spoke stands before that reply. Each stored reply names the messages that it answered,
and `retrieval.unanswered` asks for the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from beheard_hub import telemetry
from beheard_hub.ai import crisis
from beheard_hub.ai.bundles import Assembled, provenance
from beheard_hub.ai.memory_intent import memory_intent
from beheard_hub.ai.places import places_for
from beheard_hub.ai.probing import probes
from beheard_hub.domain.kernel import Command, Due
from beheard_hub.domain.limits import INTENSITY_RISE_WINDOW
from beheard_hub.domain.mediation.commands import AiFailed, AiReplied, Safety
from beheard_hub.domain.mediation.internal import BudgetReached as BudgetSpent
from beheard_hub.domain.mediation.vocabulary import ROLE_USER
from beheard_hub.facilitation import FacilitatorFailed, PlanRequest, Spoken
from beheard_hub.observability.metrics import AI_TURNS, AI_TURNS_RUNNING
from beheard_hub.ports import Actor, Mailbox, StoreUnavailable
from beheard_hub.reactions import retrieval, work
from beheard_hub.reactions.budgets import BudgetReached
from beheard_hub.reactions.recording import note_sent, recording
from beheard_hub.reactions.streaming import speak, telling
from beheard_hub.reactions.tools import Tools, as_ai

FEEL_HEARD_FIRST = 4
FEEL_HEARD_EVERY = 3

OUTCOMES: Mapping[str, str] = {
    "internal.ai_replied": "replied",
    "internal.ai_failed": "failed",
    "internal.ai_budget": "over_budget",
}
"""What a turn comes to → how it is counted."""

_log = telemetry.logger("reactions")


class Heard(msgspec.Struct, frozen=True):
    """A thread as a turn finds it."""

    said: Sequence[Mapping[str, Any]]
    """The conversation as the stage may see it: candidate items."""
    waiting: Sequence[Mapping[str, Any]]
    """Id, stage, text and time of all unanswered messages, oldest first."""
    intensity: int | None
    """Of a reading that belongs to this moment."""

    @property
    def text(self) -> str:
        """The unanswered words together: answered together, once."""
        return "\n".join(row["text"] for row in self.waiting)


async def answer(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> None:
    """Runs one ``ai_turn`` reminder and puts the answer, or why there is none, into the mailbox.

    Raises StoreUnavailable: the reminder stays and is tried again. Cancelling stores nothing of an
    answer; what was sent and what it cost is on record also then.
    """
    outcome = "cancelled"
    with AI_TURNS_RUNNING.track_inprogress():
        try:
            command = await _outcome(tools, mailbox, session_id, due)
            outcome = OUTCOMES[command.name]
        except StoreUnavailable:
            outcome = "put_off"
            raise
        finally:
            AI_TURNS.labels(outcome).inc()
    mailbox.submit_internal(session_id, command)


async def _outcome(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> Command:
    """The internal command that settles the reminder."""
    assert due.user_id is not None, "an ai_turn is one user's"
    data: Any
    with recording(tools, mailbox, session_id, due.user_id) as (noting, trail):
        try:
            await tools.budgets.check(due.user_id)
            async with asyncio.timeout(tools.answer_seconds_max):
                data = await _answered(noting, mailbox, session_id, due)
            name = "internal.ai_replied"
        except StoreUnavailable:
            raise
        except BudgetReached as reached:
            data = BudgetSpent(reminder_id=due.id, resets_at=reached.resets_at)
            name = "internal.ai_budget"
        except Exception as failure:  # whatever it is: the user may ask again, nothing is stuck
            _log_failure(session_id, due, failure)
            retryable = bool(getattr(failure, "retryable", True))
            data, name = AiFailed(reminder_id=due.id, retryable=retryable), "internal.ai_failed"
        else:
            data = trail.handed_over(data)
    return Command(id=due.id, name=name, user_id=due.user_id, session_id=session_id, data=data)


def _log_failure(session_id: str, due: Due, failure: Exception) -> None:
    expected = isinstance(failure, (FacilitatorFailed, TimeoutError))
    (_log.warning if expected else _log.error)(
        "ai_turn_failed", reminder_id=due.id, session_id=session_id,
        error=type(failure).__name__,
    )  # fmt: skip


async def _answered(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> AiReplied:
    """A reply belongs to the stage of its reminder, so that the next one is still opened; an
    opening is that of the stage in which the user is now."""
    opening = bool(due.payload.get("opening"))
    actor = as_ai(session_id, due.user_id or "", 0)
    wanted = None if opening else due.payload.get("stage")
    stage, gates = await retrieval.stage_of(tools.reads, actor, wanted)
    actor = as_ai(session_id, actor.id, stage)
    heard = await _heard(tools, actor, stage)
    await _look_after(tools, mailbox, actor, heard)
    intent = memory_intent(stage, heard.text, heard.intensity)
    request = PlanRequest(stage=stage, intent=intent, words=heard.text)
    plan = await retrieval.made(tools, request)
    assembled = await retrieval.fetch(tools, actor, plan, gates=gates, said=heard.said)
    answered = tuple(row["id"] for row in heard.waiting if _deals_with(row, stage, opening))
    message_id, reply_to = tools.ids.ordered(), answered[-1] if answered else ""
    note_sent(tools, assembled, messageId=message_id, probes=list(probes(heard.text)))
    call = tools.facilitator.open_stage if opening else tools.facilitator.reply
    with telling(mailbox, session_id, actor.id, reply_to, message_id) as emit:
        spoken = await speak(
            call(assembled.bundle), emit, tools.clock, tools.sleep, tools.first_word_seconds_max,
            tools.rhythm,
        )  # fmt: skip
        return AiReplied(
            reminder_id=due.id,
            answered=answered,
            opening=opening,
            stage=stage,
            message=_stored(message_id, spoken, assembled),
            support_type=spoken.offer_support,
            consent=await _wording(tools, actor, spoken.ask_to_share),
            offer_feel_heard=spoken.offer_feel_heard and await _may_offer(tools, actor, heard),
        )


async def _wording(
    tools: Tools, actor: Actor, wanted: tuple[str, str] | None
) -> dict[str, Any] | None:
    """What would cross of the user's own content, for them to decide on; None where nothing was
    thought of, or where it would have to be invented. The answer does not depend on it."""
    if wanted is None:
        return None
    args = dict(zip(("contentType", "originalContentId"), wanted, strict=True))
    try:
        made = await work.preview(tools, actor.session_id, actor.id, args)
    except (work.Gone, FacilitatorFailed):
        return None
    described = {key: made[key] for key in ("preview", "description")}
    return None if made["preview"] is None else {**args, **described}


def _stored(message_id: str, spoken: Spoken, assembled: Assembled) -> dict[str, Any]:
    """The message as `AiReplied` has it, with the ids of what it was made from."""
    return {
        "id": message_id,
        "content": spoken.text,
        "promptVersion": spoken.prompt_version,
        "bundle": {"items": provenance(assembled.bundle)},
    }


def _deals_with(row: Mapping[str, Any], stage: int, opening: bool) -> bool:
    """Whether a message waits no longer after this turn. A reply answers all but those of a later
    stage; an opening answers nobody, but what the new stage puts out of sight is over."""
    if opening:
        return retrieval.closed(stage, row["stage"])
    return int(row["stage"]) <= stage


async def _heard(tools: Tools, actor: Actor, stage: int) -> Heard:
    """The conversation alone, before it is known what else may be recalled.

    What waits is read first: a message that comes in between is seen and answered by the next turn.
    """
    waiting = await retrieval.unanswered(tools.reads, actor)
    ids = frozenset(row["id"] for row in waiting)
    said = await retrieval.conversation(tools.reads, actor, stage, ids)
    readings = await tools.reads.read(actor, "bundle.intensity", {})
    fresh = [r["intensity"] for r in readings if _fresh(r["createdAt"], tools, said, waiting)]
    return Heard(said, waiting, fresh[0] if fresh else None)


def _fresh(
    at: datetime,
    tools: Tools,
    said: Sequence[Mapping[str, Any]],
    waiting: Sequence[Mapping[str, Any]],
) -> bool:
    """Whether a reading belongs to this moment: it came with the unanswered words or shortly
    before them, and after all that was answered. A strong moment is answered once."""
    written = [item for item in said if item["fields"]["answered"]]
    mine = [item for item in written if item["fields"]["role"] == ROLE_USER]
    answered = max((item["created_at"] for item in mine or written), default=at)
    since = min([tools.clock.now(), *(row["createdAt"] for row in waiting)]) - INTENSITY_RISE_WINDOW
    return at >= since and (at > answered or not written)


async def _look_after(tools: Tools, mailbox: Mailbox, actor: Actor, heard: Heard) -> None:
    """The crisis check, before any model: from ``urgent`` up the user gets resources at once."""
    found = await crisis.assess_aside(heard.text)
    if found is None or not found.shows_resources:
        return
    places = [msgspec.to_builtins(place) for place in places_for(tools.locale, tools.places)]
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


async def _may_offer(tools: Tools, actor: Actor, heard: Heard) -> bool:
    """Whether the question "do you feel heard?" may be put now, so that it is not put after every
    message: with the fourth message of stage 1 and every third one after it. A facilitator that
    sees an occasion before that has been told so by the user.

    Without memory on purpose: after a no the question comes back with a later message by itself.
    """
    [row] = await tools.reads.read(actor, "bundle.message_count", {"stage": 1})
    written = int(row["written"])
    answered = range(written - max(1, len(heard.waiting)) + 1, written + 1)
    return written < FEEL_HEARD_FIRST or any(
        n >= FEEL_HEARD_FIRST and (n - FEEL_HEARD_FIRST) % FEEL_HEARD_EVERY == 0 for n in answered
    )
