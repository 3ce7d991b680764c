"""Transformation for sharing: softer, in the first person, and nothing that was not said (spec 06).

Every sentence goes through one table of rewrites; what remains hard after it is cut; what is too
thin after that becomes a question. Apart from the words in `ADDED_WORDS`, no word that carries
meaning comes from anywhere but the user's own text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from beheard_hub.ai.offline.heat import ABSOLUTE, INSULT, THREAT
from beheard_hub.ai.offline.words import (
    capitalised,
    content_stems,
    decapitalised,
    plain,
    sentences,
    shortened,
)
from beheard_hub.facilitation import Transformation

SENTENCES_MAX = 3
SENTENCE_CHARS_MAX = 300

ADDED_WORDS = frozenset(
    "missing been being hard find often rarely me feel limit help comes comes across happens much"
    " matters would like important".split()
)
"""The only content words that a transformation may add."""

_PERSON = r"(?:you|he|she|they)"
_PARTICIPLES = {
    "help": "helped", "helps": "helped", "ask": "asked", "asks": "asked", "asked": "asked",
    "thank": "thanked", "thanks": "thanked", "thanked": "thanked", "listen": "listened",
    "listens": "listened", "listened": "listened", "notice": "noticed", "notices": "noticed",
    "noticed": "noticed", "see": "seen", "sees": "seen", "hear": "heard", "hears": "heard",
    "call": "called", "calls": "called", "called": "called", "invite": "invited",
    "invites": "invited", "invited": "invited", "include": "included", "includes": "included",
    "included": "included", "trust": "trusted", "trusts": "trusted", "trusted": "trusted",
    "respect": "respected", "respects": "respected", "support": "supported",
    "supports": "supported", "supported": "supported", "tell": "told", "tells": "told",
    "told": "told", "believe": "believed", "believes": "believed", "understand": "understood",
    "understands": "understood", "hug": "hugged", "hugs": "hugged", "text": "texted",
    "texts": "texted", "visit": "visited", "visits": "visited", "consult": "consulted",
    "consults": "consulted", "appreciate": "appreciated", "appreciates": "appreciated",
    "remember": "remembered", "remembers": "remembered", "answer": "answered",
    "answers": "answered", "acknowledge": "acknowledged", "acknowledges": "acknowledged",
}  # fmt: skip
_VERBS = "|".join(sorted(_PARTICIPLES, key=len, reverse=True))
_CHORES = (
    r"(?:do|does|did|clean|cleans|cook|cooks|wash|washes|tidy|tidies|empty|empties|vacuum|vacuums)"
)

Rewrite = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def _missed(match: re.Match[str]) -> str:
    """ "you never ask me how I am" becomes "I have been missing being asked how I am"."""
    rest = re.sub(r"^\s*(?:me|us)\b", "", match["rest"])
    verb = match["verb"].lower()
    if _PARTICIPLES[verb] == "helped":
        return f"I have been missing help{rest}"
    return f"I have been missing being {_PARTICIPLES[verb]}{rest}"


def _rule(pattern: str, make: Callable[[re.Match[str]], str]) -> Rewrite:
    return re.compile(pattern, re.IGNORECASE), make


_NOT = (
    r"(?:never|hardly ever|rarely|don't|doesn't|do not|does not|didn't|did not|won't|refuses? to)"
)

REWRITES: tuple[Rewrite, ...] = (
    _rule(rf"^(?P<who>{_PERSON}) {_NOT} (?:ever |even |really |once |bother to )*"
          rf"(?P<verb>{_VERBS})\b(?P<rest>.*)$", _missed),
    _rule(rf"^{_PERSON} {_NOT} (?:ever |even |really |once )*{_CHORES} (?P<rest>.+)$",
          lambda m: f"I have been missing help with {_bare(m['rest'])}"),
    _rule(rf"^{_PERSON} {_NOT} (?:ever |even |really )*(?:care|cares|cared)(?P<rest> about .*| for .*)?$",
          lambda m: f"I have been missing being cared{m['rest'] or ' for'}"),
    _rule(rf"^{_PERSON} {_NOT} (?:ever |even |really )*(?:have|has|make|makes|find|finds|had|made) time"
          r"(?P<rest>.*)$", lambda m: f"I have been missing time{m['rest']}"),
    _rule(rf"^{_PERSON} (?:always |just |only |really )*makes? me (?:feel )?(?P<rest>.+)$",
          lambda m: f"I feel {m['rest']}"),
    _rule(rf"^{_PERSON} (?P<how>always|constantly|keep|keeps|only|just|never)\b(?P<rest>.+)$",
          lambda m: f"I find it hard when {m[0].split(' ', 1)[0].lower()}{_how(m['how'])}{m['rest']}"),
    _rule(rf"^(?P<rest>{_PERSON} (?!are\b|is\b|'re\b|were\b|was\b).+)$",
          lambda m: f"I find it hard when {decapitalised(m['rest'])}"),
)  # fmt: skip

_CUTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), new)
    for pattern, new in (
        (rf"\b{_PERSON}(?:'re|'s| are| is| were| was)(?: being| just| so| such| really| very| too"
         rf"| always| totally| completely)*(?: an?)?(?: \w+)? (?:{INSULT})\b[^,;]*", ""),
        (r"\b(?:it's |it is |that's |this is )?(?:all )?your (?:own )?fault\b", ""),
        (r"\b(?:all )?because of you\b", ""),
        (rf"\b(?:such |so |like )?(?:an? |the )?(?:{INSULT})\b(?: (?:person|man|woman|people))?", ""),
        (r"\bnot once\b|\bevery (?:single )?time\b|\ball the (?:damn )?time\b", "often"),
        (r"\b(?:always|constantly)\b", "often"),
        (r"\b(?:completely|totally|absolutely|utterly)\s+", ""),
        (r"\bnever\b", "rarely"),
        (r"\beveryone|everybody\b", "many"),
        (r"\beverything\b", "much"),
    )
)  # fmt: skip
_DROPPED = re.compile(rf"\b(?:{THREAT})\b|\bI hate\b", re.IGNORECASE)
_LEFT_HARD = re.compile(rf"\b(?:{INSULT}|your fault|because of you)\b", re.IGNORECASE)
_FIRST_PERSON = re.compile(
    r"\b(?:I|I'm|I've|I'd|I'll|me|my|mine|myself|we|us|our)\b", re.IGNORECASE
)
_LEADING = re.compile(
    r"^(?:and|but|so|because|well|oh|look|honestly|actually)\b[, ]*", re.IGNORECASE
)

_QUESTIONS = {
    "scene": "What happened, in one example, as a camera would have seen it?",
    "self": "What was it like for you, and what did you miss?",
    "wish": "What would you like to be known about it?",
}


def transform(content_type: str, text: str) -> Transformation:
    """A preview of 1-3 sentences, or questions where something would have to be invented.

    `content_type` is a ConsentContentType of spec 03.4; boundaries are worded as limits.
    """
    soft = [s for s in (_softened(sentence, content_type) for sentence in sentences(text)) if s]
    kept = soft[:SENTENCES_MAX]
    if not kept or len(content_stems(" ".join(kept)) - _added_stems()) < 2:
        asked = ("scene", "self") if kept or not soft else ("self", "wish")
        return Transformation(can_transform=False, clarifications=[_QUESTIONS[q] for q in asked])
    more = [_QUESTIONS["wish"]] if len(soft) > SENTENCES_MAX else []
    return Transformation(can_transform=True, text=" ".join(kept), clarifications=more)


def _added_stems() -> set[str]:
    return content_stems(" ".join(ADDED_WORDS))


def _softened(sentence: str, content_type: str) -> str:
    """One sentence, softened; empty when nothing that can be shared remains."""
    body = plain(sentence).strip().rstrip("!?. ").strip()
    if not body or _DROPPED.search(body):
        return ""
    body = _LEADING.sub("", body)
    for pattern, new in _CUTS[:4]:
        body = _tidy(pattern.sub(new, body))
    for pattern, make in REWRITES:
        match = pattern.match(body)
        if match:
            body = make(match)
            break
    for pattern, new in _CUTS[4:]:
        body = _tidy(pattern.sub(new, body))
    if _LEFT_HARD.search(body) or not content_stems(body) - _added_stems():
        return ""
    framed = _framed(body, content_type)
    return capitalised(shortened(framed, SENTENCE_CHARS_MAX)) + "."


def _framed(body: str, content_type: str) -> str:
    """The first person, where the sentence has none."""
    if content_type == "BOUNDARY" and not re.match(r"(?:I|my|I'm|I'd)\b", body, re.IGNORECASE):
        return f"A limit for me: {decapitalised(body)}"
    if _FIRST_PERSON.search(body):
        return body
    return f"For me, {decapitalised(body)}"


def _tidy(text: str) -> str:
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,;:.])", r"\1", text)
    text = re.sub(r"(?:[,;:]\s*){2,}", ", ", text)
    return re.sub(r"^(?:\s|[,;:]|\b(?:and|but|so|because|that|which)\b)+|(?:\s|[,;:]|\b(?:and|but|so"
                  r"|because|that|which|a|an|the|such|like|is|are|am|to|you|he|she|they)\b)+$",
                  "", text, flags=re.IGNORECASE).strip()  # fmt: skip


def _bare(rest: str) -> str:
    return re.sub(r"^(?:any of |some of |even one of )", "", rest)


def _how(word: str) -> str:
    return {"keep": " keep", "keeps": " keeps", "never": " rarely"}.get(word.lower(), "") or (
        " often" if word.lower() in {"always", "constantly"} else ""
    )
