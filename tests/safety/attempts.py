"""The attempts of `attempts.toml` and the places in which each of them is put."""

from __future__ import annotations

import tomllib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from beheard_hub.facilitation import Facilitator, Item, SharedNeed
from tests.unit.ai.bundles_for_tests import ask, bundle, item, said

Calling = Callable[[Facilitator, str], Awaitable[object]]


def attempts() -> Sequence[tuple[str, str]]:
    """(kind of probe, text) of every attempt."""
    path = Path(__file__).parent / "attempts.toml"
    rows = tomllib.loads(path.read_text(encoding="utf-8"))["attempt"]
    return [(row["probe"], text) for row in rows for text in row["texts"]]


async def _message(facilitator: Facilitator, text: str) -> object:
    return await ask(facilitator, bundle(said("It was a long day.", text, stage=1)))


async def _user_name(facilitator: Facilitator, text: str) -> object:
    return await ask(facilitator, bundle(said("It was a long day."), user_name=text))


async def _partner_name(facilitator: Facilitator, text: str) -> object:
    return await ask(facilitator, bundle(said("It was a long day."), partner_name=text))


async def _own_draft(facilitator: Facilitator, text: str) -> object:
    return await ask(facilitator, bundle(_with(text, "draft", "user"), 2))


async def _shared_by_the_partner(facilitator: Facilitator, text: str) -> object:
    return await ask(facilitator, bundle(_with(text, "consented_content", "shared"), 2))


async def _proposal(facilitator: Facilitator, text: str) -> object:
    return await ask(facilitator, bundle(_with(text, "strategy", "shared", 4), 4))


async def _synthesis(facilitator: Facilitator, text: str) -> object:
    return await facilitator.synthesise_needs(bundle(said("I need rest.", text, stage=2), 2))


async def _transform(facilitator: Facilitator, text: str) -> object:
    return await facilitator.transform("EVENT_SUMMARY", text, bundle([], 2))


async def _draft_check(facilitator: Facilitator, text: str) -> object:
    return await facilitator.check_draft(text)


async def _partners_need(facilitator: Facilitator, text: str) -> object:
    mine = SharedNeed(content_id="c1", mine=True, text="To rest", category="SAFETY")
    theirs = SharedNeed(content_id="c2", mine=False, text=text, category="SAFETY")
    return await facilitator.common_ground([mine, theirs])


async def _focus(facilitator: Facilitator, text: str) -> object:
    return await facilitator.suggest(["To rest"], [text], [_idea("A walk on Sunday.")], 1)


async def _library_idea(facilitator: Facilitator, text: str) -> object:
    return await facilitator.suggest(["To rest"], [], [_idea(text), _idea("A walk.", 2)], 1)


PLACES: dict[str, Calling] = {
    "message": _message,
    "user's name": _user_name,
    "partner's name": _partner_name,
    "own draft": _own_draft,
    "what the partner shared": _shared_by_the_partner,
    "proposal": _proposal,
    "synthesis": _synthesis,
    "text for sharing": _transform,
    "draft check": _draft_check,
    "partner's need": _partners_need,
    "focus": _focus,
    "library idea": _library_idea,
}
"""Where a text of somebody's reaches a model → a call that brings it there."""


def _with(text: str, type_: str, source: str, stage: int = 2) -> list[Item]:
    consent = "active" if type_ == "consented_content" else "not_applicable"
    return [
        item(1, text, type=type_, source=source, consent=consent, stage=stage, fields={}),
        item(2, "It was a long day.", stage=stage),
    ]


def _idea(text: str, number: int = 1) -> Item:
    fields = {"title": text, "category": "LISTENING"}
    return item(number, text, source="global", type="experiment_suggestion", fields=fields)
