"""Words that nobody says by chance, for every field of every command that takes text.

The fields are derived from the command tables: a field that is added later has no word of its own
until the script in `sweep.py` writes one, and then the tests of `test_canaries.py` fail.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from beheard_hub.domain.mediation.protocol import COMMANDS, DIRECTORY, Row
from beheard_hub.domain.validation import (
    Check,
    Data,
    Flag,
    Id,
    Items,
    Number,
    OneOf,
    Text,
    When,
    _fields,
)

WORD_LETTERS = 14
WORD = re.compile(rb"zq[a-z]{%d}" % WORD_LETTERS)
ALL: Mapping[str, Row] = {**COMMANDS, **DIRECTORY}
_random = random.SystemRandom()


class Reach(Enum):
    """How far a word may go."""

    PRIVATE = "its writer alone"
    CROSSES = "the partner reads it: there was a consent, or the place belongs to both"
    MAY_CROSS = "the partner may read it"
    REFUSED = "nobody, and nothing is kept of it"


@dataclass
class Sown:
    """All words of one writer, by what became of them."""

    reach: dict[str, Reach] = field(default_factory=dict, repr=False)
    path: dict[str, str] = field(default_factory=dict, repr=False)
    """Word → ``command.field`` in which it was written."""

    def word(self, path: str, reach: Reach) -> str:
        """A new one."""
        made = "zq" + "".join(_random.choices(string.ascii_lowercase, k=WORD_LETTERS))
        self.reach[made] = reach
        self.path[made] = path
        return made

    def words(self, *reaches: Reach) -> set[str]:
        """Those of the given reaches; all without any."""
        return {word for word, reach in self.reach.items() if not reaches or reach in reaches}

    def paths(self, words: Iterable[str]) -> set[str]:
        """Where these words were written: what a failing test may show."""
        return {self.path[word] for word in words if word in self.path}


def found_in(*haystacks: str | bytes) -> set[str]:
    """All canary words in there, whatever their case."""
    found: set[str] = set()
    for haystack in haystacks:
        raw = haystack.encode() if isinstance(haystack, str) else haystack
        found |= {word.decode() for word in WORD.findall(raw.lower())}
    return found


# ---- what takes text


def _texts(check: Check, path: str) -> Iterator[tuple[str, int]]:
    match check:
        case Text(most):
            yield path, most
        case Items(each) if isinstance(each, type):
            for _, name, _, inner in _fields(each):
                yield from _texts(inner, f"{path}[].{name}")
        case Items(each):
            yield from _texts(each, f"{path}[]")


def text_fields() -> dict[str, int]:
    """``command.field`` → its limit, of all commands; ``[]`` stands for an item of a list."""
    return {
        path: most
        for command, row in ALL.items()
        for _, name, _, check in _fields(row.data)
        for path, most in _texts(check, f"{command}.{name}")
    }


def written_fields() -> set[str]:
    """Those that the two fill; a cursor comes from the hub, so that only a wrong one holds words,
    library and users are an administrator's, and nobody signs ID tokens here."""
    return {
        path
        for path in text_fields()
        if not path.endswith(".cursor") and not path.startswith(("library.", "user.", "identity."))
    }


# ---- data with a word in every text field


def sample(command: str, sown: Sown, reach: Reach) -> dict[str, Any]:
    """Data of this command that is valid by itself; its ids exist nowhere."""
    kind = ALL[command].data
    return _sample(kind, command, sown, reach)


def _sample(kind: type[Data], path: str, sown: Sown, reach: Reach) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for _, name, _, check in _fields(kind):
        if name in kind.one_of[1:]:
            continue
        value = _value(check, f"{path}.{name}", sown, reach)
        if value is not None:
            made[name] = value
    return made


def _value(check: Check, path: str, sown: Sown, reach: Reach) -> Any:
    match check:
        case Text():
            return sown.word(path, reach)
        case Number(least):
            return max(least, 1)
        case Flag(only):
            return only is not False
        case Id():
            return "an-id-of-nothing"
        case OneOf(names):
            return names[0]
        case Items(each) if isinstance(each, type):
            return [_sample(each, f"{path}[]", sown, reach)]
        case Items(each):
            return [_value(each, f"{path}[]", sown, reach)]
        case When():
            return None
    raise AssertionError(f"{path}: the tests know no value for {type(check).__name__}")


def command_of(path: str) -> str:
    """The command that a field belongs to."""
    return next(name for name in ALL if path.startswith(f"{name}."))


def spoilt(path: str, most: int, sown: Sown) -> list[tuple[str, dict[str, Any]]]:
    """Data with one bad text, in each way in which a text can be bad; with the way's name."""
    command = command_of(path)
    place = path.removeprefix(f"{command}.")

    def new() -> str:
        return sown.word(path, Reach.REFUSED)

    bad: dict[str, Any] = {
        "too long": new() + "y" * most,
        "an object": {new(): new()},
        "a list": [[new()]],
        "with a nul": f"{new()}\0",
    }
    return [(way, _placed(place, value)) for way, value in bad.items()] + [
        ("an unknown field beside", {"surplus": new(), **_placed(place, new())}),
    ]


def _placed(place: str, value: Any) -> dict[str, Any]:
    """``needs[].text`` → ``{"needs": [{"text": value}]}``."""
    name, brackets, inner = place.partition("[]")
    if not brackets:
        return {name: value}
    return {name: [_placed(inner.removeprefix("."), value)] if inner else [value]}
