"""What is believed of a structured answer (spec 06): checked in code against what was asked.

A model may be asked not to invent; whether it did is seen here. What does not hold is left out; an
answer of which nothing is left, or whose whole is wrong, is `Unfit`: it is asked for once more, and
then counts as missing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from beheard_hub.ai.anthropic import answers
from beheard_hub.ai.anthropic.prompts import prompt
from beheard_hub.ai.quoting import literal, plain
from beheard_hub.facilitation import (
    Clarification,
    CommonItem,
    DraftCheck,
    Extraction,
    Item,
    Need,
    Noticed,
    SharedNeed,
    Suggestion,
    Synthesis,
    ToldEvent,
    Transformation,
)

NEEDS_MAX = 5
CLARIFICATIONS_MAX = 3
QUOTES_MAX = 5
PRESENTED_MIN = 0.5
CERTAIN_MIN = 0.7
NEED_CHARS_MAX = 200
DESCRIPTION_CHARS_MAX = 300
COMMON_DESCRIPTION_CHARS_MAX = 200
QUESTION_CHARS_MAX = 300
SENTENCES_MAX = 3
TRANSFORMED_CHARS_MAX = 900
HINT_CHARS_MAX = 300
IDEA_CHARS_MAX = 800
DURATION_CHARS_MAX = 100
MEASURE_CHARS_MAX = 300
ADDRESSED_MAX = 3
COUNT_MAX = 5
EVENT_CHARS_MAX = 300
EMOTION_CHARS_MAX = 40
EMOTIONS_MAX = 8

OPEN_QUESTION = "Is this close to what you need, or is it something else?"
"""Asked of a doubtful need for which the model found no question of its own."""

_FIRST_PERSON = re.compile(r"\b(?:I|I'm|I've|I'd|I'll|me|my|mine|myself)\b")
_SENTENCE = re.compile(r"[^.!?]*[^.!?\s][^.!?]*(?:[.!?]+|$)")
_NUMBER = re.compile(r"\d+")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}")


class Unfit(Exception):
    """An answer that cannot be used."""


def synthesis(
    said: answers.SaidSynthesis, messages: Sequence[str], asked: frozenset[str]
) -> Synthesis:
    """Needs with literal quotes, surest first, and questions that were not asked before.

    From 0.5 on a need is presented, below 0.7 together with a question; what is less sure is only
    worth a question. `asked` are the needs that were asked about, in lower case. Raises Unfit where
    something was said and nothing of it holds.
    """
    grounded = [need for need in (_grounded(one, messages) for one in said.needs) if need]
    sure = sorted(grounded, key=lambda need: -need.confidence)
    needs = [need for need in sure if need.confidence >= PRESENTED_MIN][:NEEDS_MAX]
    if said.needs and not grounded:
        raise Unfit
    offered = [_clarified(one, messages) for one in said.clarifications if one.question.strip()]
    known = {one.potential_need.casefold() for one in offered}
    presented = {need.need for need in needs}
    doubtful = [
        Clarification(
            potential_need=need.need, question=OPEN_QUESTION, evidence_so_far=need.evidence[0]
        )
        for need in sure
        if need.confidence < CERTAIN_MIN
        and need.need.casefold() not in known
        and (need.need in presented or need.confidence < PRESENTED_MIN)
    ]
    fresh = [one for one in [*offered, *doubtful] if one.potential_need.casefold() not in asked]
    return Synthesis(needs, fresh[:CLARIFICATIONS_MAX])


def _grounded(said: answers.SaidNeed, messages: Sequence[str]) -> Need | None:
    """The need with those of its quotes that the user wrote; None where there is none."""
    found = [literal(quote, messages) for quote in said.evidence]
    quotes = list(dict.fromkeys(quote for quote in found if quote is not None))
    named = 0 < len(said.need.strip()) <= NEED_CHARS_MAX
    if not quotes or not named or len(said.description) > DESCRIPTION_CHARS_MAX:
        return None
    return Need(
        need=said.need.strip(),
        category=said.category,
        description=said.description.strip(),
        evidence=quotes[:QUOTES_MAX],
        confidence=min(1.0, max(0.0, said.confidence)),
    )


def _clarified(said: answers.SaidClarification, messages: Sequence[str]) -> Clarification:
    """The question; what is not the user's word is no evidence."""
    return Clarification(
        potential_need=said.potential_need.strip()[:NEED_CHARS_MAX],
        question=said.question.strip()[:QUESTION_CHARS_MAX],
        evidence_so_far=literal(said.evidence_so_far, messages) or "",
    )


def transformation(
    said: answers.SaidTransformation, original: str, names: Sequence[str] = ()
) -> Transformation:
    """1-3 sentences in the first person, or questions. Raises Unfit for anything else, and where a
    number or a name is in it that the original does not have."""
    questions = [one.strip()[:QUESTION_CHARS_MAX] for one in said.clarifications if one.strip()]
    if not said.can_transform:
        if not questions:
            raise Unfit
        return Transformation(can_transform=False, clarifications=questions[:CLARIFICATIONS_MAX])
    text = said.text.strip()
    if not 1 <= len(_SENTENCE.findall(text)) <= SENTENCES_MAX or len(text) > TRANSFORMED_CHARS_MAX:
        raise Unfit
    if not _FIRST_PERSON.search(plain(text)) or _invented(text, [original, *names]):
        raise Unfit
    return Transformation(
        can_transform=True, text=text, clarifications=questions[:CLARIFICATIONS_MAX]
    )


