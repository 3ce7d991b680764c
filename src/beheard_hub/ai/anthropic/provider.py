"""The facilitator: which call of which prompt answers what.

Nothing is decided here about retries (`transport`), about what a model sees (`wording`), about what
is believed of it (`verification`) or which call a turn takes (`routes`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec

from beheard_hub.ai.anthropic import answers, verification
from beheard_hub.ai.anthropic.models import LARGE, SMALL
from beheard_hub.ai.anthropic.prompts import prompt
from beheard_hub.ai.anthropic.routes import Route, opening, route
from beheard_hub.ai.anthropic.transport import Transport, Whole
from beheard_hub.ai.anthropic.verification import Unfit
from beheard_hub.ai.anthropic.wording import Turn, about, conversation, numbered, request
from beheard_hub.ai.danger import draft_in_danger, transformation_in_danger
from beheard_hub.ai.offline.heat import heat
from beheard_hub.ai.thread import read_thread, role
from beheard_hub.domain.mediation.contract import TABLE
from beheard_hub.facilitation import (
    Bundle,
    CommonItem,
    Delta,
    DraftCheck,
    Extraction,
    FacilitatorFailed,
    Item,
    PlanRequest,
    SharedNeed,
    Spoken,
    Suggestion,
    Synthesis,
    Transformation,
)

ASKED_MAX = 2
"""How often a structured answer is asked for until it counts as missing."""

_Shape = TypeVar("_Shape", bound=msgspec.Struct)
_T = TypeVar("_T")


class AnthropicFacilitator:
    """`Facilitator` and `Planner` with a large and a small model; see spec 06."""

    provider = "anthropic"

    def __init__(
        self, transport: Transport, *, large: str | None = None, small: str | None = None
    ) -> None:
        """Model ids; None = `LARGE` and `SMALL`."""
        self._transport = transport
        self._models = {"large": large or LARGE, "small": small or SMALL}

    def open_stage(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """The opening of the bundle's stage, streamed."""
        return self._spoken(bundle, opening(bundle))

    async def reply(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """The answer to the unanswered messages of the bundle, streamed."""
        chosen = await route(bundle, read_thread(bundle), self._traps)
        async for piece in self._spoken(bundle, chosen):
            yield piece

    async def synthesise_needs(self, bundle: Bundle) -> Synthesis:
        """Needs with literal quotes, and questions for what is doubtful."""
        words = [i.text for i in bundle.items if i.type == "message" and role(i) == "USER"]
        asked = frozenset(
            str(i.fields.get("potentialNeed")).casefold()
            for i in bundle.items
            if i.type == "clarification"
        )

        def verified(said: answers.SaidSynthesis) -> Synthesis:
            return verification.synthesis(said, words, asked)

        turns = conversation(bundle, {"do": "synthesise"})
        return await self._structured("synthesis", turns, answers.SaidSynthesis, verified)

    async def transform(self, content_type: str, text: str, bundle: Bundle) -> Transformation:
        """A softened preview of `text`, or questions; of the bundle only the names are shown."""
        uncoached = transformation_in_danger(text)
        if uncoached is not None:
            return uncoached
        bare = msgspec.structs.replace(bundle, items=())
        names = [name for name in (bundle.user_name, bundle.partner_name) if name]
        turns = about({"contentType": content_type, "text": text}, bare)
        return await self._structured(
            "transform",
            turns,
            answers.SaidTransformation,
            lambda said: verification.transformation(said, text, names),
        )

    async def check_draft(self, text: str) -> DraftCheck:
        """Whether a draft shows curiosity, with a hint."""
        uncoached = draft_in_danger(text)
        if uncoached is not None:
            return uncoached
        return await self._structured(
            "draft_check", about({"text": text}), answers.SaidDraftCheck, verification.draft_check
        )

    async def close(self) -> None:
        """See the port."""
        await self._transport.close()

    def heat(self, text: str) -> Sequence[str]:
        """Warnings by kind and place, by rules: an edit is warned about at once, not discussed."""
        return heat(text)

    async def common_ground(self, needs: Sequence[SharedNeed]) -> Sequence[CommonItem]:
        """0-5 items from the two consented lists."""
        listed = [
            {"contentId": n.content_id, "mine": n.mine, "text": n.text, "category": n.category}
            for n in needs
        ]
        return await self._structured(
            "common_ground",
            about({"needs": listed}),
            answers.SaidCommonGround,
            lambda said: verification.common_ground(said, needs),
        )

    async def suggest(
        self, common: Sequence[str], focus: Sequence[str], library: Sequence[Item], count: int
    ) -> Sequence[Suggestion]:
        """1-5 experiments from common ground and library."""
        task = {
            "common": list(common),
            "focus": list(focus),
            "library": [{**_library_fields(item), "text": item.text} for item in library],
            "count": count,
        }
        return await self._structured(
            "suggest",
            about(task),
            answers.SaidSuggestions,
            lambda said: verification.suggestions(said, common, count),
        )

    async def plan(self, asked: PlanRequest) -> Sequence[Mapping[str, Any]]:
        """Queries beside the standing bundle: what the contract leaves open is named to the model,
        and whoever receives the plan checks it against the contract again."""
        task = {
            "stage": asked.stage,
            "intent": asked.intent,
            "words": asked.words,
            "open": [
                {
                    "query": row.query,
                    "sources": [str(w) for w in row.ways if asked.stage in row.ways[w]],
                }
                for row in TABLE
                if asked.stage in row.stages
            ],
        }
        return await self._structured(
            "plan", about(task), answers.SaidPlan, lambda said: [_query(q) for q in said.queries]
        )

    async def extract(self, bundle: Bundle) -> Extraction:
        """What the user's messages in the bundle tell of: literally, or not at all."""
        messages = [i for i in bundle.items if i.type == "message" and role(i) == "USER"]
        return await self._structured(
            "extract",
            numbered(bundle, [item.text for item in messages]),
            answers.SaidExtraction,
            lambda said: verification.extraction(said, messages),
        )

    async def _spoken(self, bundle: Bundle, chosen: Route) -> AsyncIterator[Delta | Spoken]:
        """One call in words."""
        told = prompt(chosen.call)
        asking = request(told, self._models[told.model], conversation(bundle, chosen.task))
        async with aclosing(self._transport.stream(asking)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Whole):
                    yield Spoken(
                        text=piece.text,
                        prompt_version=told.label,
                        usage=piece.usage,
                        offer_feel_heard=chosen.offer_feel_heard,
                        offer_support=chosen.offer_support,
                        ask_to_share=chosen.ask_to_share,
                    )
                else:
                    yield piece

    async def _structured(
        self,
        call: str,
        turns: Sequence[Turn],
        shape: type[_Shape],
        verified: Callable[[_Shape], _T],
    ) -> _T:
        """One call in data. Raises FacilitatorFailed, also for an answer that is unfit twice."""
        told = prompt(call)
        asking = request(told, self._models[told.model], turns, answers.schema(shape))
        for _ in range(ASKED_MAX):
            whole = await self._transport.whole(asking)
            try:
                return verified(msgspec.json.decode(whole.text, type=shape))
            except (msgspec.DecodeError, Unfit):
                continue
        raise FacilitatorFailed("no answer of the asked shape")

    async def _traps(self, newest: Sequence[str]) -> tuple[str | None, int]:
        """Looks at the newest messages before an answer is made. A check that fails holds up
        nothing: then there is no mirror in this turn."""
        listed = [{"number": n, "text": text} for n, text in enumerate(newest, 1)]
        try:
            return await self._structured(
                "mirror_check",
                about({"messages": listed}),
                answers.SaidTraps,
                lambda said: verification.traps_in_a_row(said, len(newest)),
            )
        except FacilitatorFailed:
            return None, 0


def _library_fields(item: Item) -> Mapping[str, Any]:
    return {name: item.fields.get(name) for name in ("title", "category")}


def _query(said: answers.SaidQuery) -> Mapping[str, Any]:
    """A query as a planner words it; what is not said is left out."""
    found = {"query": said.query, "source": said.source, "words": said.words}
    return {name: value for name, value in found.items() if value is not None}
