"""Texts that a regular expression matches, drawn from its parse tree.

What the tree only looks at (`\\b`, a look ahead that must not be) is left to chance: only what
the expression then finds is kept.
"""

from __future__ import annotations

import re
import string
from importlib import import_module
from random import Random
from typing import Any

op, _parser = import_module("re._constants"), import_module("re._parser")
"""Of the standard library, and in no stub: whether mypy misses them depends on who came first."""

REPEATS_MORE = 3
"""How many times more than it must something is repeated that may be so without end."""
TRIES = 300
ALPHABET = string.ascii_letters + string.digits + " '-,._"
CATEGORIES = {
    op.CATEGORY_WORD: string.ascii_letters + string.digits + "_",
    op.CATEGORY_DIGIT: string.digits,
    op.CATEGORY_SPACE: " \t",
}


def matching(pattern: re.Pattern[str], dice: Random, count: int) -> list[str]:
    """At most so many texts in which the pattern finds something."""
    tree = _parser.parse(pattern.pattern, pattern.flags)
    drawn = (_drawn(tree, dice) for _ in range(count * TRIES))
    found: list[str] = []
    for text in drawn:
        if pattern.search(text):
            found.append(text)
            if len(found) == count:
                break
    return found


def _drawn(tree: Any, dice: Random) -> str:
    return "".join(_part(kind, value, dice) for kind, value in tree)


def _part(kind: Any, value: Any, dice: Random) -> str:
    match kind:
        case op.LITERAL:
            return chr(value)
        case op.NOT_LITERAL:
            return dice.choice(ALPHABET.replace(chr(value), ""))
        case op.ANY:
            return dice.choice(ALPHABET)
        case op.IN:
            return dice.choice(_members(value))
        case op.BRANCH:
            return _drawn(dice.choice(value[1]), dice)
        case op.MAX_REPEAT | op.MIN_REPEAT:
            least, most, tree = value
            times = dice.randint(least, min(most, least + REPEATS_MORE))
            return "".join(_drawn(tree, dice) for _ in range(times))
        case op.SUBPATTERN:
            return _drawn(value[-1], dice)
        case op.ASSERT:  # what must follow is drawn; what goes before it usually stands there
            return _drawn(value[1], dice)
        case op.AT | op.ASSERT_NOT:
            return ""
    raise AssertionError(f"a pattern says {kind}: teach it here")


def _members(members: Any) -> str:
    """The characters of a set; of what it excludes, all others that people type."""
    found: set[str] = set()
    for kind, value in members:
        match kind:
            case op.LITERAL:
                found.add(chr(value))
            case op.RANGE:
                found.update(map(chr, range(value[0], value[1] + 1)))
            case op.CATEGORY:
                found.update(CATEGORIES[value])
    if members[0][0] is op.NEGATE:
        found = set(ALPHABET) - found
    return "".join(sorted(found))
