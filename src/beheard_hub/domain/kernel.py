"""What every session kind speaks: commands in, a decision out.

A *kind* (mediation, later practice) is a pure function ``decide(state, command, now, ids)`` and the
tables behind it. It answers with a `Decision`: the next state, the rows that must be stored, the
notices for the users, what must still happen (`Due`), and the answer for the caller. The cell in
`beheard_hub.actors` assigns sequence numbers, adds the receipt and lets nothing of it out before
the commit; the kind never sees a socket, a store or a clock.

Text travels *through* a decision (in rows and in `fresh`), never into the state: a state holds ids,
flags, counters and times only. Where an answer must show stored text it holds a `Ref`, which is
rendered at delivery as the person who receives it, so that a revoked word cannot come back
(spec 01, "The turn and the flush").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import msgspec

from beheard_hub.domain.limits import CLOCKS_APART_MAX
from beheard_hub.domain.refusals import Refusal

Json: TypeAlias = Any
"""What msgspec can encode: dict, list, str, int, float, bool, None, datetime, `Ref`."""


class Ids(Protocol):
    """Where new ids come from; a port, so that tests can count."""

    def ordered(self) -> str:
        """A UUIDv7: for rows where order of creation helps."""

    def random(self) -> str:
        """At least 122 random bits, no time in it: strategies and invitations (spec 03)."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One request to one session. `data` is the validated struct of the command's table row."""

    id: str
    """Chosen by the client, at most 64 characters; internal ones use a reminder's or work's id."""
    name: str
    """For example ``compact.sign``; internal ones begin with ``internal.``"""
    user_id: str
    """Who asks; for an internal command the user whom it concerns (or ``''`` for the session)."""
    data: Any
    session_id: str = ""
    """Empty for commands without a session (session.create and the lists)."""
    asker: Mapping[str, Json] | None = None
    """What is stored of a caller who is no member, read with this request
    (`CommandSpec.asks_who`)."""


class Insert(msgspec.Struct, frozen=True, tag="i", tag_field="op"):
    """A new row. `table` and the keys of `values` are the database's names (spec 03), camelCase.

    ``hub`` tables are written ``hub.Reminder``; all others live in ``public``.
    """

    table: str
    values: Mapping[str, Json]


class Update(msgspec.Struct, frozen=True, tag="u", tag_field="op"):
    """Sets `values` on the one row that `key` names (mostly ``{"id": ...}``)."""

    table: str
    key: Mapping[str, str | int]
    values: Mapping[str, Json]


class Delete(msgspec.Struct, frozen=True, tag="d", tag_field="op"):
    """Removes the one row that `key` names; only vessel rows may be deleted (spec 4.2)."""

    table: str
    key: Mapping[str, str | int]


Row: TypeAlias = Insert | Update | Delete


class Ref(msgspec.Struct, frozen=True, tag="ref", tag_field="$"):
    """A place where a shape of spec 5.4 is to stand, read as the recipient when it is delivered.

    In stored JSON (receipts, events) it is ``{"$": "ref", "kind": "message", "id": "..."}``.
    """

    kind: str
    """One of the kinds that the kind's `views` can render: session, message, draft, need, ..."""
    id: str


def as_ref(value: Json) -> Ref | None:
    """A `Ref`, also one that comes back from stored JSON; None for anything else."""
    if isinstance(value, Ref):
        return value
    if isinstance(value, Mapping) and value.get("$") == "ref":
        return Ref(str(value["kind"]), str(value["id"]))
    return None


class Notice(msgspec.Struct, frozen=True):
    """An event of spec 2.4 for one user; the cell gives it that user's next seq."""

    user_id: str
    name: str
    data: Mapping[str, Json] = {}
    """Ids, flags, counts, times and `Ref`; never private text."""


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """Something that must still happen after the commit: one "Reminder" row (spec 03.6)."""

    id: str
    kind: str
    """``ai_turn``, ``common_ground``, ``timer``, ...: a row of the reactions' table."""
    at: datetime
    user_id: str | None = None
    payload: Mapping[str, Json] = {}
    """Ids, numbers and flags only."""
    session_id: str = ""
    """Empty: the deciding session. session.create, decided without one, names the new session. A
    user's home (`sharding.home_of`) is their directory."""


class Reply(msgspec.Struct, frozen=True):
    """The ack's data, as spec 2.3 names it; `Ref` where text stands."""

    data: Mapping[str, Json]


class Read(msgspec.Struct, frozen=True):
    """Answer with a query that the caller is now known to be allowed: rendered by `views` from
    rows read as the caller (row-level security is the second wall)."""

    query: str
    args: Mapping[str, Json] = {}


class Work(msgspec.Struct, frozen=True):
    """The answer needs stored text or a model: run it outside the turn, then `decide` again with
    the internal command ``internal.worked`` (data: `Worked`). Nothing is applied until then."""

    kind: str
    """A row of the reactions' table: ``needs.synthesise``, ``consent.preview``, ..."""
    args: Mapping[str, Json] = {}


class Worked(msgspec.Struct, frozen=True):
    """Result of a `Work`, on its way back into the mailbox with the command that asked for it."""

    command: Command
    work: Work
    result: Mapping[str, Json]


Answer: TypeAlias = Reply | Read | Work | Refusal | None
"""None only for internal commands, which nobody waits for."""

S = TypeVar("S")


