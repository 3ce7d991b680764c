"""Small builders for bundles; every text in them is invented."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from beheard_hub.facilitation import Bundle, Delta, Facilitator, Item, Spoken

BASE = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def item(number: int, text: str, **more: Any) -> Item:
    """An item with full provenance; `number` orders it."""
    given: dict[str, Any] = {
        "source": "user",
        "type": "message",
        "id": f"i{number:04}",
        "created_at": BASE + timedelta(minutes=number),
        "consent": "not_applicable",
        "stage": 1,
        "text": text,
        "fields": {"role": "USER"},
    }
    return Item(**{**given, **more})


def bundle(items: Sequence[Item], stage: int = 1, **more: Any) -> Bundle:
    """A bundle of Ana, whose partner is Sam."""
    given: dict[str, Any] = {
        "user_id": "u1",
        "user_name": "Ana",
        "partner_name": "Sam",
        "session_id": "s1",
        "stage": stage,
        "intent": "offer_continuity",
        "gates": {},
        "items": list(items),
    }
    return Bundle(**{**given, **more})


def said(*texts: str, stage: int = 1) -> list[Item]:
    """Messages of the user, unanswered."""
    return [item(n, text, stage=stage) for n, text in enumerate(texts, 1)]


async def ask(facilitator: Facilitator, asked: Bundle) -> Spoken:
    """The reply, after checking that the deltas are its text in pieces."""
    pieces: list[str] = []
    async for part in facilitator.reply(asked):
        if isinstance(part, Delta):
            pieces.append(part.text)
        else:
            assert "".join(pieces) == part.text
            return part
    raise AssertionError("a stream must end with Spoken")


async def talk(
    facilitator: Facilitator, texts: Sequence[str], stage: int = 1, **more: Any
) -> list[Spoken]:
    """Says the texts one after the other and answers each."""
    items: list[Item] = []
    answers: list[Spoken] = []
    for text in texts:
        items.append(item(len(items) + 1, text, stage=stage))
        spoken = await ask(facilitator, bundle(items, stage, **more))
        answers.append(spoken)
        items.append(item(len(items) + 1, spoken.text, stage=stage, fields={"role": "AI"}))
    return answers
