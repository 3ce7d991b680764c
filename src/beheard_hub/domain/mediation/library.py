"""The library's administration: one struct per command, and what an anonymous text may not hold.

An item is CURATED, written for the hub, or CONTRIBUTED by a user, who agreed to it, in words that
tell nobody who that was (spec 3.5). An administrator brings both in; there is no way from a session
into the library. Handlers are in `handlers/library.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from beheard_hub.domain.validation import Data, Flag, Id, Text

Source = Literal["CURATED", "CONTRIBUTED"]
CURATED, CONTRIBUTED = "CURATED", "CONTRIBUTED"

NAME_PART_CHARS_MIN = 2
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|\+?\d(?:[\s().-]?\d){6,}|https?://|(?<!\w)@\w+")
"""An e-mail address, a telephone number, a link, a handle."""


class LibraryAdd(Data, frozen=True, kw_only=True):
    """library.add"""

    title: Annotated[str, Text(200)]
    description: Annotated[str, Text(800)]
    category: Annotated[str, Text(60)]
    source: Source = "CURATED"
    contributed_by: Annotated[str | None, Id()] = None
    contribution_consent: Annotated[str | None, Text(200)] = None


class LibraryEdit(Data, frozen=True, kw_only=True):
    """library.edit: what is given is replaced; `isActive` true brings a removed one back"""

    item_id: Annotated[str, Id()]
    title: Annotated[str | None, Text(200)] = None
    description: Annotated[str | None, Text(800)] = None
    category: Annotated[str | None, Text(60)] = None
    is_active: Annotated[bool | None, Flag()] = None


class LibraryRemove(Data, frozen=True, kw_only=True):
    """library.remove: nobody is shown it any more; what was made from it stays"""

    item_id: Annotated[str, Id()]


def tells_who(text: str, name: str | None) -> bool:
    """Whether a text holds a part of the name, or an address of anybody."""
    words = {word.casefold() for word in re.findall(r"\w+", text)}
    parts = {part.casefold() for part in re.findall(r"\w+", name or "")}
    known = {part for part in parts if len(part) >= NAME_PART_CHARS_MIN}
    return bool(words & known) or _ADDRESS.search(text) is not None
