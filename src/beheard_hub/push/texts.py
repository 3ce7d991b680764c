"""What a push says, for each kind of event (spec 07).

A locked screen shows it to whoever looks. So no row names a person, what was said, which step it
was or what is expected now; most events need no words of their own. A row is needed only where
nobody took a step.
"""

from __future__ import annotations

from collections.abc import Mapping

TITLE = "BeHeard"

DEFAULT = "Your partner took a step. Have a look when you are ready."
NEWS = "There is something new for you. Have a look when you are ready."

TEXTS: Mapping[str, str] = {
    "invitation.expired": NEWS,
    "session.abandoned": NEWS,
    "session.resolved": NEWS,
    "agreement.follow_up": NEWS,
}
"""Type of a notification → text; every other type has the default."""


def text_of(kind: str) -> str:
    """The words for a type of notification."""
    return TEXTS.get(kind, DEFAULT)
