"""Transformation for sharing: softer, in the first person, and nothing that was not said (spec 06).

Every sentence goes through the tables of `texts/softening.toml`; what remains hard after it is left
out; what is too thin after that becomes a question. Apart from `ADDED_WORDS` and participles of the
user's own verbs, no word that carries meaning comes from anywhere but the user's own text.
"""

from __future__ import annotations

import re
from functools import cache

from beheard_hub.ai.offline.heat import alternatives
from beheard_hub.ai.offline.texts import table
from beheard_hub.ai.offline.words import (
    capitalised,
    content_stems,
    decapitalised,
    sentences,
    shortened,
)
from beheard_hub.ai.quoting import plain
from beheard_hub.facilitation import Transformation

SENTENCES_MAX = 3
SENTENCE_CHARS_MAX = 300

ADDED_WORDS: frozenset[str] = frozenset(table("softening")["added"])
"""The only content words that a transformation may add."""

_DROPPED = re.compile(rf"\b(?:{alternatives('threat')})\b|\bI hate\b", re.IGNORECASE)
_LEFT_HARD = re.compile(rf"\b(?:{alternatives('insult')})\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(
    r"\b(?:I|I'm|I've|I'd|I'll|me|my|mine|myself|we|us|our)\b", re.IGNORECASE
)
_OWN_START = re.compile(r"(?:I|my|I'm|I'd|I've)\b", re.IGNORECASE)
_LEADING = re.compile(
    r"^(?:and|but|so|because|well|oh|look|honestly|actually)\b[, ]*", re.IGNORECASE
)
_LOOSE_START = re.compile(r"^(?:\s|[,;:]|\b(?:and|but|so|because|that|which)\b)+", re.IGNORECASE)
_LOOSE_END = re.compile(
    r"(?:\s|[,;:]|\b(?:and|but|so|because|that|which|an?|the|such)\b)+$", re.IGNORECASE
)
_LOOSE_VERB = re.compile(
    r"(?:\s|\b(?:is|are|am|was|were|he|she|they|that's|it's|you're|he's|she's)\b)+$", re.IGNORECASE
)


def transform(content_type: str, text: str) -> Transformation:
    """A preview of 1-3 sentences, or questions where something would have to be invented.

    `content_type` is a ConsentContentType of spec 03.4; boundaries are worded as limits.
    """
    questions = table("softening")["questions"]
    soft = [s for s in (_softened(sentence, content_type) for sentence in sentences(text)) if s]
    if not soft:
        return Transformation(
            can_transform=False, clarifications=[questions["scene"], questions["self"]]
        )
    more = [questions["wish"]] if len(soft) > SENTENCES_MAX else []
    return Transformation(
        can_transform=True, text=" ".join(soft[:SENTENCES_MAX]), clarifications=more
    )


def _softened(sentence: str, content_type: str) -> str:
    """One sentence, softened; empty when nothing that can be shared remains."""
    original = plain(sentence).strip().rstrip("!?. ").strip()
    if not original or _DROPPED.search(original):
        return ""
    body = _replaced("before", _LEADING.sub("", original))
    body = _replaced("after", _rewritten(body))
    own_words = content_stems(body) & content_stems(original)
    if not own_words or _LEFT_HARD.search(body):
        return ""
    return capitalised(shortened(_framed(body, content_type), SENTENCE_CHARS_MAX)) + "."


@cache
def _compiled(section: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    rules = table("softening")
    names = {
        "{person}": rules["person"],
        "{not}": rules["not"],
        "{insult}": alternatives("insult"),
        "{verbs}": "|".join(rf"{verb[:-1] if verb.endswith('e') else verb}(?:e?s|e?d|e)?"
                            for verb in rules["participles"]),
    }  # fmt: skip
    compiled = []
    for row in rules[section]:
        text = row["pattern"]
        for name, value in names.items():
            text = text.replace(name, value)
        compiled.append((re.compile(text, re.IGNORECASE), row["to"]))
    return tuple(compiled)


def _replaced(section: str, body: str) -> str:
    for pattern, new in _compiled(section):
        changed = pattern.sub(new, body)
        if changed != body:
            body = _tidy(_LOOSE_VERB.sub("", changed) if not new else changed)
    return body


def _rewritten(body: str) -> str:
    """The first rewrite that fits; the sentence as it is if none does."""
    for pattern, template in _compiled("rewrite"):
        match = pattern.match(body)
        if match:
            caught = {key: value or "" for key, value in match.groupdict().items()}
            caught["who"] = caught.get("who", "").lower()
            return _tidy(template.format(done=_participle(caught.get("verb", "")), **caught))
    return body


def _participle(verb: str) -> str:
    """ "asks" → "asked"; the table's stem that the verb begins with decides."""
    stems = table("softening")["participles"]
    low = verb.lower()
    return next((done for stem, done in stems.items() if low.startswith(stem.rstrip("e"))), low)


def _framed(body: str, content_type: str) -> str:
    """The first person, where the sentence has none."""
    if content_type == "BOUNDARY" and not _OWN_START.match(body):
        return f"A limit for me: {decapitalised(body)}"
    if _FIRST_PERSON.search(body):
        return body
    return f"For me, {decapitalised(body)}"


def _tidy(text: str) -> str:
    """Mends the seams where something was taken out."""
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,;:.])", r"\1", text)
    text = re.sub(r"(?:[,;:]\s*){2,}", ", ", text)
    return _LOOSE_END.sub("", _LOOSE_START.sub("", text)).strip()
