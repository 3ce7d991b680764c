"""The typed queries of a retrieval plan: what a planner may ask for, in form (spec 4.3).

One struct a row of `contract.TABLE`, told apart by ``query``. A planner's words (rules today, a
model's JSON) are decoded into these or rejected: another vessel, another way, a field too many, a
limit too high does not fit the type. Whether the stage allows a query is not said here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from beheard_hub.domain.mediation.contract import Way

WORDS_CHARS_MAX = 1_000
LIMIT_MAX = 50

Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)]
Words: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=WORDS_CHARS_MAX)]


class Query(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="query"
):
    """Base of all queries."""

    limit: Limit = 20

    @property
    def name(self) -> str:
        """Its row in the contract."""
        return str(type(self).__struct_config__.tag)

    @property
    def way(self) -> Way:
        """How it finds its rows."""
        source: str = getattr(self, "source", Way.STRUCTURED)
        return Way(source)


class _Metadata(Query, frozen=True, kw_only=True):
    source: Literal["metadata"] = "metadata"


class _Own(Query, frozen=True, kw_only=True):
    vessel: Literal["user"] = "user"
    source: Literal["structured"] = "structured"


class _Shared(Query, frozen=True, kw_only=True):
    vessel: Literal["shared"] = "shared"
    source: Literal["structured"] = "structured"


class _Searchable(Query, frozen=True, kw_only=True):
    """By structure, or by vector with the words to be near to. (May not be one's own words: a
    planner phrases them.)"""

    source: Literal["structured", "vector"] = "structured"
    words: Words | None = None

    def __post_init__(self) -> None:
        if (self.source == "vector") != (self.words is not None):
            raise ValueError("words belong to a vector search, and it needs them")


class SessionMetadata(_Metadata, frozen=True, kw_only=True, tag="session_metadata"):
    """The session itself, without a word of anybody."""


class RelationshipMetadata(_Metadata, frozen=True, kw_only=True, tag="relationship_metadata"):
    """The relationship, without a word of anybody."""


class SessionOutcomes(Query, frozen=True, kw_only=True, tag="session_outcomes"):
    """Agreed artefacts of earlier sessions."""

    source: Literal["structured"] = "structured"


class UserEvent(_Searchable, frozen=True, kw_only=True, tag="user_event"):
    """What the user said happened."""

    vessel: Literal["user"] = "user"


class EmotionalReading(_Searchable, frozen=True, kw_only=True, tag="emotional_reading"):
    """How strong it was, and about what."""

    vessel: Literal["user"] = "user"


class Message(_Own, frozen=True, kw_only=True, tag="message"):
    """The newest of the own thread."""


class PriorTheme(_Own, frozen=True, kw_only=True, tag="prior_theme"):
    """Confirmed needs of the user's earlier sessions of this relationship."""


class Draft(_Own, frozen=True, kw_only=True, tag="draft"):
    """The own empathy draft."""


class Clarification(_Own, frozen=True, kw_only=True, tag="clarification"):
    """Questions about needs that were not clear, and the answers."""


class Need(_Searchable, frozen=True, kw_only=True, tag="need"):
    """Own needs; in stage 1 those of earlier sessions."""

    vessel: Literal["user"] = "user"


class Boundary(_Own, frozen=True, kw_only=True, tag="boundary"):
    """Own boundaries."""


class ConsentedContent(_Searchable, frozen=True, kw_only=True, tag="consented_content"):
    """What the partner shared, while the consent is active."""

    vessel: Literal["shared"] = "shared"


class CommonGround(_Shared, frozen=True, kw_only=True, tag="common_ground"):
    """What both need."""


class Strategy(_Shared, frozen=True, kw_only=True, tag="strategy"):
    """Ideas, unlabelled."""


class Ranking(_Shared, frozen=True, kw_only=True, tag="ranking"):
    """The own ranking; the partner's after both."""


class Agreement(_Shared, frozen=True, kw_only=True, tag="agreement"):
    """Agreements of this session."""


class MicroExperiment(_Shared, frozen=True, kw_only=True, tag="micro_experiment"):
    """Those agreements that are micro-experiments."""


class ExperimentSuggestion(Query, frozen=True, kw_only=True, tag="experiment_suggestion"):
    """Experiments of the library nearest to `words`, without them to the common ground."""

    vessel: Literal["global"] = "global"
    source: Literal["vector"] = "vector"
    words: Words | None = None
    limit: Limit = 5


AnyQuery: TypeAlias = (
    SessionMetadata
    | RelationshipMetadata
    | SessionOutcomes
    | UserEvent
    | EmotionalReading
    | Message
    | PriorTheme
    | Draft
    | Clarification
    | Need
    | Boundary
    | ConsentedContent
    | CommonGround
    | Strategy
    | Ranking
    | Agreement
    | MicroExperiment
    | ExperimentSuggestion
)


def typed(wanted: Any) -> Query | None:
    """A planner's words as a query, or None where they fit no type."""
    try:
        found: Query = msgspec.convert(wanted, AnyQuery)
    except (msgspec.ValidationError, RecursionError):
        return None
    return found
