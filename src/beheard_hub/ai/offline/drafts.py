"""A look at an empathy draft: does it wonder about the other, or does it judge? Informs only."""

from __future__ import annotations

import re

from beheard_hub.ai.offline.heat import heat_kinds
from beheard_hub.ai.offline.words import words
from beheard_hub.ai.quoting import plain
from beheard_hub.facilitation import DraftCheck

_WONDERS = re.compile(
    r"\b(?:maybe|perhaps|might|may|I wonder|I imagine|I guess|I think (?:you|it|that)|I suppose"
    r"|could|must (?:be|have been|feel)|probably|it seems|as if|I can (?:see|imagine|understand)"
    r"|I understand|I realise|I realize|I believe|I sense)\b|\?",
    re.IGNORECASE,
)
_OTHER = re.compile(r"\b(?:you|your|you're|he|she|they|him|her|them|his|their)\b", re.IGNORECASE)
_FEELS = re.compile(
    r"\b(?:feel\w*|felt|afraid|tired|worr\w+|hurt\w*|sad|alone|lonel\w+|hop(?:e|ed|ing)|need\w*"
    r"|want\w*|miss\w*|hard|heavy|scared|overwhelm\w*|pressure|proud|ashamed|angry|wish\w*|matters?"
    r"|exhaust\w*|care\w*|fear\w*|weigh\w*|frustrat\w*|disappoint\w*|unseen|unheard|burden\w*)\b",
    re.IGNORECASE,
)
_WORDS_MIN = 6

_HINTS: dict[str, str] = {
    "short": "It is very short. What else might it be like over there?",
    "heat": "Some wording judges. Leaving aside who was right, what might it have felt like?",
    "other": "It speaks mostly of you. What might it be like for the other person?",
    "feels": "It says what happened. What might the other person have felt or needed in it?",
    "wonders": "It sounds certain. You could put it as a guess that the other person may correct.",
}


def check_draft(text: str) -> DraftCheck:
    """Curious or not, with one hint where it is not."""
    flat = plain(text)
    harsh = {name for name, _ in heat_kinds(flat)} & {"insult", "threat", "accusation"}
    checks = (
        ("short", len(words(flat)) < _WORDS_MIN),
        ("heat", bool(harsh)),
        ("other", not _OTHER.search(flat)),
        ("feels", not _FEELS.search(flat)),
        ("wonders", not _WONDERS.search(flat)),
    )
    wanting = next((name for name, missing in checks if missing), None)
    return DraftCheck(curious=wanting is None, hint=_HINTS[wanting] if wanting else "")
