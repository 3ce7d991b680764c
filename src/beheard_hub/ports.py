"""What the hub needs from outside, as protocols.

Adapters live in `persistence`, `ai`, `links`, `push`; a fake of every port lives in `testing` and passes the same suite.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from beheard_hub.domain.kernel import Ids, Json, Loaded
from beheard_hub.link_messages import ToGateway, ToHost

__all__ = ["Ids"]


class Clock(Protocol):
    """Wall time for rules, monotonic time for deadlines."""

    def now(self) -> datetime:
        """Aware UTC, microseconds."""

    def mono(self) -> float:
        """Seconds that never jump."""


# ---- Postgres ----------------------------------------------------------------------------------


class Actor(msgspec.Struct, frozen=True):
    """As whom a transaction reads: the four locals of spec 4.2."""

    id: str
    role: Literal["user", "ai", "staff", "admin"] = "user"
    session_id: str = ""
    stage: int | None = None


class StoreUnavailable(Exception):
    """The database cannot be asked at the moment. A read may be repeated."""


class OutcomeUnknown(Exception):
    """A flush was cut: it may have committed. Send the same batch with the same number again."""


class Fenced(Exception):
    """The lease was taken: this host may never write again."""


class RowRefused(Exception):
    """The database refuses a row of the batch; nothing of the batch was applied.

    `sqlstate` is five characters; no text of the row is in the exception (spec 4.4).
    """

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

    async def reminders(self, shards: Sequence[int], limit: int) -> Sequence[DueReminder]:
        """Unfired reminders of these shards that are due by the database's clock, oldest first."""

    async def load_directory(self, user_id: str) -> Loaded:
        """Facts about one user outside any session: relationships, their partners and which of
        them have an open session. For commands without a session."""

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


# ---- the facilitator (spec 06) -----------------------------------------------------------------


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a model may see; refused where it lacks provenance (spec 4.3)."""

    source: Literal["user", "shared", "global"]
    type: str
    """``message``, ``user_event``, ``need``, ``consented_content``, ``common_ground``, ..."""
    id: str
    created_at: datetime
    consent: Literal["active", "not_applicable"]
    stage: int
    text: str
    fields: Mapping[str, Json] = {}
    """What the type adds: role of a message, category of a need, attributedTo of an event..."""


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """All that one model call sees, for one user of one session."""

    user_id: str
    user_name: str | None
    partner_name: str | None
    session_id: str
    stage: int
    intent: str
    """Memory intent of spec 4.3."""
    gates: Mapping[str, bool]
    items: Sequence[Item]


class Usage(msgspec.Struct, frozen=True):
    """Tokens of one call."""

    input: int = 0
    output: int = 0
    cached: int = 0


class Delta(msgspec.Struct, frozen=True):
    """A piece of an answer; `reset` throws the earlier pieces away."""

    text: str
    reset: bool = False


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """A finished answer; ends the stream of deltas."""

    text: str
    prompt_version: str
    usage: Usage = Usage()
    offer_feel_heard: bool = False
    """Stage 1: the facilitator thinks the question may be offered; it never answers it."""
    offer_support: str | None = None
    """BREATHING_EXERCISE, BODY_SCAN, GROUNDING or PAUSE_SESSION."""


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A synthesised need; `evidence` are 1-5 literal quotes of the user's messages."""

    need: str
    category: str
    description: str
    evidence: Sequence[str]
    confidence: float


class Clarification(msgspec.Struct, frozen=True, kw_only=True):
    """A question about a need that is not clear enough."""

    potential_need: str
    question: str
    evidence_so_far: str


class Synthesis(msgspec.Struct, frozen=True):
    """Result of need synthesis."""

    needs: Sequence[Need]
    clarifications: Sequence[Clarification]


class Transformation(msgspec.Struct, frozen=True, kw_only=True):
    """A softened first-person text for sharing, or questions where it would have to invent."""

    can_transform: bool
    text: str = ""
    clarifications: Sequence[str] = ()


class DraftCheck(msgspec.Struct, frozen=True):
    """Whether an empathy draft shows curiosity; informs, never gates."""

    curious: bool
    hint: str = ""


class SharedNeed(msgspec.Struct, frozen=True, kw_only=True):
    """A consented need as common-ground analysis sees it: the text that crossed, nothing else."""

    content_id: str
    mine: bool
    text: str
    category: str


class CommonItem(msgspec.Struct, frozen=True, kw_only=True):
    """One item of common ground and the contents it stands on (at least one of each side)."""

    need: str
    category: str
    description: str
    source_content_ids: Sequence[str]


class Suggestion(msgspec.Struct, frozen=True, kw_only=True):
    """A small experiment: specific, time-bound, reversible, measurable."""

    description: str
    needs_addressed: Sequence[str]
    duration: str | None
    measure_of_success: str | None


class FacilitatorFailed(Exception):
    """No answer could be had. `retryable` tells whether asking again may help."""

    def __init__(self, reason: str, *, retryable: bool = True) -> None:
        super().__init__(reason)
        self.retryable = retryable


class Facilitator(Protocol):
    """The AI between two people; one interface, several implementations (spec 06)."""

    provider: str

    def open_stage(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """The one message that opens a stage in the user's thread."""

    def reply(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """Answers the newest messages of the bundle. The last thing it yields is `Spoken`."""

    async def synthesise_needs(self, bundle: Bundle) -> Synthesis:
        """2-5 needs with literal quotes, and questions for what is doubtful."""

    async def transform(self, content_type: str, text: str, bundle: Bundle) -> Transformation:
        """A preview for sharing `text`: first person, 1-3 sentences, softened, nothing invented."""

    async def check_draft(self, text: str) -> DraftCheck:
        """Looks at an empathy draft."""

    def heat(self, text: str) -> Sequence[str]:
        """Warnings about heated wording in a text that the user edited; empty if calm."""

    async def common_ground(self, needs: Sequence[SharedNeed]) -> Sequence[CommonItem]:
        """0-5 items from the two consented lists only."""

    async def suggest(
        self, common: Sequence[str], focus: Sequence[str], library: Sequence[Item], count: int
    ) -> Sequence[Suggestion]:
        """1-5 experiments from common ground and library only."""


class Embedder(Protocol):
    """Text to vectors; zero-padded to 1536 (spec 03.7)."""

    model: str

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One unit vector of `DIMENSION` floats per text."""


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


Sleep = Callable[[float], Awaitable[None]]
