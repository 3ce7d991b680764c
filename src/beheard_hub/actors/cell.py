"""One live session in memory, and the turns that are under way in it.

A cell has no task, no queue and no lock: turns are synchronous calls of the host. It knows two
states: `state`, what the newest turn decided, and `committed`, what Postgres has. Everything that
leaves the host shows `committed` or the state of a turn that has been committed.
"""

from __future__ import annotations

import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import msgspec

from beheard_hub.domain.kernel import Command, CommandSpec, Json, Loaded, Ref, SessionKind
from beheard_hub.domain.sharding import shard_of
from beheard_hub.link_messages import CommandTo
from beheard_hub.observability import tracing
from beheard_hub.ports import GatewayPeer

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from beheard_hub.actors.recording import Entry

OK = "ok"
"""Outcome of a command that was applied, or answered with what was asked."""
DIRECTORY = "user:"
"""Prefix of the key of the cell in which a user's commands without a session are decided."""

_canonical = msgspec.json.Encoder(order="deterministic").encode


def digest_of(name: str, data: Mapping[str, Json]) -> str:
    """SHA-256 of the canonical JSON of a command: the same id with another digest is CONFLICT."""
    return sha256(_canonical((name, data))).hexdigest()


HASH_BYTES = 8
PACKING_LEVEL = 1


def hash_of(command_id: str) -> bytes:
    """First 8 bytes of SHA-256 of a command id."""
    return sha256(command_id.encode()).digest()[:HASH_BYTES]


