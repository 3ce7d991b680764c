"""Quotes: what somebody is said to have said must stand in their own words (spec 06)."""

from __future__ import annotations

from collections.abc import Iterable

_STRAIGHT = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'})


def plain(text: str) -> str:
    """The text with straight quotation marks; same length, same positions."""
    return text.translate(_STRAIGHT)


def literal(quote: str, messages: Iterable[str]) -> str | None:
    """The quote as it stands in one of the messages, their quotation marks restored; None where it
    stands in none."""
    wanted = plain(quote.strip())
    if not wanted:
        return None
    for message in messages:
        start = plain(message).find(wanted)
        if start >= 0:
            return message[start : start + len(wanted)]
    return None
