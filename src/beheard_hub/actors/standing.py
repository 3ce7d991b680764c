"""What is shown to a person stands: it was not taken back while it was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.refusals import Refusal
from beheard_hub.ports import Renderer, StateView
from beheard_hub.reactions.standing import PREFIX, Revocations


class StandingRenderer:
    """Implements `ports.Renderer` over another one; reads again what a revocation overtook."""

    def __init__(self, inner: Renderer) -> None:
        self._inner = inner
        self._revocations = Revocations()

    def durable(self, session_id: str, effects: Sequence[str]) -> None:
        """`Decision.effects` of a turn that was committed, before its ack leaves."""
        if any(effect.startswith(PREFIX) for effect in effects):
            self._revocations.revoked(session_id)

    async def render(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, data: Json
    ) -> Json:
        """See the port."""
        return await self._revocations.standing(
            session_id, lambda: self._inner.render(kind, view, user_id, session_id, data)
        )

    async def read(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, read: Read
    ) -> Mapping[str, Json] | Refusal:
        """See the port."""
        return await self._revocations.standing(
            session_id, lambda: self._inner.read(kind, view, user_id, session_id, read)
        )
