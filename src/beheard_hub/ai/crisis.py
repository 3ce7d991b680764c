"""The crisis check: by pattern, in code, before any model sees a message (spec 06).

It never blocks and never tells the partner; it decides whether the user is shown where help is,
and whether coaching is off for the turn. It errs on the side of showing help: a missed cry costs
more than a shown number. Everything it knows is data: how a message is made plain in
`crisis_wording.toml`, what is looked for, what takes it back and what makes it graver in
`crisis_patterns.toml`. How well it does is measured by `python -m tests.safety`, see
docs/safety.md. No text of a message leaves this module.

In order: one spelling; a quotation of somebody else is turned to the third person ("I will kill
you" becomes "he will kill me"); idioms are blanked out; then each sentence is searched, and a match
is dropped where the sentence takes it back.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
import unicodedata
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from enum import IntEnum, StrEnum
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec


class Severity(IntEnum):
    """How soon help is needed; from URGENT up the user gets `safety.resources`."""

    CONCERN = 1
    URGENT = 2
    EMERGENCY = 3


class Category(StrEnum):
    """What kind of danger."""

    SUICIDE = "suicide"
    SELF_HARM = "self_harm"
    DOMESTIC_VIOLENCE = "domestic_violence"
    IMMINENT_DANGER = "imminent_danger"
    CHILD_ABUSE = "child_abuse"


class Crisis(msgspec.Struct, frozen=True):
    """What the check found: the gravest finding, no text."""

    category: Category
    severity: Severity

    @property
    def shows_resources(self) -> bool:
        """Whether `safety.resources` is due; then mirror and coaching are off for this turn."""
        return self.severity >= Severity.URGENT


class _Rule(msgspec.Struct, frozen=True):
    category: Category
    severity: Severity
    about: re.Pattern[str]
    """Finds a word without which no pattern of the rule can match: most sentences have none, and
    looking for it is ten times quicker."""
    pattern: re.Pattern[str]
    stands: bool
    """Nothing takes it back."""


_SENTENCES = re.compile(r"[^.!?\n;]+")
_NAMED = re.compile(r"\{([a-z_]+)\}")
_QUOTED = re.compile(r'"([^"\n]+)"|:\s([^".!?\n]+)')
_WORD = re.compile(r"[A-Za-z]+")
_LEAD_CHARS_MAX = 80
_WINDOW_CHARS = 400
"""Who writes without full stops is read in pieces, so that time grows with length alone."""
_OVERLAP_CHARS = 120
_DONE_TO_CHILDREN = (Category.DOMESTIC_VIOLENCE, Category.CHILD_ABUSE)


_KNOWN_MAX = 256
_known: OrderedDict[bytes, Crisis | None] = OrderedDict()
"""Newest findings by the digest of their text, which is not kept: a turn asks more than once."""


def prepare() -> None:
    """Compiles the rules now: a third of a second of the whole process that else falls to whoever
    writes first."""
    _rules()


async def assess_aside(text: str) -> Crisis | None:
    """`assess` in a thread: ten microseconds a character are too long for a loop of thousands of
    sessions. Whoever asks again about the same text gets it at once."""
    return await asyncio.to_thread(assess, text)


def assess(text: str) -> Crisis | None:
    """The gravest sign of danger in a message, or None. Of equals the first of the rules."""
    digest = sha256(text.encode(errors="surrogatepass")).digest()
    if digest in _known:
        return _known[digest]
    found = _known[digest] = _assessed(text)
    if len(_known) > _KNOWN_MAX:
        _known.popitem(last=False)
    return found


def _assessed(text: str) -> Crisis | None:
    sentences = [
        whole[start : start + _WINDOW_CHARS]
        for whole in _SENTENCES.findall(plain(text))
        for start in range(0, len(whole), _WINDOW_CHARS - _OVERLAP_CHARS)
    ]
    found = [
        _weighed(rule, sentences, place)
        for place, sentence in enumerate(sentences)
        for rule in _matching(sentence)
    ]
    return max(found, key=lambda crisis: crisis.severity, default=None)


def plain(text: str) -> str:
    """A message in one spelling, somebody else's quotations in the third person."""
    found = unicodedata.normalize("NFKC", text)
    for pattern, replacement in _spelling():
        found = pattern.sub(replacement, found)
    return _QUOTED.sub(lambda quotation: _retold(found, quotation), found)


