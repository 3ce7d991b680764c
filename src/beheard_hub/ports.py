"""What the hub needs from outside, as protocols. Adapters live in `persistence`, `ai`, `links`,
`push`; a fake of every port lives in `testing` and passes the same suite."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from beheard_hub.domain.kernel import Command, Due, Ids, Json, Loaded, Read, Ref, Work
from beheard_hub.domain.refusals import Refusal
from beheard_hub.facilitation import (
    Bundle,
    Clarification,
    CommonItem,
    Delta,
    DraftCheck,
    Embedder,
    Facilitator,
    FacilitatorFailed,
    Item,
    Need,
    Piece,
    SharedNeed,
    Spoken,
    Suggestion,
    Synthesis,
    Transformation,
    Usage,
)
from beheard_hub.link_messages import ToGateway, ToHost

__all__ = [  # what comes from elsewhere and belongs to the ports
    "Bundle", "Clarification", "CommonItem", "Delta", "DraftCheck", "Embedder", "Facilitator",
    "FacilitatorFailed", "Ids", "Item", "Need", "Piece", "SharedNeed", "Spoken", "Suggestion",
    "Synthesis", "Transformation", "Usage",
]  # fmt: skip


class Clock(Protocol):
    """Wall time for rules, monotonic time for deadlines."""

    def now(self) -> datetime:
        """Aware UTC, microseconds."""

    def mono(self) -> float:
        """Seconds that never jump."""


# ---- Postgres ----------------------------------------------------------------------------------


class Actor(msgspec.Struct, frozen=True):
    """As whom a transaction reads (spec 4.2); `partner` and `coach` are the lanes of a practice."""

    id: str
    role: Literal["user", "ai", "partner", "coach", "staff", "admin"] = "user"
    session_id: str = ""
    stage: int | None = None


class StoreUnavailable(Exception):
    """The database cannot be asked at the moment. A read may be repeated."""


class OutcomeUnknown(Exception):
    """A flush was cut: it may have committed. Send the same batch with the same number again."""


class Fenced(Exception):
    """The lease was taken: this host may never write again."""


class RowRefused(Exception):
    """The database refuses a row of the batch; nothing of the batch was applied. `sqlstate` is
    five characters; no text of the row is in the exception (spec 4.4)."""

    def __init__(self, sqlstate: str, constraint: str | None = None) -> None:
        super().__init__(f"row refused: SQLSTATE {sqlstate} {constraint or ''}".rstrip())
        self.sqlstate = sqlstate
        self.constraint = constraint


class Lease(msgspec.Struct, frozen=True):
    """One host's right to write."""

    host_id: str
    epoch: int


class HostEntry(msgspec.Struct, frozen=True):
    """A host as routing sees it."""

    host_id: str
    epoch: int
    endpoint: str
    alive: bool
    """Not dead and not expired, by the database's clock."""


class RoutingTable(msgspec.Struct, frozen=True):
    """Who owns which shard: `owners[shard]` is a host id or None."""

    owners: Sequence[str | None]
    hosts: Mapping[str, HostEntry]


class DueReminder(msgspec.Struct, frozen=True):
    """A "Reminder" row that has not fired."""

    id: str
    kind: str
    due_at: datetime
    session_id: str | None
    user_id: str | None
    payload: Mapping[str, Json]


class FlushStore(Protocol):
    """The write-behind path; one connection, one statement at a time."""

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        """Commits `batch` (JSON of `hub.flush`) as flush `number`; a number that the database has
        already seen is answered like a fresh commit.

        Raises Fenced, OutcomeUnknown, RowRefused. Cancelling leaves the outcome unknown.
        """


class LeaseStore(Protocol):
    """Hosts and shards."""

    async def open(self, host_id: str, endpoint: str) -> Lease:
        """Writes a new lease row with the next epoch; owns no shard yet."""

    async def routing(self) -> RoutingTable:
        """The table as it is now."""

    async def take(
        self, lease: Lease, shards: Sequence[int] | None, dead: str | None
    ) -> Sequence[int]:
        """Moves shards to `lease` and returns those it now owns.

        With `dead`, marks that host dead first (waiting for its flush under way) and takes all of
        its shards, or only `shards` of it; without, takes only shards without an owner or with a
        dead or expired one.
        """

    async def give(self, lease: Lease, shards: Sequence[int], to: str) -> None:
        """The owner itself names the next one."""

    async def close(self, lease: Lease) -> None:
        """Marks the own lease dead, after the last flush."""


