"""Attempts to get at the other side or to steer the program: named for the audit log (spec 06).

They are answered like any other text; only their kind is noted, never their words.
"""

from __future__ import annotations

import re

PROBES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        (
            "partner_content",
            r"\bwhat (?:did|does|has|is) (?:he|she|they|my \w+|(?-i:[A-Z]\w+)) (?:say|said|write"
            r"|written|told|tell|writing|saying)\b"
            r"|\b(?:show|tell|give|read) me (?:what )?(?:his|her|their|my partner's"
            r"|(?-i:[A-Z]\w+'s)|he|she|they|my partner)\b.*\b(?:messages?|words"
            r"|draft|needs?|thread|said|wrote)\b",
        ),
        (
            "override",
            r"\b(?:ignore|forget|disregard|override|bypass)\b.{0,30}\b(?:instructions?|rules?|prompt"
            r"|guidelines)\b|\b(?:system|hidden|secret) prompt\b|\bdeveloper mode\b|\bjailbreak",
        ),
        (
            "role_play",
            r"\b(?:pretend|act|imagine|speak|answer|role-?play) (?:to be|as|that you(?:'re| are)"
            r"|as if you (?:are|were)) (?:my |the |a |an )?(?:partner|husband|wife|him|her"
            r"|boyfriend|girlfriend|friend|brother|sister|admin|(?-i:[A-Z]\w+))",
        ),
    )
)


def probes(text: str) -> tuple[str, ...]:
    """Kinds of probing in a message, in the order of the table; mostly none."""
    return tuple(kind for kind, pattern in PROBES if pattern.search(text))
