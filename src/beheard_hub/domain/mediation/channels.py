"""The channels outside the hub on which a user is told that something happened (spec 07).

Every channel is one user's own: events are addressed, so nobody hears "partner" about themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

LISTEN = ("subscribe",)
"""All that an app may do there. Who may publish, or be seen, could send words to the partner that
no consent let cross."""


def of_user(user_id: str) -> str:
    """What concerns the user."""
    return f"beheard:user:{user_id}"


def of_session(session_id: str, user_id: str) -> str:
    """What concerns the user in one session."""
    return f"beheard:session:{session_id}:{user_id}"


def capability(user_id: str, session_ids: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Channel → what the user's app may do there, for these open sessions of theirs."""
    names = [of_user(user_id), *(of_session(one, user_id) for one in session_ids)]
    return dict.fromkeys(names, LISTEN)
