"""What is shown to a person stands: it was not taken back while it was read, nor did they become
somebody else meanwhile, whose rows it is now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from beheard_hub.domain.kernel import Json, Read, as_ref
from beheard_hub.domain.refusals import Refusal
from beheard_hub.ports import Renderer, StateView, StoreUnavailable
from beheard_hub.reactions.standing import PREFIX, Revocations


class StandingRenderer:
    """Implements `ports.Renderer` over another one; reads again what a revocation overtook.

    A guest's rows are another user's in the instant of a merge (`mergers`), so the guest is shown
    nothing of them. That must not pass for an answer: it raises StoreUnavailable, as if it could
    not be read now, and all are told whose rows they are.
    """

    def __init__(self, inner: Renderer) -> None:
        self._inner = inner
        self._revocations = Revocations()
        self.merged: Callable[[str], Awaitable[bool]]
        """Whether that user was merged with another; then all have been told."""

    def durable(self, session_id: str, effects: Sequence[str]) -> None:
        """`Decision.effects` of a turn that was committed, before its ack leaves."""
        if any(effect.startswith(PREFIX) for effect in effects):
            self._revocations.revoked(session_id)

    async def render(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, data: Json
    ) -> Json:
        """See the port."""
        shape = await self._revocations.standing(
            session_id, lambda: self._inner.render(kind, view, user_id, session_id, data)
        )
        if lacks(data, shape):
            await self._still_themselves(user_id)
        return shape

    async def read(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, read: Read
    ) -> Mapping[str, Json] | Refusal:
        """See the port."""
        answer = await self._revocations.standing(
            session_id, lambda: self._inner.read(kind, view, user_id, session_id, read)
        )
        if isinstance(answer, Refusal) or [] in answer.values():
            await self._still_themselves(user_id)
        return answer

    async def _still_themselves(self, user_id: str) -> None:
        if await self.merged(user_id):
            raise StoreUnavailable


def lacks(data: Json, shape: Json) -> bool:
    """Whether a `Ref` in `data` shows nothing in `shape`, which was rendered from it."""
    if as_ref(data) is not None:
        return shape is None
    if isinstance(data, Mapping):
        return any(lacks(part, shape[name]) for name, part in data.items())
    if isinstance(data, list | tuple):
        return len(data) != len(shape) or any(map(lacks, data, shape))
    return False