class SessionStore(Protocol):
    """Facts of sessions, and what the log tables hold."""

    async def load(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Loaded | None]:
        """For each (sessionId, extra callers) the facts read as each member and caller; None where
        no such session exists. One round trip (`hub.load_sessions`)."""

    async def receipt(self, session_id: str, user_id: str, command_id: str) -> StoredReceipt | None:
        """The receipt of an earlier command with that id."""

    async def events(
        self, session_id: str, user_id: str, after: int, limit: int
    ) -> Sequence[StoredEvent] | None:
        """Events after `after` in order, read as that user; None where the log no longer reaches
        back that far."""

    async def reminders(
        self, shards: Sequence[int], now: datetime, at_once: Collection[str],
        after: DueReminder | None, limit: int) -> Sequence[DueReminder]:  # fmt: skip
        """Those of these shards that are due at `now`, the asking host's, oldest first, from behind
        `after` on; of kinds `at_once` also what is later by `CLOCKS_APART_MAX`."""

    async def unnoticed(
        self, names: Sequence[str], seconds: float, limit: int
    ) -> Sequence[tuple[str, str, StoredEvent]]:
        """(session, user, event) of what is named so, happened in the last `seconds` and was
        neither raised by the user nor notified of; of all sessions, oldest first, no data."""

    async def load_directory(self, user_id: str) -> Loaded:
        """Facts about one user, for commands without a session: partners, and open sessions."""

    async def session_of_invitation(self, invitation_id: str) -> str | None:
        """Which session an invitation belongs to."""


class StoredReceipt(msgspec.Struct, frozen=True):
    """A "CommandReceipt" row; `reply` may hold refs."""

    name: str
    digest: str
    reply: Mapping[str, Json]


class StoredEvent(msgspec.Struct, frozen=True):
    """A "SessionEvent" row; `data` may hold refs."""

    seq: int
    name: str
    data: Mapping[str, Json]
    at: datetime


class ReadStore(Protocol):
    """Named queries, always as somebody."""

    async def read(
        self, actor: Actor, query: str, args: Mapping[str, Json]
    ) -> Sequence[Mapping[str, Any]]:
        """Rows of a named query (`persistence/queries/*.sql`), columns by their database names.

        Raises StoreUnavailable.
        """


# ---- links and routing -------------------------------------------------------------------------


class LinkClosed(Exception):
    """The other end of a link is gone."""


class HostLink(Protocol):
    """A gateway's end of the line to one host."""

    host_id: str

    def send(self, message: ToHost) -> None:
        """Queues a message; what queues while a frame is being written goes into the next one.

        Ordering: as called. Raises LinkClosed.
        """

    async def close(self) -> None:
        """Ends the link."""


class LinkDialer(Protocol):
    """How a gateway reaches hosts."""

    async def dial(
        self,
        endpoint: str,
        on_message: Callable[[ToGateway], None],
        on_close: Callable[[], None],
    ) -> HostLink:
        """Connects and proves the secret. Raises LinkClosed when nobody answers there."""


class GatewayPeer(Protocol):
    """A host's end of the line to one gateway."""

    gateway_id: str

    def send(self, message: ToGateway) -> None:
        """Queues a message; never blocks. A gateway that does not drain its line is cut off."""


class HostEndpoint(Protocol):
    """What a link server calls on a host; all synchronous, on the host's loop."""

    def attached(self, peer: GatewayPeer) -> None:
        """A gateway connected and proved the secret."""

    def received(self, peer: GatewayPeer, message: ToHost) -> None:
        """One message of that gateway."""

    def detached(self, peer: GatewayPeer) -> None:
        """The line is gone: its subscriptions are too."""


class Routing(Protocol):
    """Where the gateway learns who owns which shard."""

    async def routing(self) -> RoutingTable:
        """The table as the database knows it."""


# ---- what a host hands on ----------------------------------------------------------------------


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

    def came_after(self, session_id: str, user_id: str, at: datetime) -> bool:
        """Whether that user began to listen to the session after a time, here and as far known."""


# ---- identity ----------------------------------------------------------------------------------


class Identity(msgspec.Struct, frozen=True):
    """Who a verified token speaks for."""

    user_id: str
    role: str
    name: str | None
    expires_at: float
    """Unix seconds."""


class Unauthenticated(Exception):
    """The token is not valid; which way it is not is never said."""


class Identities(Protocol):
    """From a bearer token to a user row, made on first sight (spec 5.1)."""

    async def identify(self, token: str) -> Identity:
        """Raises Unauthenticated, StoreUnavailable."""

    def forget(self, user_id: str) -> None:
        """This user has left: no token speaks for them any more."""


class Accounts(Protocol):
    """User rows of external identities, and of guests, who have none. Raises StoreUnavailable."""

    async def provision(
        self, provider: str, subject: str, name: str | None, email: str | None = None
    ) -> Known:
        """Made on first sight; two first sights at once give one user. `email` is verified."""

    async def recognise(self, user_id: str, used_after: datetime) -> Known | None:
        """That user, or whom that guest became; None if not seen since. Counts as a use."""


class Exports(Protocol):
    """What a user may take along (spec 4.5)."""

    def lines(self, user_id: str) -> AsyncIterator[bytes]:
        """All that the user owns, as whole JSON Lines. Raises StoreUnavailable, also midway."""


Known = tuple[str, str, str | None]  # user id, role, name
Sleep = Callable[[float], Awaitable[None]]
