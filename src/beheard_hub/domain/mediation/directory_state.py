"""What a user has outside any session, and what a command there is decided by.

A handler of such a command needs both and stands below `directory`, which puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

import msgspec

from beheard_hub.domain.kernel import Command, Decision, Ids, Worked


class Known(msgspec.Struct, frozen=True, array_like=True):
    """A relationship of the user, and whether a session of it is open."""

    id: str
    partner_id: str | None
    open_session_id: str | None


class Directory(msgspec.Struct, array_like=True):
    """What a user has outside any session."""

    user_id: str
    relationships: tuple[Known, ...] = ()
    role: str = "GUEST"
    """As the user's own row says (spec 4.2), not as a token does."""
    erased: bool = False
    """The user is leaving, or has left (spec 4.5): nothing else is done for them any more."""


Handler: TypeAlias = Callable[[Directory, Command, datetime, Ids], Decision[Directory]]
"""What one row of `protocol.DIRECTORY` does."""
WorkedHandler: TypeAlias = Callable[[Directory, Worked, datetime, Ids], Decision[Directory]]
"""What becomes of a row's command when its `Work` is done."""
