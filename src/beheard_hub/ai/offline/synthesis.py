"""Need synthesis: from the user's own sentences to 2-5 needs with literal quotes (spec 06).

Patterns of the taxonomy speak first; a local embedding can add weight to a need or suggest one to
ask about, but never presents a need alone. A need whose quotes are not found word for word in the
user's messages is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from beheard_hub.ai.offline import taxonomy
from beheard_hub.ai.offline.similarity import similarities
from beheard_hub.ai.offline.taxonomy import NeedKind
from beheard_hub.ai.offline.words import clauses, sentences, shortened, without_quotations
from beheard_hub.ai.quoting import plain
from beheard_hub.ai.thread import role
from beheard_hub.facilitation import Bundle, Clarification, Need, Synthesis
from beheard_hub.ports import Embedder

NEEDS_MAX = 5
CLARIFICATIONS_MAX = 3
QUOTES_MAX = 5
QUOTE_CHARS_MAX = 200
PRESENTED_MIN = 0.5
CERTAIN_MIN = 0.7

_BY_PATTERNS = 0.44
_PER_SENTENCE = 0.12
_PER_EXTRA_PATTERN = 0.04
_BY_SIMILARITY = 0.30
_SIMILAR_MIN = 0.28
_CONFIDENCE_MAX = 0.95
_SENTENCES_MAX = 200


class _Support(msgspec.Struct):
    """What speaks for one need."""

    kind: NeedKind
    quotes: list[str]
    patterns: int = 0
    similarity: float = 0.0

    @property
    def confidence(self) -> float:
        """0..1, from the number of sentences and patterns and the nearest embedding."""
        extra = max(0, self.patterns - len(self.quotes)) * _PER_EXTRA_PATTERN
        by_patterns = _BY_PATTERNS + _PER_SENTENCE * min(len(self.quotes), 4) + extra
        base = by_patterns if self.patterns else 0.0
        return min(_CONFIDENCE_MAX, round(base + _BY_SIMILARITY * max(0.0, self.similarity), 2))


async def synthesise(bundle: Bundle, embedder: Embedder) -> Synthesis:
    """Needs of the bundle's user, surest first; questions for what is doubtful, none twice."""
    messages = [i.text for i in bundle.items if i.type == "message" and role(i) == "USER"]
    supports = _by_patterns(messages)
    await _add_similarity(messages, supports, embedder)
    ranked = sorted(supports.values(), key=lambda s: -s.confidence)
    literal = [s for s in ranked if s.quotes and all(_literal(q, messages) for q in s.quotes)]
    needs = _presented([s for s in literal if s.confidence >= PRESENTED_MIN])
    asked = {str(i.fields.get("potentialNeed")) for i in bundle.items if i.type == "clarification"}
    return Synthesis(needs, _questions(literal, needs, asked))


def _by_patterns(messages: Sequence[str]) -> dict[str, _Support]:
    supports: dict[str, _Support] = {}
    for message in messages:
        for sentence in sentences(message):
            for kind, count in taxonomy.needs_in(without_quotations(sentence)):
                support = supports.setdefault(kind.id, _Support(kind, []))
                quote = _quote(sentence, kind)
                support.patterns += count
                if quote not in support.quotes:
                    support.quotes.append(quote)
    for support in supports.values():
        support.quotes = sorted(support.quotes, key=_weight, reverse=True)[:QUOTES_MAX]
    return supports


def _weight(quote: str) -> tuple[int, int]:
    """Own words about oneself first, then the fuller ones."""
    first = plain(quote).lower().split(" ", 1)[0]
    return (first in {"i", "i'm", "i've", "my"}, -abs(len(quote) - 80))


def _quote(sentence: str, kind: NeedKind) -> str:
    """The literal sentence, or the clause of it that speaks, at a length that can be shown."""
    if len(sentence) <= QUOTE_CHARS_MAX:
        return sentence
    speaking = (
        clause
        for clause in clauses(sentence)
        if any(found.id == kind.id for found, _ in taxonomy.needs_in(plain(clause)))
    )
    return shortened(next(speaking, sentence), QUOTE_CHARS_MAX)


def _literal(quote: str, messages: Sequence[str]) -> bool:
    return any(quote in message for message in messages)


async def _add_similarity(
    messages: Sequence[str], supports: dict[str, _Support], embedder: Embedder
) -> None:
    texts = [s for m in messages for s in sentences(m) if len(s.split()) >= 4][-_SENTENCES_MAX:]
    kinds = taxonomy.need_kinds()
    rows = await similarities(embedder, texts, [kind.words for kind in kinds])
    for column, kind in enumerate(kinds):
        best = max(range(len(texts)), key=lambda i: rows[i][column], default=None)
        if best is None or rows[best][column] < _SIMILAR_MIN:
            continue
        quote = _quote(texts[best], kind)
        support = supports.setdefault(kind.id, _Support(kind, [quote]))
        support.similarity = rows[best][column]


def _presented(candidates: Sequence[_Support]) -> list[Need]:
    """At most five, and no more than two of one category: a list that one can take in."""
    chosen: list[_Support] = []
    for support in candidates:
        same = sum(1 for s in chosen if s.kind.category == support.kind.category)
        if same < 2 and len(chosen) < NEEDS_MAX:
            chosen.append(support)
    return [
        Need(
            need=s.kind.need,
            category=s.kind.category,
            description=s.kind.description,
            evidence=list(s.quotes),
            confidence=s.confidence,
        )
        for s in chosen
    ]


def _questions(
    literal: Sequence[_Support], needs: Sequence[Need], asked: set[str]
) -> list[Clarification]:
    """Doubtful needs that are shown come first, then those that are only worth a question."""
    shown: Mapping[str, float] = {n.need: n.confidence for n in needs}
    doubtful = [s for s in literal if shown.get(s.kind.need, 1.0) < CERTAIN_MIN]
    unsure = [s for s in literal if s.confidence < PRESENTED_MIN]
    return [
        Clarification(
            potential_need=s.kind.need, question=s.kind.question, evidence_so_far=s.quotes[0]
        )
        for s in [*doubtful, *unsure]
        if s.kind.need not in asked
    ][:CLARIFICATIONS_MAX]
