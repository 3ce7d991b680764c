"""A bundle as a conversation: what was said, what was answered, what is still open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from beheard_hub.ai.memory_intent import Intent
from beheard_hub.domain.limits import INTENSITY_RISE_WINDOW
from beheard_hub.facilitation import Bundle, Item

NOBODY_NAMED = "the other person"
SUPPORT_INTENSITY_MIN = 8
SHARP_RISE_MIN = 3
FEEL_HEARD_MESSAGES_MIN = 4
REDIRECTIONS_MAX = 2
"""Mirrors in a row; with the next closed door redirecting stops and options are offered."""


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """The own thread of one user, oldest first."""

    newest: str
    """The unanswered messages together; empty when everything was answered."""
    said: Sequence[str]
    """All messages of the user, the newest included."""
    said_here: int
    """How many of them belong to the current stage."""
    answers: Sequence[str]
    """All answers of the facilitator."""
    intensity: int | None
    """The newest reading, 1-10, if it belongs to what is unanswered: a strong moment is answered
    once, and then the conversation goes on."""
    rise: int
    """How far it lies above the lowest reading of the minutes before; 0 without such a reading."""
    partner: str
    name: str | None
    key: str
    """What makes this thread's choices its own."""


def read_thread(bundle: Bundle, seed: int = 0) -> Thread:
    """The thread of a bundle; `seed` moves the choice of lines, not their meaning."""
    messages = sorted((i for i in bundle.items if is_said(i)), key=lambda i: (i.created_at, i.id))
    mine = [i for i in messages if role(i) == "USER"]
    answers = [i for i in messages if role(i) == "AI"]
    waiting = waits_in(bundle)
    intensity, rise = _moment(bundle, mine, waiting)
    return Thread(
        newest="\n".join(i.text for i in waiting),
        said=[i.text for i in mine],
        said_here=sum(1 for i in mine if i.stage == bundle.stage),
        answers=[i.text for i in answers],
        intensity=intensity,
        rise=rise,
        partner=bundle.partner_name or NOBODY_NAMED,
        name=bundle.user_name,
        key=f"{seed}:{bundle.session_id}:{bundle.user_id}",
    )


def overwhelmed(bundle: Bundle, thread: Thread) -> bool:
    """Whether support comes before anything else: at a high intensity, or after a sharp rise."""
    high = (thread.intensity or 0) >= SUPPORT_INTENSITY_MIN
    return high or thread.rise >= SHARP_RISE_MIN or bundle.intent == Intent.AVOID_RECALL


def support_offered(thread: Thread) -> str:
    """The exercise that fits a strong moment."""
    high = (thread.intensity or 0) >= SUPPORT_INTENSITY_MIN
    return "BREATHING_EXERCISE" if high else "GROUNDING"


def ripe(bundle: Bundle, thread: Thread) -> bool:
    """Whether "do you feel heard?" may be offered: enough was said, and it is not answered yet."""
    enough = thread.said_here >= FEEL_HEARD_MESSAGES_MIN
    return bundle.stage == 1 and enough and not bundle.gates.get("feelHeardConfirmed")


def is_said(item: Item) -> bool:
    """Whether an item is a message of the user or an answer of the facilitator."""
    return item.type == "message" and role(item) in ("USER", "AI")


def waits_in(bundle: Bundle) -> list[Item]:
    """The user's messages that wait for an answer, oldest first."""
    said = sorted((i for i in bundle.items if is_said(i)), key=lambda i: (i.created_at, i.id))
    answers = [(i.created_at, i.id) for i in said if role(i) == "AI"]
    opened = max(answers, default=None)
    return [i for i in said if role(i) == "USER" and _waits(i, opened)]


def role(item: Item) -> str:
    """USER, AI or SYSTEM; a message without a role is the user's own."""
    return str(item.fields.get("role") or "USER")


def _waits(item: Item, opened: tuple[datetime, str] | None) -> bool:
    """Whether a message waits for its answer: as `fields.answered` says (one that came while the
    facilitator spoke stands before that reply), else by its place after the last reply."""
    known = item.fields.get("answered")
    if known is not None:
        return not known
    return opened is None or (item.created_at, item.id) > opened


def _moment(
    bundle: Bundle, mine: Sequence[Item], waiting: Sequence[Item]
) -> tuple[int | None, int]:
    """Intensity and rise of a reading that came after all that was answered, and not long before
    the words that wait; (None, 0) where there is none."""
    readings = _readings(bundle)
    answered = max((i.created_at for i in mine if i not in waiting), default=None)
    since = min((i.created_at for i in waiting), default=None)
    if not readings or since is None:
        return None, 0
    at, newest = readings[-1]
    if (answered is not None and at <= answered) or at < since - INTENSITY_RISE_WINDOW:
        return None, 0
    near = [value for then, value in readings if at - then <= INTENSITY_RISE_WINDOW]
    return newest, newest - min(near)


def _readings(bundle: Bundle) -> list[tuple[datetime, int]]:
    """Times and intensities, oldest first."""
    timed: list[tuple[datetime, int]] = []
    for item in sorted(bundle.items, key=lambda i: (i.created_at, i.id)):
        name = "intensity" if item.type == "emotional_reading" else "emotionalIntensity"
        value = item.fields.get(name)
        if isinstance(value, int):
            timed.append((item.created_at, value))
    return timed
