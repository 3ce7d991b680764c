"""One command of a user's directory of practice on its way to a decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

import msgspec

from beheard_hub.domain.kernel import Answer, Command, Decision, Ids, Json, Read
from beheard_hub.domain.paging import page_args
from beheard_hub.domain.practice.protocol import Policy
from beheard_hub.domain.practice.state import Numbers
from beheard_hub.domain.practice.vocabulary import GUEST
from beheard_hub.domain.validation import refused


class Directory(msgspec.Struct, array_like=True):
    """Who asks, as the user's own row says."""

    user_id: str
    role: str = GUEST
    erased: bool = False
    """The user is leaving, or has left."""
    known: bool = True
    """There is such a row. A guest has one from the first claim on."""


class Asked(msgspec.Struct, frozen=True):
    """One command, or one whose work is done, on its way to a decision."""

    directory: Directory
    command: Command
    policy: Policy
    now: datetime
    ids: Ids
    numbers: Numbers

    def answered(self, answer: Answer) -> Decision[Directory]:
        """Nothing but an answer."""
        return Decision(self.directory, answer)

    def page(self, cursor: str | None, limit: int, more: Mapping[str, Json]) -> Decision[Directory]:
        """The page of a list, read by the query of the command's name."""
        page = page_args(cursor, limit)
        if page is None:
            return self.answered(refused({"cursor": "a cursor of this list"}))
        return self.answered(Read(self.command.name, {**page, **more}))


Result: TypeAlias = Mapping[str, Json]
Handler: TypeAlias = Callable[[Asked], Decision[Directory]]
WorkHandler: TypeAlias = Callable[[Asked, Result], Decision[Directory]]