class Decision(msgspec.Struct, Generic[S], frozen=True):
    """All that one turn decided. Rows, notices and dues may accompany a refusal: an expiry that was
    noticed on the way is stored although the command is refused (spec 2.1)."""

    state: S
    answer: Answer
    rows: Sequence[Row] = ()
    notices: Sequence[Notice] = ()
    dues: Sequence[Due] = ()
    done: Sequence[str] = ()
    """Ids of "Reminder" rows that this turn settles."""
    fresh: Mapping[tuple[str, str], Json] = {}
    """(kind, id) → shape, known from this very turn: the caller's own words, which may go to the
    caller's own devices without a read."""
    effects: Sequence[str] = ()
    """What running work must learn, at once and again when it is durable: ``cancel:<userId>`` stops
    that thread's model call, ``drop:<reminderId>`` what that reminder causes,
    ``revoked:<contentId>`` keeps the content out of everything that starts from now on,
    ``company`` has those who listen told anew who is there, ``merged:<guestId>:<userId>:<ids of
    sessions by comma>`` says that a guest is that user now, and so are these sessions,
    ``role:<userId>`` that this user may do other things than before."""
    names: Mapping[str, str | None] = {}
    """userId → name, where somebody's has changed: the cell keeps names beside the state."""


class CommandSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a kind's command table, as the host needs it."""

    name: str
    data: type[msgspec.Struct]
    sessionless: bool = False
    """Carries no sessionId; its receipt uses ``''`` (spec 2.3)."""
    by_invitation: bool = False
    """Sessionless, but decided by the session that ``data.invitationId`` belongs to."""
    reads: bool = False
    """Never receipted."""
    alone: bool = False
    """Commits alone; a unique violation in its rows is CONFLICT (spec 01)."""
    races: bool = False
    """Beside `alone`: rests on rows that were read outside the turn. Where the database finds them
    changed, or not ours any more, that is CONFLICT too."""
    anyone: bool = False
    """The caller need not be a member (invitation.accept, .decline)."""
    asks_who: bool = False
    """What is stored of a caller who is no member is read with each request: ``callers`` of the
    facts, by user id. It decides what they may."""
    observes: bool = False
    """No command of a client: it is asked when somebody who is no member wants to watch the session
    live, and again while they do. Its answer is a `Read`, shown with the snapshot, or a refusal."""


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What Postgres knows of one session, read as A, as B and shared; facts only, no text.

    `facts` is the kind's own affair (for mediation: `beheard_hub.domain.mediation.state.load`).
    """

    session_id: str
    facts: Mapping[str, Json]
    names: Mapping[str, str | None] = {}
    """userId → name, for summaries; kept beside the state, never in it."""
    seqs: Mapping[str, int] = {}
    """userId → newest event seq."""
    receipts: Mapping[str, Sequence[int]] = {}
    """userId → first 8 bytes of SHA-256 of every stored command id, as signed integers."""


class SessionKind(Protocol[S]):
    """What a kind brings so that a host can run it."""

    name: str
    commands: Mapping[str, CommandSpec]
    at_once: frozenset[str]
    """Kinds of dues that wait for no time: due when they are stored, whatever a clock says."""
    resumed: str | None
    """Internal command, without data, by which a session is told that a member listens again from
    where they had come to; None: it need not know."""
    notifies: frozenset[str]
    """Events of which somebody who is not connected is notified, unless they raised it."""

    def blank(self, session_id: str) -> S:
        """State before anything happened: for session.create."""

    def load(self, loaded: Loaded) -> S:
        """State from stored facts."""

    def pack(self, state: S) -> bytes:
        """State as bytes, for an idle session."""

    def unpack(self, packed: bytes) -> S:
        """The inverse of `pack`."""

    def validate(self, name: str, data: Mapping[str, Json]) -> msgspec.Struct | Refusal:
        """Typed, trimmed, NFC-normalised data, or VALIDATION_ERROR naming each field and limit."""

    def decide(self, state: S, command: Command, now: datetime, ids: Ids) -> Decision[S]:
        """One turn. Total: returns a refusal for anything a user can do wrong, raises only for
        our own mistakes."""

    def told_at(self, state: S, user_id: str) -> datetime | None:
        """When this user was told of something last, as far as the state knows it."""

    def members(self, state: S) -> Sequence[str]:
        """User ids that may subscribe and command."""

    def company(self, state: S, user_id: str) -> Mapping[str, bool]:
        """Of whom this member may be told whether they are connected → whether they let it be
        shown; empty while nobody may be told of."""

    def snapshot(
        self, state: S, user_id: str, names: Mapping[str, str | None]
    ) -> Mapping[str, Json]:
        """The `snapshot` frame's state (spec 5.2) for one member; may hold `Ref`s."""

    def from_state(self, state: S, ref: Ref, user_id: str, names: Mapping[str, str | None]) -> Json:
        """Shape of a `Ref` that needs no text (``session``, ``progress``), else None."""


TICK = timedelta(microseconds=1)


def onward(now: datetime, told_at: datetime | None) -> datetime:
    """The time of a turn of a user who was told of something last at `told_at`: `now`, or right
    after it where a clock went back or another host's is behind, so that a thread reads in the
    order in which it was told. A clock that is more than `CLOCKS_APART_MAX` ahead is wrong, and is
    not followed."""
    if told_at is not None and now <= told_at <= now + CLOCKS_APART_MAX:
        return told_at + TICK
    return now
