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
from beheard_hub.ai.offline.words import (
    clauses,
    decapitalised,
    second_person,
    sentences,
    without_quotations,
    words,
)
from beheard_hub.ai.quoting import plain
from beheard_hub.ai.thread import Thread

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
    r"|so that|the (?:thing|truth) is(?: that)?|i mean(?: that)?|in fact|nearly|almost"
    r"|of course|maybe|perhaps),?\s+(?=\S)",
    re.IGNORECASE,
)
_CLOSING_NOISE = re.compile(
    r",? (?:I think|I guess|I suppose|I mean|you know|honestly|by the way|really|then|too|as well"
    r"|though|if I'm honest)$",
    re.IGNORECASE,
)
_LEAD_IN = (
    r"(?:(?:maybe|perhaps|sometimes|now|lately|these days|yesterday|today|tonight|(?:last|every"
    r"|most|this) \w+|at (?:night|work|home)|for (?:\w+ )?years|in the end),? )?"
)
_CONDITION = r"(?:(?:if|when|whenever|every time|as soon as)\b[^,]{3,60},? )?"
_FINITE_VERB = re.compile(
    rf"^{_LEAD_IN}{_CONDITION}(?:"
    r"(?:I|we|it|he|she|they) (?!to\b|and\b|or\b)"
    r"|(?:this|there|nothing|everything|nobody|everybody|no one)"
    r" (?:(?:ever|else|just|really|even) )?(?:is|was|has|had|can|could|will|would|\w+(?:s|ed))\b"
    r"|(?:I'm|I've|I'd|I'll|we're|we've|we'd|it's|there's|that's|he's|she's|they're) "
    r"|(?:the|her|his) \w+ (?:is|was|has|had|doesn't|didn't|never|isn't|wasn't|can't|won't|keeps)\b"
    r"|(?:my|our) .*\b(?:is|was|are|were|has|have|feels?|does|doesn't|don't|needs?|keeps?)\b)",
    re.IGNORECASE,
)
_OWN_SUBJECT = re.compile(rf"^{_LEAD_IN}{_CONDITION}(?:I|I'm|I've|I'd|I'll|my)\b", re.IGNORECASE)
_SELF_REPORT = re.compile(
    r"^I(?:'d|'ve)? (?:also |just )?(?:said|say|told|tell|typed?|wrote|write"
    r"|scrolled|went back|read|put)\b",
    re.IGNORECASE,
)
_FELT = re.compile(r"\bI (?:just |really |still |always |only )*(?:feel|felt)\b", re.IGNORECASE)
_POINTING = re.compile(r"^(?:it|it's|that's|this|there's|there|they're|that) ?", re.IGNORECASE)
_WEIGHTY = re.compile(
    r"\b(?:never|nobody|no one|only|alone|can't|cannot|couldn't|stopped|whole|always|still|don't"
    r"|didn't|anymore|any more|mine|myself|hurts?|miss|hope|enough|doesn't|won't)\b",
    re.IGNORECASE,
)
_WISHING = re.compile(
    rf"^{_LEAD_IN}(?:I (?:also |just |only |really |do )*(?:need|want|wish|hope|long|miss)\b"
    r"|I'd (?:also |just |only |really )*(?:like|love|want|wish)\b|I would (?:like|love)\b)",
    re.IGNORECASE,
)
_IMAGINING = re.compile(
    r"^(?:I (?:suppose|guess|imagine|wonder (?:whether|if)|think|believe)(?: that)?|maybe|perhaps"
    r"|probably) (?=(?:he|she|they|every|for)\b|(?-i:(?!I\b)[A-Z]))",
    re.IGNORECASE,
)
_OWN_AGAIN = re.compile(r"\b(?:but|although|though|yet)\b", re.IGNORECASE)

_PART = re.compile(
    r"[,;:]|\b(?:and|but|because|so that|although|while|which|then)\b", re.IGNORECASE
)

FRAGMENT_WORDS_MAX = 22
_FRAGMENT_WORDS_GOOD = 16
_QUOTE_WORDS_MAX = 9
_WORTH_ECHOING_MIN = 0.9


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What a reply can build on; every text in it is the user's own."""

    clause: str | None = None
    """In the second person, ready to stand inside a sentence."""
    kind: str = "self"
    """What the clause is: ``self``, ``felt``, ``need``, ``other`` (of somebody else) or
    ``wondering`` (a guess of the user's at the other side)."""
    quote: str | None = None
    """A literal fragment."""
    feeling: str | None = None
    named: bool = False
    """Whether the user named a feeling or a wish themselves: then there is nothing to guess."""
    needs: Sequence[taxonomy.NeedKind] = ()


def listen(thread: Thread) -> Heard:
    """Looks at the newest messages, with the earlier answers in mind (nothing is echoed twice)."""
    told = (_own_part(s) for s in sentences(without_quotations(thread.newest)))
    usable = [s for s in told if s and not _untouchable(s)]
    other = _other_subject(thread.partner)
    best = _best_clause(usable, other, thread.answers)
    own = " ".join(usable)
    return Heard(
        clause=decapitalised_clause(_IMAGINING.sub("", best)) if best else None,
        kind=_kind(best, other) if best else "self",
        quote=_quote(usable, other, thread.answers),
        feeling=_feeling(own, thread.answers),
        named=bool(taxonomy.feelings_said(own)) or bool(best and _WISHING.match(best)),
        needs=[kind for kind, _ in taxonomy.needs_in(own)],
    )


