"""The offline facilitator: one class over the rules of this package."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

import msgspec

from beheard_hub.ai.danger import draft_in_danger, transformation_in_danger
from beheard_hub.ai.offline import common_ground as common_ground_rules
from beheard_hub.ai.offline import (
    drafts,
    extraction,
    heat,
    replies,
    softening,
    suggestions,
    synthesis,
)
from beheard_hub.ai.offline.texts import table
from beheard_hub.ai.offline.words import capitalised
from beheard_hub.ai.thread import NOBODY_NAMED, read_thread
from beheard_hub.facilitation import (
    Bundle,
    CommonItem,
    Delta,
    DraftCheck,
    Extraction,
    Item,
    SharedNeed,
    Spoken,
    Suggestion,
    Synthesis,
    Transformation,
)
from beheard_hub.ports import Embedder

VERSION = "1"
_WORDS_PER_DELTA = 4


class OfflineFacilitator:
    """`Facilitator` by rules, deterministic given the bundle and `seed`; see spec 06.

    It never waits for anything but the embedder, raises nothing of its own, and writes no log.
    """

    provider = "offline"

    def __init__(self, embedder: Embedder, *, seed: int = 0) -> None:
        self._embedder = embedder
        self._seed = seed

    async def open_stage(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """The opening of the bundle's stage, streamed."""
        hello = f"Hello, {bundle.user_name}" if bundle.user_name else "Hello"
        text = table("openings")[f"stage{bundle.stage}"].format(
            hello=hello, partner=bundle.partner_name or NOBODY_NAMED
        )
        for piece in pieces(text):
            yield Delta(piece)
        yield Spoken(text=text, prompt_version=f"offline/open-{bundle.stage}/{VERSION}")

    async def reply(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """The answer to the unanswered messages of the bundle, streamed."""
        turn = replies.turn_of(bundle, read_thread(bundle, self._seed))
        answer = replies.answer(turn)
        text = capitalised(answer.text)
        for piece in pieces(text):
            yield Delta(piece)
        yield Spoken(
            text=text,
            prompt_version=f"offline/{replies.route_of(turn)}-{bundle.stage}/{VERSION}",
            offer_feel_heard=answer.offer_feel_heard,
            offer_support=answer.offer_support,
            ask_to_share=answer.ask_to_share,
        )

    async def synthesise_needs(self, bundle: Bundle) -> Synthesis:
        """2-5 needs with literal quotes where the messages carry them, and questions."""
        return await synthesis.synthesise(bundle, self._embedder)

    async def transform(self, content_type: str, text: str, bundle: Bundle) -> Transformation:
        """A softened preview of `text`; the bundle adds nothing, so that nothing is invented."""
        return transformation_in_danger(text) or softening.transform(content_type, text)

    async def check_draft(self, text: str) -> DraftCheck:
        """Whether a draft shows curiosity, with a hint."""
        uncoached = draft_in_danger(text)
        if uncoached is not None:
            return uncoached
        label = f"offline/draft_check/{VERSION}"
        return msgspec.structs.replace(drafts.check_draft(text), prompt_version=label)

    async def close(self) -> None:
        """Has none."""

    def heat(self, text: str) -> Sequence[str]:
        """Warnings by kind and sentence number; never a word of the text."""
        return heat.heat(text)

    async def common_ground(self, needs: Sequence[SharedNeed]) -> Sequence[CommonItem]:
        """0-5 items from the two consented lists."""
        return await common_ground_rules.common_ground(needs, self._embedder)

    async def suggest(
        self, common: Sequence[str], focus: Sequence[str], library: Sequence[Item], count: int
    ) -> Sequence[Suggestion]:
        """1-5 experiments of the library (`fields`: title, category), nearest to what is shared."""
        return await suggestions.suggest(common, focus, library, count, self._embedder)

    async def extract(self, bundle: Bundle) -> Extraction:
        """Literal sentences that tell of something that happened; needs and named emotions."""
        return extraction.extract(bundle)


def pieces(text: str) -> Iterator[str]:
    """The text in groups of words; joined they are the text, line breaks included."""
    start, seen = 0, 0
    for index, char in enumerate(text):
        if char == " ":
            seen += 1
            if seen % _WORDS_PER_DELTA == 0:
                yield text[start : index + 1]
                start = index + 1
    if start < len(text):
        yield text[start:]
