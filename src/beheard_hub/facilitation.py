"""What the facilitator is asked and what it answers (spec 06): a port and its messages.

A model call sees a `Bundle` of one user and nothing else: what is not in it cannot slip out of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

import msgspec

from beheard_hub.domain.kernel import Json


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a model may see; refused where it lacks provenance (spec 4.3)."""

    source: Literal["user", "shared", "global"]
    type: str
    """``message``, ``user_event``, ``need``, ``consented_content``, ``common_ground``, ..."""
    id: str
    created_at: datetime
    consent: Literal["active", "not_applicable"]
    stage: int
    text: str
    fields: Mapping[str, Json] = {}
    """What the type adds: role of a message, category of a need, attributedTo of an event..."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """All that one model call sees, for one user of one session."""

    user_id: str
    user_name: str | None
    partner_name: str | None
    session_id: str
    stage: int
    intent: str
    """Memory intent of spec 4.3."""
    gates: Mapping[str, bool]
    items: Sequence[Item]


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one call."""

    input: int = 0
    output: int = 0
    cached: int = 0
    """Input that was read from the provider's cache; not part of `input`."""

    @property
    def total(self) -> int:
        """What counts against a budget."""
        return self.input + self.output + self.cached


class Delta(msgspec.Struct, frozen=True):
    """A piece of an answer; `reset` throws the earlier pieces away."""

    text: str
    reset: bool = False


class Piece(msgspec.Struct, frozen=True):
    """A piece of an AI answer on its way to its user's devices (`delta` of spec 5.2)."""

    reply_to: str
    message_id: str
    index: int
    text: str
    reset: bool = False
    """Earlier pieces of the message do not count; with an empty text none does."""
    lane: str | None = None
    """In a practice: who speaks, ``partner`` or ``coach``."""


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A finished answer; ends the stream of deltas."""

    text: str
    prompt_version: str
    usage: Usage = Usage()
    model: str = ""
    """Which one said it, where that is stored with the words."""
    offer_feel_heard: bool = False
    """Stage 1: the facilitator thinks the question may be offered; it never answers it."""
    offer_support: str | None = None
    """BREATHING_EXERCISE, BODY_SCAN, GROUNDING or PAUSE_SESSION."""
    ask_to_share: tuple[str, str] | None = None
    """Content type and id of something of the user's own that the partner might be shown, if the
    user agrees (spec 2.3, consent.request: the facilitator may ask by itself)."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A synthesised need; `evidence` are 1-5 literal quotes of the user's messages."""

    need: str
    category: str
    description: str
    evidence: Sequence[str]
    confidence: float


class Clarification(msgspec.Struct, frozen=True, kw_only=True):
    """A question about a need that is not clear enough."""

    potential_need: str
    question: str
    evidence_so_far: str


class Synthesis(msgspec.Struct, frozen=True):
    """Result of need synthesis."""

    needs: Sequence[Need]
    clarifications: Sequence[Clarification]


class Transformation(msgspec.Struct, frozen=True, kw_only=True):
    """A softened first-person text for sharing, or questions where it would have to invent."""

    can_transform: bool
    text: str = ""
    clarifications: Sequence[str] = ()


class DraftCheck(msgspec.Struct, frozen=True):
    """Whether an empathy draft shows curiosity; informs, never gates."""

    curious: bool
    hint: str = ""
    prompt_version: str | None = None
    """What made the hint; None where it is the hub's own rule about danger."""


class SharedNeed(msgspec.Struct, frozen=True, kw_only=True):
    """A consented need as common-ground analysis sees it: the text that crossed, nothing else."""

    content_id: str
    mine: bool
    text: str
    category: str


class CommonItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of common ground and the contents it stands on (at least one of each side)."""

    need: str
    category: str
    description: str
    source_content_ids: Sequence[str]


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A small experiment: specific, time-bound, reversible, measurable."""

    description: str
    needs_addressed: Sequence[str]
    duration: str | None
    measure_of_success: str | None


class ToldEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that happened, as the user told it."""

    message_id: str
    quote: str
    """A literal part of that message, and all that is kept of the event's text: nothing of it can
    be invented."""
    attributed_to: str
    """SELF, OTHER, MUTUAL or EXTERNAL."""
    emotions: Sequence[str] = ()


class Noticed(msgspec.Struct, frozen=True, kw_only=True):
    """What speaks from one message."""

    message_id: str
    needs: Sequence[str] = ()
    """Need categories: SAFETY, CONNECTION, ..."""
    emotions: Sequence[str] = ()
    """Lower-case nouns: ``anger``, ``loneliness``, ..."""


class Extraction(msgspec.Struct, frozen=True):
    """What a few messages of one user leave in that user's vessel."""

    events: Sequence[ToldEvent]
    messages: Sequence[Noticed]


class PlanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a planner may know: the stage, the intent, and what waits for an answer."""

    stage: int
    intent: str
    words: str
    """The user's unanswered words; data, never instructions."""


class FacilitatorFailed(Exception):
    """No answer could be had. `retryable` tells whether asking again may help."""

    def __init__(self, reason: str, *, retryable: bool = True) -> None:
        super().__init__(reason)
        self.retryable = retryable


class Facilitator(Protocol):
    """The AI between two people; one interface, several implementations (spec 06)."""

    provider: str

    def open_stage(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """The one message that opens a stage in the user's thread."""

    def reply(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """Answers the newest messages of the bundle. The last thing it yields is `Spoken`."""

    async def synthesise_needs(self, bundle: Bundle) -> Synthesis:
        """2-5 needs with literal quotes, and questions for what is doubtful."""

    async def transform(self, content_type: str, text: str, bundle: Bundle) -> Transformation:
        """A preview for sharing `text`: first person, 1-3 sentences, softened, nothing invented."""

    async def check_draft(self, text: str) -> DraftCheck:
        """Looks at an empathy draft."""

    async def close(self) -> None:
        """Lets go of its connections; nothing is asked afterwards."""

    def heat(self, text: str) -> Sequence[str]:
        """Warnings about heated wording in a text that the user edited; empty if calm."""

    async def common_ground(self, needs: Sequence[SharedNeed]) -> Sequence[CommonItem]:
        """0-5 items from the two consented lists only."""

    async def suggest(
        self, common: Sequence[str], focus: Sequence[str], library: Sequence[Item], count: int
    ) -> Sequence[Suggestion]:
        """1-5 experiments from common ground and library only."""

    async def extract(self, bundle: Bundle) -> Extraction:
        """Events, needs and emotions in the messages of the bundle, which holds own words and
        nothing else. Whoever asks checks that every quote is there, and drops what is not."""


@runtime_checkable
class PlanningFacilitator(Protocol):
    """A facilitator that can also be asked what to look up before it answers."""

    async def plan(self, asked: PlanRequest) -> Sequence[Mapping[str, Json]]:
        """Queries beside the standing bundle, in words; not trusted. Raises FacilitatorFailed."""


class Embedder(Protocol):
    """Text to vectors; zero-padded to 1536 (spec 03.7)."""

    model: str

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector of `DIMENSION` floats per text."""