def _invented(text: str, sources: Sequence[str]) -> bool:
    """Whether a number or a name comes from nowhere: the specifics that can be told in code."""
    known = " ".join(sources).casefold()
    specifics = [*_NUMBER.findall(text), *_NAME.findall(text)]
    return any(one.casefold() not in known for one in specifics)


def draft_check(said: answers.SaidDraftCheck) -> DraftCheck:
    """Curious or not; a hint only where it is not."""
    hint = "" if said.curious else said.hint.strip()[:HINT_CHARS_MAX]
    return DraftCheck(said.curious, hint, prompt("draft_check").label)


def traps_in_a_row(said: answers.SaidTraps, count: int) -> tuple[str | None, int]:
    """What the newest of `count` messages is, and how many closed doors there are in a row, counted
    back from it. Raises Unfit unless every message got one answer."""
    kinds = {one.number: one.kind for one in said.messages}
    if sorted(kinds) != list(range(1, count + 1)) or len(said.messages) != count:
        raise Unfit
    row = 0
    while row < count and kinds[count - row] != "none":
        row += 1
    return (kinds[count] if row else None), row


def common_ground(
    said: answers.SaidCommonGround, needs: Sequence[SharedNeed]
) -> Sequence[CommonItem]:
    """Items that stand on needs of both sides and on nothing else. None is an answer. Raises Unfit
    where there were items and none of them stands."""
    mine = {need.content_id for need in needs if need.mine}
    theirs = {need.content_id for need in needs if not need.mine}
    items = [
        CommonItem(
            need=one.need.strip(),
            category=one.category,
            description=one.description.strip(),
            source_content_ids=list(dict.fromkeys(one.source_content_ids)),
        )
        for one in said.items
        if _stands(one, mine, theirs)
    ]
    if said.items and not items:
        raise Unfit
    return items[:NEEDS_MAX]


def _stands(said: answers.SaidCommonItem, mine: set[str], theirs: set[str]) -> bool:
    ids = set(said.source_content_ids)
    short = (
        0 < len(said.need.strip()) <= NEED_CHARS_MAX
        and len(said.description.strip()) <= COMMON_DESCRIPTION_CHARS_MAX
    )
    return short and bool(ids & mine) and bool(ids & theirs) and ids <= mine | theirs


def suggestions(
    said: answers.SaidSuggestions, common: Sequence[str], count: int
) -> Sequence[Suggestion]:
    """1-5 experiments with a time and a measure, which address common ground only. Raises Unfit
    where there is none."""
    fitting = [
        Suggestion(
            description=one.description.strip(),
            needs_addressed=[need for need in one.needs_addressed if need in common][
                :ADDRESSED_MAX
            ],
            duration=one.duration.strip(),
            measure_of_success=one.measure_of_success.strip(),
        )
        for one in said.suggestions
        if 0 < len(one.description.strip()) <= IDEA_CHARS_MAX
        and 0 < len(one.duration.strip()) <= DURATION_CHARS_MAX
        and 0 < len(one.measure_of_success.strip()) <= MEASURE_CHARS_MAX
    ]
    if not fitting:
        raise Unfit
    return fitting[: max(1, min(count, COUNT_MAX))]


def extraction(said: answers.SaidExtraction, messages: Sequence[Item]) -> Extraction:
    """Events that stand in a message, and what was noticed of messages that are there."""
    events = [
        ToldEvent(
            message_id=message.id,
            quote=quote,
            attributed_to=one.attributed_to,
            emotions=_nouns(one.emotions),
        )
        for one in said.events
        for message, quote in _found(one.quote, messages)
        if len(quote) <= EVENT_CHARS_MAX
    ]
    noticed = [
        Noticed(
            message_id=messages[one.number - 1].id,
            needs=list(dict.fromkeys(one.needs)),
            emotions=_nouns(one.emotions),
        )
        for one in said.messages
        if 1 <= one.number <= len(messages)
    ]
    return Extraction(events, noticed)


def _found(quote: str, messages: Sequence[Item]) -> list[tuple[Item, str]]:
    """The first message in which a quote stands, and the quote; empty where it stands in none."""
    hits = ((message, literal(quote, [message.text])) for message in messages)
    return [(message, text) for message, text in hits if text is not None][:1]


def _nouns(said: Sequence[str]) -> list[str]:
    """Emotions as they are stored: short, lower case, each once."""
    tidy = (one.strip().lower() for one in said)
    return list(dict.fromkeys(one for one in tidy if 0 < len(one) <= EMOTION_CHARS_MAX))[
        :EMOTIONS_MAX
    ]
