"""Heat in a text that somebody is about to share: named by kind and place, never quoted."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from beheard_hub.ai.offline.words import plain, sentences

INSULT = (
    r"idiot\w*|moron\w*|stupid\w*|selfish\w*|lazy|lazi\w+|bitch\w*|bastard\w*|asshole\w*|jerk\w*"
    r"|pigs?|losers?|crap\w*|bull\s?shit\w*|shit\w*|fuck\w*|damn\w*|pathetic\w*|useless\w*"
    r"|worthless\w*|narcissis\w*|toxic|crazy|insane|psycho\w*|liars?|disgusting\w*|childish\w*"
    r"|immature|egoist\w*|heartless|cruel\w*|arrogant\w*|hypocrit\w*|ridiculous\w*|dumb\w*"
    r"|incompetent|coward\w*|brat|freak|monster|scum|trash|manipulat\w+|ungrateful|spoil(?:ed|t)"
    r"|inconsiderate|irresponsible|immoral|dramatic|hysterical|whin\w+|nag|nagging"
)
ABSOLUTE = (
    r"always|never|everything|nothing|everyone|everybody|nobody|no one|constantly|every (?:single )?"
    r"time|all the time|completely|totally|absolutely|ever since|not once|forever|impossible"
)
THREAT = (
    r"or else|last (?:chance|warning)|you(?:'ll| will) (?:regret|be sorry|pay|see)|i(?:'ll| will|'m"
    r" going to) (?:leave|take the (?:kids|children|house)|make (?:you|him|her|them|sure)|tell"
    r" (?:everyone|everybody|your)|ruin|destroy|call my lawyer|divorce)|i(?:'m| am) (?:leaving|done"
    r"|gone)|pack your|get out|don't you dare|if you (?:don't|do not|won't|ever)"
)
ACCUSATION = (
    r"your fault|because of you|you(?:'re| are) to blame|you (?:made|make|makes|force|forced) (?:me|us)"
    r"|you (?:ruin|ruined|destroy\w*|wreck\w*|lied|lie|cheat\w*|betray\w*|abandon\w*|ignore[sd]?"
    r"|refuse[sd]?|fail(?:ed|s)?|only|just|don't|didn't|won't|wouldn't|can't|couldn't|keep|should"
    r"|shouldn't|have to|need to|must)|why (?:do|can't|don't|won't|didn't|must) you|how (?:could|dare)"
    r" you|what is wrong with you|what's wrong with you"
)


class HeatKind(msgspec.Struct, frozen=True):
    """One kind of heated wording, and the sentence that names it."""

    name: str
    pattern: re.Pattern[str]
    warning: str


def _kind(name: str, pattern: str, warning: str) -> HeatKind:
    return HeatKind(name, re.compile(rf"\b(?:{pattern})\b", re.IGNORECASE), warning)


HEAT_KINDS: tuple[HeatKind, ...] = (
    _kind(
        "threat", THREAT, "{place} could be read as a threat, and after a threat little is heard."
    ),
    _kind("insult", INSULT, "{place} holds a word that is likely to wound rather than inform."),
    _kind(
        "accusation",
        ACCUSATION,
        "{place} puts blame on the reader; what it was like for you is easier to hear.",
    ),
    _kind(
        "absolute", ABSOLUTE, "{place} speaks in absolutes; one example is harder to argue with."
    ),
)


def heat_kinds(text: str) -> list[tuple[str, int]]:
    """Kinds of heat with the number of the first sentence (from 1) that holds each."""
    parts = [plain(s) for s in sentences(text)]
    first = (
        (kind.name, next((n for n, s in enumerate(parts, 1) if kind.pattern.search(s)), 0))
        for kind in HEAT_KINDS
    )
    return [(name, place) for name, place in first if place]


def heat(text: str) -> Sequence[str]:
    """One warning per kind of heat; empty if the text is calm. Nothing of the text is in them."""
    found = dict(heat_kinds(text))
    return [
        kind.warning.format(place=f"Sentence {found[kind.name]}")
        for kind in HEAT_KINDS
        if kind.name in found
    ]
