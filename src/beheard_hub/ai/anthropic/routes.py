"""Which call answers a turn, decided in code before any word is made.

Danger comes first and ends all coaching; overwhelm comes next and asks for nothing; then the mirror
of stages 2 and 3; then the stage. The same order as offline, for the same reasons.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from beheard_hub.ai.crisis import Crisis, assess
from beheard_hub.ai.offline.texts import pattern
from beheard_hub.ai.sharing import meant, wanted
from beheard_hub.ai.thread import (
    REDIRECTIONS_MAX,
    Thread,
    overwhelmed,
    ripe,
    support_offered,
)
from beheard_hub.facilitation import Bundle

MIRRORED_STAGES = (2, 3)

Traps = Callable[[Sequence[str]], Awaitable[tuple[str | None, int]]]
"""Newest messages, oldest first → what the newest is, if it is a closed door, and how many in a row
are."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A call, what it is told, and what is offered beside its text."""

    call: str
    task: Mapping[str, Any]
    offer_feel_heard: bool = False
    offer_support: str | None = None
    ask_to_share: tuple[str, str] | None = None


def opening(bundle: Bundle) -> Route:
    """The one message that opens a stage."""
    return Route(call=f"stage{bundle.stage}", task={"do": "open"})


async def route(bundle: Bundle, thread: Thread, traps: Traps) -> Route:
    """How the words that wait are answered; `traps` is asked only where a mirror may be held up."""
    danger = assess(thread.newest)
    if danger is not None and danger.shows_resources:
        return Route(call="crisis", task={"do": "answer", **_named(danger)})
    if not thread.newest.strip():
        return Route(call=f"stage{bundle.stage}", task={"do": "ask_what_is_missing"})
    if overwhelmed(bundle, thread):
        task = {"do": "answer", "intensity": thread.intensity, **_named(danger)}
        return Route(call="support", task=task, offer_support=support_offered(thread))
    if bundle.stage in MIRRORED_STAGES and danger is None:
        kind, row = await traps(thread.said[-REDIRECTIONS_MAX - 1 :])
        if kind is not None:
            do = "redirect" if row <= REDIRECTIONS_MAX else "offer_options"
            return Route(call="mirror", task={"do": do, "kind": kind, "inARow": row})
    note = meant(bundle.stage, thread.newest, bundle.items) if danger is None else None
    return Route(
        call=f"stage{bundle.stage}",
        task={"do": "answer", **_named(danger)},
        offer_feel_heard=danger is None and _offers(bundle, thread),
        ask_to_share=wanted(note),
    )


def _offers(bundle: Bundle, thread: Thread) -> bool:
    """Whether "do you feel heard?" is offered: enough was said, or the user says so by themselves,
    and it is not answered yet."""
    answered = bundle.stage != 1 or bundle.gates.get("feelHeardConfirmed")
    says_so = pattern("cues", "understood").search(thread.newest) is not None
    return ripe(bundle, thread) or (says_so and not answered)


def _named(danger: Crisis | None) -> Mapping[str, str]:
    """What the check found, for the prompt."""
    if danger is None:
        return {}
    return {"concern": danger.category.value, "severity": danger.severity.name.lower()}
