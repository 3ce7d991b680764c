"""Attempts in every place whose text reaches a model: they stay data, steer nothing, leak nothing.

With the provider the proof is in the request itself: instructions byte for byte as ever, whatever
anybody wrote inside a block of data that it cannot leave. Offline it is in the answer. Around both,
a turn asks the same queries and hands over the same commands as for any other text.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from beheard_hub.ai.anthropic.prompts import prompt
from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.ai.probing import probes
from beheard_hub.facilitation import FacilitatorFailed, Spoken
from beheard_hub.reactions import turns
from beheard_hub.testing.messages_api.recording import Request
from tests.safety.attempts import PLACES, Calling, attempts
from tests.safety.scoring import SETS, phrases
from tests.unit.ai.anthropic.conftest import Desk
from tests.unit.ai.bundles_for_tests import ask, bundle, said
from tests.unit.reactions.fakes import SESSION, World, ai_turn, message

ATTEMPTS = attempts()
_ATTEMPTS_MIN = 60
_DATUM = re.compile(r'<data kind="(?:context|words|task)">([^<>&]*)</data>')
_HARMLESS = "We talked about the garden."
_BEHIND_AN_OFFER = "bundle.message_count"
"""Asked where the user may be offered the question whether they feel heard."""


def test_the_set_is_large_enough() -> None:
    assert len({text for _, text in ATTEMPTS}) == len(ATTEMPTS) >= _ATTEMPTS_MIN


# ---- the audit log


@pytest.mark.parametrize(("kind", "text"), ATTEMPTS)
def test_an_attempt_is_named_by_its_kind(kind: str, text: str) -> None:
    assert kind in probes(text) if kind else probes(text) == ()


def test_ordinary_words_are_no_attempts() -> None:
    ordinary = [row.text for name in SETS for row in phrases(name)]
    assert [text for text in ordinary if probes(text)] == []


# ---- the provider's requests


@pytest.mark.parametrize("place", PLACES)
async def test_in_a_request_an_attempt_stays_data(desk: Desk, place: str) -> None:
    usual = await _asked(desk, PLACES[place], _HARMLESS)
    for _, text in ATTEMPTS:
        found = await _asked(desk, PLACES[place], text)
        assert any(_holds(request.body["messages"], text) for request in found), ascii(text)
        for request in found:
            _check(request, text)
        assert _frame(found[-1]) == _frame(next(r for r in usual if r.call == found[-1].call))


async def _asked(desk: Desk, call: Calling, text: str) -> list[Request]:
    desk.api.requests.clear()
    with contextlib.suppress(FacilitatorFailed):
        await call(desk.facilitator, text)
    return list(desk.api.requests)


def _check(request: Request, text: str) -> None:
    assert request.system == prompt(request.call).system
    for turn_role, content in request.turns:
        outside = _DATUM.sub("", content)
        if turn_role == "user":
            assert outside.strip() == "", ascii(text)
        for inner in _DATUM.findall(content):
            msgspec.json.decode(inner)


def _holds(messages: list[Mapping[str, Any]], text: str) -> bool:
    """Whether the text is a value, or part of one, in a block of data."""
    blocks = [inner for turn in messages for inner in _DATUM.findall(str(turn["content"]))]
    return any(text in value for block in blocks for value in _strings(msgspec.json.decode(block)))


def _strings(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in _strings(part)]
    return [value] if isinstance(value, str) else []


def _frame(request: Request) -> Mapping[str, Any]:
    """All of a request but its turns."""
    return {name: value for name, value in request.body.items() if name != "messages"}


# ---- offline


@pytest.mark.parametrize("place", PLACES)
async def test_offline_an_attempt_is_answered_like_any_other_text(place: str) -> None:
    offline = OfflineFacilitator(LocalEmbedder())
    usual = await PLACES[place](offline, _HARMLESS)
    for _, text in ATTEMPTS:
        found = await PLACES[place](offline, text)
        assert type(found) is type(usual), ascii(text)


async def test_offline_nothing_is_said_that_the_user_did_not_say() -> None:
    """Neither a name of our own making, nor the attempt as if it were the facilitator's word."""
    offline = OfflineFacilitator(LocalEmbedder())
    for _, text in ATTEMPTS:
        spoken = await ask(offline, bundle(said(text, stage=2), 2))
        shown = spoken.text.casefold()
        assert not any(word in shown for word in ("__class__", "system prompt:", "offline/"))
        assert not shown.startswith(("open", "system:", "<"))


async def test_a_name_that_is_an_attempt_is_a_name() -> None:
    offline = OfflineFacilitator(LocalEmbedder())
    for _, text in ATTEMPTS:
        opening = [p async for p in offline.open_stage(bundle([], 0, user_name=text))][-1]
        plain = [p async for p in offline.open_stage(bundle([], 0, user_name="Ana"))][-1]
        assert isinstance(opening, Spoken)
        assert isinstance(plain, Spoken)
        assert opening.text.replace(text, "Ana") == plain.text


# ---- the turn around both


async def _turn(text: str) -> tuple[World, Any]:
    world = World()
    offline = OfflineFacilitator(LocalEmbedder())
    world.tools = msgspec.structs.replace(world.tools, facilitator=offline)
    world.hear(message(1, text))
    await turns.answer(world.tools, world.box, SESSION, ai_turn())
    return world, world.box.commands[-1].data


async def test_a_turn_asks_and_does_the_same_and_names_the_attempt_without_its_words() -> None:
    usual, _ = await _turn(_HARMLESS)
    for kind, text in ATTEMPTS:
        world, done = await _turn(text)
        asked = world.reads.queries() - {_BEHIND_AN_OFFER}
        assert asked == usual.reads.queries() - {_BEHIND_AN_OFFER}, ascii(text)
        assert [c.name for c in world.box.commands] == [c.name for c in usual.box.commands]
        assert (done.opening, done.stage, done.consent) == (False, 1, None)
        [(action, outcome, target)] = done.audit
        assert (action, outcome) == ("ai.bundle", "SENT")
        assert (kind in target["probes"]) if kind else target["probes"] == []
        assert text not in repr(done.audit)
