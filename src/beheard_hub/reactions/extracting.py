"""Memory extraction, the last step of a turn (spec 06): in the background, after the answer.

It sees the answered messages and nothing else, so that nothing of the partner can come in, nor
anything that is taken back later. What comes out stands on the user's own words: an event is a
literal quote, needs and emotions are words of a few known kinds. What does not is dropped. It is
tried once: the message itself is kept anyway, and a failure costs nobody anything.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from typing import get_args

from beheard_hub import telemetry
from beheard_hub.ai.memory_intent import Intent
from beheard_hub.domain.kernel import Command, Due
from beheard_hub.domain.mediation.internal import Extracted, ExtractedEvent, ExtractedWords
from beheard_hub.domain.mediation.vocabulary import Attribution, NeedCategory
from beheard_hub.facilitation import Extraction, FacilitatorFailed, Item, Noticed, ToldEvent
from beheard_hub.ports import Mailbox
from beheard_hub.reactions import retrieval
from beheard_hub.reactions.budgets import BudgetReached
from beheard_hub.reactions.recording import note_sent, recording
from beheard_hub.reactions.tools import Tools, as_ai

EVENTS_PER_MESSAGE_MAX = 5
QUOTE_CHARS_MAX = 2_000
EMOTIONS_MAX = 8
EMOTION_CHARS_MAX = 40
EXTRACTED_IN = 2
"""The stage whose contract holds: own words of stages 1 and 2."""
NEEDS = get_args(NeedCategory)
ATTRIBUTIONS = frozenset(get_args(Attribution))

_EMOTION = re.compile(r"[^\W\d_]+(?:[ -][^\W\d_]+){0,2}")
_log = telemetry.logger("reactions")


async def extract(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> None:
    """Runs one ``ai_extract`` reminder and puts what was found into the mailbox: nothing, where the
    facilitator failed or the budget is spent. Raises StoreUnavailable: it is tried again."""
    assert due.user_id is not None, "an extraction is one user's"
    data = Extracted(reminder_id=due.id)
    with recording(tools, mailbox, session_id, due.user_id) as (noting, trail):
        try:
            await tools.budgets.check(due.user_id)
            async with asyncio.timeout(tools.answer_seconds_max):
                data = await _extracted(noting, session_id, due)
        except (FacilitatorFailed, BudgetReached, TimeoutError) as failure:
            _log.warning(
                "extraction_failed", reminder_id=due.id, session_id=session_id,
                error=type(failure).__name__,
            )  # fmt: skip
        data = trail.handed_over(data)
    mailbox.submit_internal(
        session_id,
        Command(
            id=due.id,
            name="internal.extracted",
            user_id=due.user_id,
            session_id=session_id,
            data=data,
        ),
    )


async def _extracted(tools: Tools, session_id: str, due: Due) -> Extracted:
    actor = as_ai(session_id, due.user_id or "", EXTRACTED_IN)
    said = await retrieval.told(tools.reads, actor, due.payload["messageIds"])
    if not said:
        return Extracted(reminder_id=due.id)
    plan = retrieval.checked(EXTRACTED_IN, Intent.OFFER_CONTINUITY, (), standing=False)
    assembled = await retrieval.fetch(tools, actor, plan, gates={}, said=said)
    note_sent(tools, assembled)
    found = await tools.facilitator.extract(assembled.bundle)
    return checked(due.id, found, assembled.bundle.items)


# ---- nothing invented


def checked(reminder_id: str, found: Extraction, messages: Sequence[Item]) -> Extracted:
    """What of `found` stands on the messages, each message and each quote once."""
    known = {message.id: message for message in messages}
    events = {
        (event.message_id, event.quote): event
        for event in found.events
        if event.message_id in known and _stands(event, known[event.message_id].text)
    }
    counts: Counter[str] = Counter()
    kept = []
    for event in events.values():
        counts[event.message_id] += 1
        if counts[event.message_id] <= EVENTS_PER_MESSAGE_MAX:
            kept.append(_event(event, known[event.message_id]))
    words = {one.message_id: _words(one) for one in found.messages if one.message_id in known}
    return Extracted(reminder_id=reminder_id, events=tuple(kept), messages=tuple(words.values()))


def _stands(event: ToldEvent, text: str) -> bool:
    quote = event.quote
    fits = 0 < len(quote) <= QUOTE_CHARS_MAX and quote == quote.strip()
    return fits and quote in text and event.attributed_to in ATTRIBUTIONS


def _event(event: ToldEvent, message: Item) -> ExtractedEvent:
    return ExtractedEvent(
        description=event.quote,
        attributed_to=event.attributed_to,
        emotions=_emotions(event.emotions),
        at=message.created_at,
    )


def _words(one: Noticed) -> ExtractedWords:
    needs = [need for need in NEEDS if need in one.needs]
    return ExtractedWords(id=one.message_id, needs=needs, emotions=_emotions(one.emotions))


def _emotions(given: Sequence[str]) -> list[str]:
    """One to three words each, and no sentence."""
    words = dict.fromkeys(word.strip().lower() for word in given)
    fitting = [w for w in words if len(w) <= EMOTION_CHARS_MAX and _EMOTION.fullmatch(w)]
    return fitting[:EMOTIONS_MAX]