def _kind(clause: str, other: re.Pattern[str]) -> str:
    """The row of `reflect` that fits a clause; the first that applies."""
    kinds = (
        ("wondering", _IMAGINING.match(clause)),
        ("other", other.match(clause)),
        ("need", _WISHING.match(clause)),
        ("felt", _FELT.search(clause)),
        ("felt", _OWN_SUBJECT.match(clause) and taxonomy.feelings_said(clause)),
    )
    return next((name for name, applies in kinds if applies), "self")


def decapitalised_clause(clause: str) -> str:
    """The clause turned to the user."""
    return second_person(decapitalised(clause))


def _own_part(sentence: str) -> str:
    """What is left of a sentence without reported speech: what follows a "but", else what stands
    before the part that reports."""
    reports = list(_REPORTED.finditer(sentence))
    if not reports:
        return sentence
    back = _OWN_AGAIN.search(sentence, reports[-1].end())
    if back:
        return sentence[back.end() :].strip()
    before = [m.start() for m in _PART.finditer(sentence, 0, reports[0].start())]
    return sentence[: before[-1]].strip(" ,;:") if before else ""


def _untouchable(sentence: str) -> bool:
    return any(p.search(sentence) for p in (_STEERING, _HARSH, _ADDRESSED)) or (
        sentence.endswith("?")
    )


def _other_subject(partner: str) -> re.Pattern[str]:
    return re.compile(rf"(?:he|she|they|he's|she's|they're|{re.escape(partner)})\b", re.IGNORECASE)


def _best_clause(usable: Sequence[str], other: re.Pattern[str], said: Sequence[str]) -> str | None:
    """The clause that matters most, in the user's own person; None if none is worth an echo."""
    scored: list[tuple[float, str]] = []
    for place, sentence in enumerate(usable, 1):
        whole = sentence.strip(" .!?")
        for raw in (whole, *clauses(sentence)):
            clause = _without_noise(raw)
            if not _echoable(clause):
                continue
            turned = decapitalised_clause(_IMAGINING.sub("", clause))
            if any(turned.lower() in answer.lower() for answer in said):
                continue
            weight = _weight(clause, other) + 0.3 * place / len(usable)
            scored.append((weight + (0.3 if raw == whole else 0.0), clause))
    weight, clause = max(scored, key=lambda s: s[0], default=(0.0, ""))
    return clause if weight >= _WORTH_ECHOING_MIN else None


def _echoable(clause: str) -> bool:
    """Long enough to mean something, short enough to repeat, with a subject and a verb, and
    nothing in it that was cut out or left open."""
    count = len(words(clause))
    return (
        3 <= count <= FRAGMENT_WORDS_MAX
        and bool(_FINITE_VERB.match(_IMAGINING.sub("", clause)))
        and "  " not in clause
        and ":" not in clause
        and not re.search(r"[\"':;,]$|(?<!\w)'|'(?!\w)|\b(?:a|an|the|of|to|and|with)$", clause)
    )


def _weight(clause: str, other: re.Pattern[str]) -> float:
    """How much a clause seems to matter: own feelings and needs first, mere facts last."""
    count = len(words(clause))
    weight = min(count, 10) / 10 - max(0, count - _FRAGMENT_WORDS_GOOD) / 6
    weight += 2.0 * len(taxonomy.feelings_said(clause)[:1])
    weight += 0.6 * len(taxonomy.needs_in(clause)[:2])
    weight += 1.5 if _WISHING.match(clause) else 0.0
    weight += 1.0 if _OWN_SUBJECT.match(clause) else 0.0
    weight += 1.0 if _FELT.search(clause) else 0.0
    weight += 1.0 if _IMAGINING.match(clause) else 0.0
    weight += 0.4 if _WEIGHTY.search(clause) else 0.0
    weight -= 2.0 if _SELF_REPORT.match(clause) else 0.0
    weight -= 1.0 if other.match(clause) else 0.0
    weight -= 0.8 if _POINTING.match(clause) else 0.0
    weight -= 0.3 if re.search(r"\b(?:we|us|our)\b", clause, re.IGNORECASE) else 0.0
    return weight


def _without_noise(clause: str) -> str:
    before = None
    while before != clause:
        before = clause
        if not _IMAGINING.match(clause):
            clause = _OPENING_NOISE.sub("", clause)
        clause = _CLOSING_NOISE.sub("", clause)
    return clause


def _quote(usable: Sequence[str], other: re.Pattern[str], said: Sequence[str]) -> str | None:
    """The weightiest short literal clause, of those that were not quoted before."""
    found: list[tuple[float, str]] = []
    for sentence in usable:
        for raw in clauses(sentence):
            clause = _without_noise(raw)
            short = _echoable(clause) and len(words(clause)) <= _QUOTE_WORDS_MAX
            heavy = taxonomy.needs_in(clause) or taxonomy.feelings_said(clause)
            if short and heavy and not any(clause in answer for answer in said):
                found.append((_weight(clause, other), clause))
    return max(found, key=lambda f: f[0])[1] if found else None


def _feeling(text: str, said: Sequence[str]) -> str | None:
    """A feeling to guess at: hinted, not named by the user, not guessed in the last answers."""
    recent = " ".join(said[-2:])
    return next((f for f in taxonomy.feelings_hinted(plain(text)) if f not in recent), None)