def _retold(text: str, quotation: re.Match[str]) -> str:
    lead = text[max(0, quotation.start() - _LEAD_CHARS_MAX) : quotation.start()]
    if not _worded("spoken").search(lead) or _worded("mine").search(lead):
        return quotation.group()
    persons: Mapping[str, str] = _data("crisis_wording")["other_speaker"]
    return _WORD.sub(
        lambda word: persons.get(word.group().lower(), word.group()), quotation.group()
    )


def _matching(sentence: str) -> Iterator[_Rule]:
    """The rules that a sentence breaks; idioms are blanked out of it first."""
    rules = [rule for rule in _rules() if rule.about.search(sentence)]
    if not rules:
        return
    sentence = _listed("idioms").sub(lambda idiom: " " * len(idiom.group()), sentence)
    for rule in rules:
        for match in rule.pattern.finditer(sentence):
            if rule.stands or not _taken_back(sentence, match):
                yield rule
                break


def _taken_back(sentence: str, match: re.Match[str]) -> bool:
    """Negated, told of a story, or asked about the program: grounds not to alarm."""
    before = sentence[: match.start()]
    last_turn = max((turn.end() for turn in _listed("turns").finditer(before)), default=0)
    return (
        _listed("negations").search(before[last_turn:]) is not None
        or _listed("stories").search(sentence[: match.end()]) is not None
        or _listed("questions").search(sentence) is not None
    )


def _weighed(rule: _Rule, sentences: list[str], place: int) -> Crisis:
    """What is urgent is an emergency where it is now, or a plan or a weapon is at hand; what was
    done to a child who is a grown user today is a concern."""
    around = " ".join(sentences[max(0, place - 1) : place + 2])
    now = _listed("now").search(around) is not None
    severity = rule.severity
    if severity == Severity.URGENT and now and not _listed("past").search(sentences[place]):
        severity = Severity.EMERGENCY
    if rule.category in _DONE_TO_CHILDREN and not now and _listed("childhood").search(around):
        return Crisis(Category.CHILD_ABUSE, Severity.CONCERN)
    return Crisis(rule.category, severity)


# ---- the data


@cache
def _data(name: str) -> dict[str, Any]:
    return tomllib.loads((files(__package__) / f"{name}.toml").read_text(encoding="utf-8"))


@cache
def _spelling() -> tuple[tuple[re.Pattern[str], str], ...]:
    rows = _data("crisis_wording")["spelling"]
    return tuple((re.compile(pattern, re.IGNORECASE), new) for pattern, new in rows)


@cache
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            Category(row["category"]),
            Severity[row["severity"].upper()],
            _any_of([rf"\b(?:{'|'.join(row['about'].split())})"]),
            _any_of(row["patterns"]),
            row.get("stands", False),
        )
        for row in _data("crisis_patterns")["rule"]
    )


@cache
def _listed(name: str) -> re.Pattern[str]:
    return _any_of(_data("crisis_patterns")[name])


@cache
def _worded(name: str) -> re.Pattern[str]:
    return _any_of(_data("crisis_wording")[name])


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{_filled(p)})" for p in patterns), re.IGNORECASE)


def _filled(pattern: str) -> str:
    """The pattern with every ``{name}`` replaced by its row of [words], rows within rows too."""
    words: Mapping[str, str] = _data("crisis_patterns")["words"]
    while _NAMED.search(pattern):
        pattern = _NAMED.sub(lambda named: words[named.group(1)], pattern)
    return pattern
