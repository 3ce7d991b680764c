"""Nobody is asked to empathise with violence: in a turn, in a draft, in a text for sharing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from beheard_hub.ai.danger import DRAFT_HINT, NOT_SOFTENED
from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.ai.offline.texts import table
from beheard_hub.facilitation import Facilitator
from tests.unit.ai.anthropic.conftest import Desk
from tests.unit.ai.bundles_for_tests import ask, bundle, said

VIOLENT = ("He always hits me, he is a monster and he only does it to hurt me.", "I slapped her.")
CALM = "Maybe you were afraid that I would leave, and you felt alone with it."


@pytest.fixture(params=["offline", "anthropic"])
def facilitator(request: pytest.FixtureRequest, desk: Desk) -> Facilitator:
    offline = OfflineFacilitator(LocalEmbedder())
    return offline if request.param == "offline" else desk.facilitator


@pytest.mark.parametrize("stage", [1, 2, 3, 4])
@pytest.mark.parametrize("text", VIOLENT)
async def test_a_turn_has_neither_mirror_nor_coaching(
    facilitator: Facilitator, text: str, stage: int
) -> None:
    spoken = await ask(facilitator, bundle(said(text, stage=stage), stage))
    assert "/crisis" in spoken.prompt_version
    assert not spoken.offer_feel_heard
    assert spoken.offer_support is None
    assert spoken.ask_to_share is None


async def test_a_provider_is_asked_for_one_thing_only(desk: Desk) -> None:
    await ask(desk.facilitator, bundle(said(VIOLENT[0], stage=2), 2))
    assert desk.calls == ["crisis"]


async def test_offline_the_words_are_those_for_danger() -> None:
    lines: Sequence[str] = table("replies")["crisis"]["urgent"]
    found = await ask(OfflineFacilitator(LocalEmbedder()), bundle(said(VIOLENT[0], stage=2), 2))
    assert found.text in lines


async def test_the_turn_after_it_is_an_ordinary_one(facilitator: Facilitator) -> None:
    spoken = await ask(facilitator, bundle(said("We talked about the garden.", stage=2), 2))
    assert "/crisis" not in spoken.prompt_version


@pytest.mark.parametrize("text", ["Maybe you hit me because you felt alone.", *VIOLENT])
async def test_a_draft_is_not_coached(facilitator: Facilitator, desk: Desk, text: str) -> None:
    assert (await facilitator.check_draft(text)).hint == DRAFT_HINT
    assert desk.calls == []


@pytest.mark.parametrize("text", VIOLENT)
async def test_violence_is_not_put_gently(facilitator: Facilitator, desk: Desk, text: str) -> None:
    made = await facilitator.transform("EVENT_SUMMARY", text, bundle([], 2))
    assert not made.can_transform
    assert made.clarifications == (NOT_SOFTENED,)
    assert desk.calls == []


async def test_any_other_text_is_looked_at(facilitator: Facilitator) -> None:
    assert (await facilitator.check_draft(CALM)).hint != DRAFT_HINT
    made = await facilitator.transform("EVENT_SUMMARY", "You forgot my birthday.", bundle([], 2))
    assert NOT_SOFTENED not in made.clarifications
