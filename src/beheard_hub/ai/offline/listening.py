"""Hearing: which of the user's own words a reply picks up, and what may lie under them.

Reported speech, words aimed at somebody and attempts to steer the program are never echoed: a
reply repeats what the user says of their own life, and nothing that somebody else is said to have
said.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from beheard_hub.ai.offline import taxonomy
from beheard_hub.ai.offline.thread import Thread
from beheard_hub.ai.offline.words import (
    clauses,
    decapitalised,
    plain,
    second_person,
    sentences,
    without_quotations,
    words,
)

_REPORTED = re.compile(
    r"(?<!\bI )(?<!\bwho )\b(?:said|says|saying|say|told|tells|telling|texted|texts|wrote|writes"
    r"|written|messaged"
    r"|replied|answered|claims?|claimed|thinks|thought|believes|called me|calls me|asked if"
    r"|according to|wants|wanted|feels|felt that (?:he|she|they)|admitted|whispered|emailed)\b",
    re.IGNORECASE,
)
_STEERING = re.compile(
    r"\b(?:ignore|instructions?|prompt|pretend|role-?play|act as|system|jailbreak|override"
    r"|developer|password|database|output|repeat after|bypass)\b",
    re.IGNORECASE,
)
_HARSH = re.compile(
    r"\b(?:idiot|moron|stupid|selfish|lazy|bitch|bastard|asshole|jerk|pig|loser|crap|shit\w*"
    r"|fuck\w*|damn|hell|pathetic|useless|worthless|narcissist\w*|toxic|crazy|psycho\w*|liar"
    r"|hate|disgusting|kill\w*|die|dead|hit|hits)\b",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(
    r"\b(?:you|your|yours|yourself|you're|you've|you'd|you'll)\b", re.IGNORECASE
)
_OPENING_NOISE = re.compile(
    r"^(?:well|oh|yes|no|yeah|honestly|actually|look|okay|ok|also|anyway|and|but|so|because|then"
    r"|the thing is|i mean),?\s+(?=\S)",
    re.IGNORECASE,
)
_LEAD_IN = (
    r"(?:(?:maybe|perhaps|sometimes|now|lately|these days|yesterday|today|tonight|(?:last|every"
    r"|most|this) \w+|at (?:night|work|home)|for (?:\w+ )?years|in the end),? )?"
)
_FINITE_VERB = re.compile(
    rf"^{_LEAD_IN}(?:"
    r"(?:I|we|it|this|there|nothing|everything|nobody|everybody|he|she|they) (?!to\b|and\b|or\b)"
    r"|(?:I'm|I've|I'd|I'll|we're|we've|we'd|it's|there's|that's|he's|she's|they're) "
    r"|(?:my|our) .*\b(?:is|was|are|were|has|have|feels?|does|doesn't|don't|needs?|keeps?)\b)",
    re.IGNORECASE,
)
_OWN_AGAIN = re.compile(r"\b(?:but|although|though|yet)\b", re.IGNORECASE)

FRAGMENT_WORDS_MAX = 16
_QUOTE_WORDS_MAX = 9


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply can build on; every text in it is the user's own."""

    clause: str | None = None
    """In the second person, ready to stand inside a sentence."""
    about_self: bool = True
    """Whether the clause speaks of the user (or of things), not of another person."""
    quote: str | None = None
    """A literal fragment."""
    feeling: str | None = None
    needs: Sequence[taxonomy.NeedKind] = ()


def listen(thread: Thread) -> Heard:
    """Looks at the newest messages, with the earlier answers in mind (nothing is echoed twice)."""
    told = (_own_part(s) for s in sentences(without_quotations(thread.newest)))
    usable = [s for s in told if s and not _untouchable(s)]
    other = _other_subject(thread.partner)
    best = _best_clause(usable, other, thread.answers)
    own = " ".join(usable)
    return Heard(
        clause=decapitalised_clause(best) if best else None,
        about_self=best is None or not other.match(best),
        quote=_quote(usable, thread.answers),
        feeling=_feeling(own, thread.answers),
        needs=[kind for kind, _ in taxonomy.needs_in(own)],
    )


def decapitalised_clause(clause: str) -> str:
    """The clause turned to the user."""
    return second_person(decapitalised(clause))


def _own_part(sentence: str) -> str:
    """What is left of a sentence without reported speech: what follows a "but", or nothing."""
    reports = list(_REPORTED.finditer(sentence))
    if not reports:
        return sentence
    back = _OWN_AGAIN.search(sentence, reports[-1].end())
    return sentence[back.end() :].strip() if back else ""


def _untouchable(sentence: str) -> bool:
    return any(p.search(sentence) for p in (_STEERING, _HARSH, _ADDRESSED)) or (
        sentence.endswith("?")
    )


def _other_subject(partner: str) -> re.Pattern[str]:
    return re.compile(rf"(?:he|she|they|he's|she's|they're|{re.escape(partner)})\b", re.IGNORECASE)


def _best_clause(usable: Sequence[str], other: re.Pattern[str], said: Sequence[str]) -> str | None:
    scored: list[tuple[float, str]] = []
    for sentence in usable:
        for raw in (sentence.strip(" .!?"), *clauses(sentence)):
            clause = _without_noise(raw)
            count = len(words(clause))
            if not 3 <= count <= FRAGMENT_WORDS_MAX or not _FINITE_VERB.match(clause):
                continue
            turned = decapitalised_clause(clause)
            if any(turned in answer for answer in said):
                continue
            scored.append((_weight(clause, count, other), clause))
    return max(scored, key=lambda s: s[0])[1] if scored else None


def _weight(clause: str, count: int, other: re.Pattern[str]) -> float:
    """How much a clause seems to matter: own feelings and needs first, mere facts last."""
    weight = min(count, 10) / 10
    weight += 2.0 * len(taxonomy.feelings_said(clause)[:1])
    weight += 1.0 * len(taxonomy.needs_in(clause)[:2])
    weight += 1.0 if re.match(r"(?:I|I'm|I've|my)\b", clause, re.IGNORECASE) else 0.0
    weight -= 1.0 if other.match(clause) else 0.0
    weight -= 0.5 if re.search(r"\b(?:we|us|our)\b", clause, re.IGNORECASE) else 0.0
    return weight


def _without_noise(clause: str) -> str:
    before = None
    while before != clause:
        before, clause = clause, _OPENING_NOISE.sub("", clause)
    return clause


def _quote(usable: Sequence[str], said: Sequence[str]) -> str | None:
    """A short literal clause with weight in it, if there is one that was not quoted before."""
    for sentence in usable:
        for clause in clauses(sentence):
            short = 2 <= len(words(clause)) <= _QUOTE_WORDS_MAX
            heavy = taxonomy.needs_in(clause) or taxonomy.feelings_said(clause)
            if short and heavy and not any(clause in answer for answer in said):
                return clause
    return None


def _feeling(text: str, said: Sequence[str]) -> str | None:
    """A feeling to guess at: hinted, not named by the user, not guessed in the last answers."""
    recent = " ".join(said[-2:])
    return next((f for f in taxonomy.feelings_hinted(plain(text)) if f not in recent), None)
