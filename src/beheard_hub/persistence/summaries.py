"""SessionSummary of sessions that are not at hand: from stored facts, by the kind's own rules.

A summary says whose turn it is and who waits for whom; only the kind can tell. So a list loads
each session of a page as its host would, and asks the kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from beheard_hub.domain.kernel import Json, Ref, SessionKind
from beheard_hub.ports import SessionStore

S = TypeVar("S")


class StoredSummaries(Generic[S]):
    """Implements `renderer.Summaries` for one kind."""

    def __init__(self, sessions: SessionStore, kind: SessionKind[S]) -> None:
        self._sessions = sessions
        self._kind = kind

    async def __call__(self, user_id: str, ids: Sequence[str]) -> Mapping[str, Json]:
        """SessionSummary by session id, for sessions that the user is a member of.

        Raises StoreUnavailable.
        """
        shown: dict[str, Json] = {}
        for loaded in await self._sessions.load([(session_id, ()) for session_id in ids]):
            if loaded is None:
                continue
            state = self._kind.load(loaded)
            if user_id in self._kind.members(state):
                ref = Ref("session", loaded.session_id)
                shown[ref.id] = self._kind.from_state(state, ref, user_id, loaded.names)
        return shown
