"""What a host needs beside its stores: time, what renders, what reacts; and what that may ask."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from beheard_hub.domain.kernel import Command, Due, Json, Read, Ref, Work
from beheard_hub.domain.refusals import Refusal
from beheard_hub.facilitation import Piece

Sleep = Callable[[float], Awaitable[None]]


class Clock(Protocol):
    """Wall time for rules, monotonic time for deadlines."""

    def now(self) -> datetime:
        """Aware UTC, microseconds."""

    def mono(self) -> float:
        """Seconds that never jump."""


class StateView(Protocol):
    """What one member may see of a session's state without a read."""

    @property
    def state(self) -> Any:
        """The kind's state: a renderer hands it on to the kind's own views, and reads nothing."""

    @property
    def names(self) -> Mapping[str, str | None]:
        """userId → name, as `Loaded.names`."""

    def shape(self, ref: Ref) -> Mapping[str, Json] | None:
        """Shape of a `Ref` that needs no text, else None (`SessionKind.from_state`)."""


class Renderer(Protocol):
    """From stored ids to the shapes of spec 5.4, always read as the recipient."""

    async def render(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, data: Json
    ) -> Json:
        """`data` with every `Ref` in it replaced; null where the recipient may not see it (any
        more). `kind` is the session kind's name. Raises StoreUnavailable."""

    async def read(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, read: Read
    ) -> Mapping[str, Json] | Refusal:
        """The answer of a query. Raises StoreUnavailable."""


class Reactions(Protocol):
    """What must happen after a commit, outside the turns; all failures stay inside."""

    def committed(self, session_id: str, dues: Sequence[Due]) -> None:
        """These "Reminder" rows are stored and due. May name one again that is under way: it must
        run at most once at a time per id. Never blocks."""

    def cancelled(self, session_id: str, effects: Sequence[str]) -> None:
        """`Decision.effects`: at once, and again when they are durable and before the ack leaves.
        Never blocks."""

    async def work(
        self, session_id: str, user_id: str, work: Work, command: Command
    ) -> Mapping[str, Json] | Refusal:
        """Runs a `Work` and returns its result (docs/architecture.md). Raises StoreUnavailable,
        FacilitatorFailed. Cancelling stops it (after 60 s, or when the host stops)."""


class Mailbox(Protocol):
    """What reactions may ask of the host they run in."""

    def submit_internal(self, session_id: str, command: Command) -> None:
        """Puts an internal command into the session's mailbox, activating it if needed. It may be
        lost (host stops, database away): the "Reminder" row brings it again."""

    def delta(self, session_id: str, user_id: str, piece: Piece) -> None:
        """Tells that user's subscriptions, and keeps it for those that come before `answered`."""

    def answered(self, session_id: str, user_id: str, message_id: str) -> None:
        """That message is in the mailbox or will never be: no more pieces of it follow."""

    def merged(self, guest_id: str, user_id: str, sessions: Sequence[str]) -> None:
        """A guest is that user from now on, and so are these sessions: told to all gateways, which
        tell all hosts. Harmless when told again."""

    def came_after(self, session_id: str, user_id: str, at: datetime) -> bool:
        """Whether that user began to listen to the session after a time, here and as far known."""
