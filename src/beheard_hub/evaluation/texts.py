"""Texts side by side: folded for comparison, cut into sentences, and found inside of anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

_MARKS = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " "})
_ABSENT = re.compile(r"[^\w' ]+")
_SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+[\"']?|$|\n)")
_QUOTED = re.compile(r'"([^"\n]{2,})"')
_DATUM = re.compile(r"<data [^>]*>(.*?)</data>", re.DOTALL)
_TURNS = (
    ("i'm", "you're"), ("i am", "you are"), ("i was", "you were"), ("i've", "you've"),
    ("i'd", "you'd"), ("i'll", "you'll"), ("i", "you"), ("me", "you"), ("my", "your"),
    ("mine", "yours"), ("myself", "yourself"), ("we", "you"), ("us", "you"), ("our", "your"),
)  # fmt: skip


def straight(text: str) -> str:
    """With straight quotation marks; same length, same positions."""
    return text.translate(_MARKS)


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """Lower case, words only, one space between: equal where the words are."""
    return " ".join(_ABSENT.sub(" ", straight(text).lower()).split())


@lru_cache(maxsize=8192)
def turned(text: str) -> str:
    """Folded, with the first person turned to the second, as somebody says it who repeats it."""
    said = f" {folded(text)} ".replace(" ", "  ")
    for first, second in _TURNS:
        said = said.replace(f" {first.replace(' ', '  ')} ", f" {second} ")
    return " ".join(said.split())


def sentences(text: str) -> list[str]:
    """Literal sentences, trimmed."""
    return [s for s in (m.group().strip() for m in _SENTENCE.finditer(straight(text))) if s]


def questions(text: str) -> list[str]:
    """Folded questions; those inside of quotation marks are somebody else's."""
    bare = _QUOTED.sub(" ", straight(text))
    return [folded(s) for s in sentences(bare) if s.rstrip("\"'").endswith("?")]


def without_quotes_of(text: str, own: str) -> str:
    """The text without what it quotes literally from `own` (folded)."""

    def kept(match: re.Match[str]) -> str:
        return " " if folded(match.group(1)) in own else match.group()

    return _QUOTED.sub(kept, straight(text))


def strings(data: Any) -> Iterator[str]:
    """Every text in there, also of a request body whose texts hold data as JSON."""
    if isinstance(data, str):
        yield data
        for datum in _DATUM.findall(data):
            yield from strings(_decoded(datum))
    elif isinstance(data, msgspec.Struct):
        yield from strings(msgspec.structs.asdict(data))
    elif isinstance(data, Mapping):
        for value in data.values():
            yield from strings(value)
    elif isinstance(data, Sequence | set | frozenset):
        for value in data:
            yield from strings(value)


def _decoded(datum: str) -> Any:
    try:
        return msgspec.json.decode(datum)
    except msgspec.DecodeError:
        return None