class Turn:
    """One command of a client or of the hub itself, until it is answered."""

    __slots__ = (
        "asker", "began", "callers", "data", "digest", "done", "hash", "id", "internal", "kind",
        "name", "on_done", "session_id", "span", "spec", "user_id",
    )  # fmt: skip

    def __init__(
        self, kind: SessionKind[Any], spec: CommandSpec | None, user_id: str, command_id: str,
        name: str, data: Any, session_id: str, digest: str = "",
        internal: Command | None = None,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.spec = spec
        self.user_id = user_id
        self.id = command_id
        self.name = name
        self.data = data
        self.session_id = session_id
        self.digest = digest
        self.hash = b"" if internal is not None else hash_of(command_id)
        self.internal = internal
        """The internal command itself; None for a client's."""
        self.asker: Mapping[str, Json] | None = None
        """What is stored of its caller, where the command asks for that (`Command.asker`)."""
        self.began = time.monotonic()
        self.callers: list[tuple[GatewayPeer, int]] = []
        """Who waits: the first one, then those who sent the same id again meanwhile."""
        self.done = False
        self.on_done: Callable[[], None] | None = None
        self.span: Span | None = None
        """Set where the command is traced."""

    def finish(self, outcome: str) -> None:
        """It is answered: ``ok``, ``duplicate``, ``moved`` or the code of a refusal."""
        self.done = True
        if self.span is not None:
            known = {"session_id": self.session_id} if outcome == OK else {}
            tracing.end(self.span, code=outcome, **known)
            self.span = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes a command the same command."""
        return (self.user_id, self.id)

    @property
    def receipt_session(self) -> str:
        """`sessionId` of its receipt: ``''`` for commands that carry none (spec 2.3)."""
        spec = self.spec
        return "" if spec is None or spec.sessionless or spec.by_invitation else self.session_id


def turn_of(
    kind: SessionKind[Any], spec: CommandSpec, peer: GatewayPeer, message: CommandTo
) -> Turn:
    """The turn of a client's command; `peer` waits for its answer."""
    turn = Turn(
        kind, spec, message.user_id, message.id, message.name, message.data,
        "" if spec.sessionless or spec.by_invitation else message.session_id,
        digest_of(message.name, message.data),
    )  # fmt: skip
    turn.callers.append((peer, message.rid))
    if message.trace and tracing.current is not None:
        turn.span = tracing.current.turn(message.trace, message.name)
    return turn


def internal_turn(kind: SessionKind[Any], session_id: str, command: Command) -> Turn:
    """The turn of a command of the hub itself; nobody waits for its answer."""
    return Turn(
        kind, None, command.user_id, command.id, command.name, command.data, session_id,
        internal=command,
    )  # fmt: skip


class Cell:
    """One live session (or, for one command at a time, one user's directory)."""

    __slots__ = (
        "committed", "committed_seqs", "dropped", "hashes", "inflight", "key", "kind", "last",
        "names", "pending", "seqs", "shard", "state", "used_at",
    )  # fmt: skip

    def __init__(self, key: str, kind: SessionKind[Any], state: Any) -> None:
        self.key = key
        self.shard = shard_of(key)
        self.kind = kind
        self.state = state
        self.committed = state
        self.seqs: dict[str, int] = {}
        self.committed_seqs: dict[str, int] = {}
        self.hashes: dict[str, bytearray] = {}
        """userId → hashes of the ids of all stored receipts, one behind the other."""
        self.names: dict[str, str | None] = {}
        self.inflight: dict[tuple[str, str], Turn] = {}
        self.last: Entry | None = None
        self.pending = 0
        """Entries in the buffer."""
        self.used_at = 0.0
        self.dropped = False
        """Postgres knows better: this object decides nothing any more."""

    @classmethod
    def from_loaded(cls, kind: SessionKind[Any], loaded: Loaded) -> Cell:
        """A cell as Postgres knows it."""
        cell = cls(loaded.session_id, kind, kind.load(loaded))
        cell.seqs = dict(loaded.seqs)
        cell.committed_seqs = dict(loaded.seqs)
        cell.names = dict(loaded.names)
        cell.hashes = {
            user: bytearray().join(h.to_bytes(HASH_BYTES, "big", signed=True) for h in hashes)
            for user, hashes in loaded.receipts.items()
        }
        return cell

    def forget(self, user_id: str) -> None:
        """Lets go of a user who left the hub, beside what the state says."""
        self.seqs.pop(user_id, None)
        self.committed_seqs.pop(user_id, None)
        self.hashes.pop(user_id, None)

    @property
    def busy(self) -> bool:
        """Whether something of it is not yet durable or not yet answered."""
        return bool(self.inflight) or self.last is not None

    def is_member(self, user_id: str) -> bool:
        """By the newest state: whether this user may command and subscribe."""
        return user_id in self.kind.members(self.state)

    def knows_receipt(self, turn: Turn) -> bool:
        """Whether a receipt may be stored for that command id."""
        if turn.spec is None or turn.spec.reads:
            return False
        if turn.spec.by_invitation:
            return True
        # Found across two hashes it is another look into the database, and nothing worse.
        return turn.hash in self.hashes.get(turn.user_id, b"")

    def pack(self) -> bytes:
        """All of an idle cell as bytes; `unpack` is the inverse. Most of it are ids that occur
        several times, so the quickest compression halves it and more."""
        assert not self.busy
        packed = msgspec.msgpack.encode(
            (self.kind.name, self.kind.pack(self.state), self.seqs, self.names, self.hashes)
        )
        return zlib.compress(packed, PACKING_LEVEL)

    @classmethod
    def unpack(cls, key: str, kinds: Mapping[str, SessionKind[Any]], packed: bytes) -> Cell:
        """A live cell from what `pack` made."""
        name, state, seqs, names, hashes = msgspec.msgpack.decode(zlib.decompress(packed))
        kind = kinds[name]
        cell = cls(key, kind, kind.unpack(state))
        cell.seqs = seqs
        cell.committed_seqs = dict(seqs)
        cell.names = names
        cell.hashes = {user: bytearray(known) for user, known in hashes.items()}
        return cell


class View:
    """What one member sees of one state without a read (`ports.StateView`)."""

    __slots__ = ("_kind", "_user_id", "names", "state")

    def __init__(self, cell: Cell, state: Any, user_id: str) -> None:
        self._kind = cell.kind
        self._user_id = user_id
        self.state = state
        self.names: Mapping[str, str | None] = cell.names

    def shape(self, ref: Ref) -> Json:
        """Shape of a `Ref` that needs no text, else None."""
        return self._kind.from_state(self.state, ref, self._user_id, self.names)


class Kinds:
    """The session kinds of a host, found by command name or by what was loaded."""

    def __init__(
        self, sessions: Sequence[SessionKind[Any]], directories: Sequence[SessionKind[Any]] = ()
    ) -> None:
        assert sessions, "a host without a kind can decide nothing"
        self.by_name: dict[str, SessionKind[Any]] = {kind.name: kind for kind in sessions}
        self._default = sessions[0]
        self._directories = tuple(directories)
        self.at_once = frozenset[str]().union(*(k.at_once for k in (*sessions, *directories)))
        """Kinds of reminders that wait for no time."""
        self._of_command: dict[str, SessionKind[Any]] = {}
        for kind in (*sessions, *directories):
            for name in kind.commands:
                assert name not in self._of_command, f"two kinds want {name}"
                self._of_command[name] = kind

    @property
    def notifies(self) -> Sequence[str]:
        """Events of any kind of which who is not connected is notified."""
        return sorted({name for kind in self.by_name.values() for name in kind.notifies})

    def of_command(self, name: str) -> SessionKind[Any] | None:
        """The kind in whose table a command stands."""
        return self._of_command.get(name)

    @property
    def directory(self) -> SessionKind[Any]:
        """The kind that decides what concerns one user and no session."""
        assert self._directories, "this host has no directory"
        return self._directories[0]

    def of_loaded(self, loaded: Loaded) -> SessionKind[Any]:
        """The kind of a stored session: ``facts["kind"]``, or the first one."""
        return self.by_name.get(str(loaded.facts.get("kind", "")), self._default)


Cells = OrderedDict[str, Cell]
"""Live cells, the one that was used longest ago first."""
