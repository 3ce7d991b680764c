"""What a gateway and a host say to each other: tagged MessagePack arrays (spec 01, "Messages do not
travel by Ray"). Both directions are lists of these in one frame of at most 256 KB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec


class _Message(msgspec.Struct, frozen=True, array_like=True):
    pass


# ---- gateway → host


class Hello(_Message, frozen=True, tag="hello"):
    """First message: an HMAC over version, gateway and nonce proves the cluster secret."""

    version: int
    gateway_id: str
    nonce: bytes
    mac: bytes


class CommandTo(_Message, frozen=True, tag="cmd"):
    """A client's command. `rid` is unique per link; the answer carries it."""

    rid: int
    user_id: str
    id: str
    name: str
    data: Mapping[str, Any]
    session_id: str = ""
    trace: bytes = b""
    """Place of the gateway's span (`observability.tracing`), where the command is traced."""


class SubscribeTo(_Message, frozen=True, tag="sub"):
    """One connection listens to one session. `after` None asks for a snapshot."""

    sub: int
    user_id: str
    session_id: str
    after: int | None = None
    observer: bool = False
    """The user is no member, and watches (`CommandSpec.observes`)."""


class UnsubscribeTo(_Message, frozen=True, tag="unsub"):
    """Ends a subscription; no answer."""

    sub: int
    clean: bool = False
    """The client said goodbye; otherwise it may be back in a moment."""


class PresenceTo(_Message, frozen=True, tag="pres"):
    """What the device behind a subscription does: ``active``, ``away`` or ``typing``."""

    sub: int
    status: str


class ReceivedTo(_Message, frozen=True, tag="got"):
    """The device behind a subscription has every event up to `seq`."""

    sub: int
    seq: int


class HereTo(_Message, frozen=True, tag="here"):
    """To the host of a user's home shard: what this gateway knows of the user, for limits that are
    per user over all gateways. Answered by `ElsewhereFrom` where there is something to say."""

    user_id: str
    connections: int | None
    """Open now; None: this gateway speaks for the user no more."""
    spent: Mapping[str, int] = {}
    """Commands since the last word, by bucket; empty name: of any kind."""
    owed: Mapping[str, float] = {}
    """Tokens missing in all, by bucket, for gateways that are new to the user."""


class MergedTo(_Message, frozen=True, tag="merged"):
    """A guest is that user now (`MergedFrom`), before anything is sent for that user."""

    guest_id: str
    user_id: str
    sessions: Sequence[str]


class RoleTo(_Message, frozen=True, tag="role"):
    """This user has another role (`RoleFrom`)."""

    user_id: str


ToHost: TypeAlias = (
    Hello
    | CommandTo
    | SubscribeTo
    | UnsubscribeTo
    | PresenceTo
    | ReceivedTo
    | HereTo
    | MergedTo
    | RoleTo
)

# ---- host → gateway


class Welcome(_Message, frozen=True, tag="welcome"):
    """Answer to `Hello`."""

    host_id: str
    epoch: int


class Acked(_Message, frozen=True, tag="ack"):
    """A command's reply, rendered for its caller; sent after the commit."""

    rid: int
    data: Mapping[str, Any]
    seq: int
    """Newest event seq of the caller in that session, 0 without a session."""
    duplicate: bool = False


class Refused(_Message, frozen=True, tag="no"):
    """A command's refusal, or with `sub` set instead of `rid` a subscription's."""

    rid: int | None
    code: str
    message: str
    retryable: bool
    retry_after_ms: int | None = None
    details: Mapping[str, str] | None = None
    sub: int | None = None


class Moved(_Message, frozen=True, tag="moved"):
    """This host does not own the shard: refresh the routing and send it again. `session_id` is set
    where the host found out which session an invitation belongs to."""

    rid: int | None
    session_id: str = ""
    sub: int | None = None


class SnapshotFrom(_Message, frozen=True, tag="snap"):
    """Answer to a subscription without a usable `after`."""

    sub: int
    session_id: str
    seq: int
    state: Mapping[str, Any]


class SubscribedFrom(_Message, frozen=True, tag="subbed"):
    """The subscription replays from `after` and is then live; `seq` is the newest one now."""

    sub: int
    session_id: str
    seq: int


class EventFrom(_Message, frozen=True, tag="ev"):
    """One event for one user, for all of its subscriptions on this gateway."""

    subs: Sequence[int]
    session_id: str
    seq: int
    name: str
    data: Mapping[str, Any]
    at: str


class DeltaFrom(_Message, frozen=True, tag="delta"):
    """A piece of an AI answer; not stored (spec 5.2)."""

    subs: Sequence[int]
    session_id: str
    reply_to: str
    message_id: str
    index: int
    text: str
    reset: bool = False
    lane: str | None = None
    """In a practice: who speaks."""


class PresenceFrom(_Message, frozen=True, tag="pres"):
    """Whether the partner of these subscriptions is ``online`` or ``offline``; empty while nothing
    may be said of it."""

    subs: Sequence[int]
    session_id: str
    partner: str


class DeviceFrom(_Message, frozen=True, tag="dev"):
    """What another device of the same user does (`PresenceTo`)."""

    subs: Sequence[int]
    session_id: str
    status: str


class ElsewhereFrom(_Message, frozen=True, tag="there"):
    """What other gateways know of a user of this one (`HereTo`)."""

    user_id: str
    connections: int
    """On all other gateways."""
    gateways: int
    """That are not this one."""
    spent: Mapping[str, int] = {}
    owed: Mapping[str, float] = {}
    asked: bool = False
    """Answers a `HereTo` of this gateway: what is over the limit now is over it here."""


class GoneFrom(_Message, frozen=True, tag="gone"):
    """This user has left the hub (spec 4.5): their connections end, and who signs in with the same
    identity is somebody new."""

    user_id: str


class MergedFrom(_Message, frozen=True, tag="merged"):
    """A guest was merged with a user (spec 08), and these practices with them: connections of the
    guest are the user's from now on. A gateway tells all hosts. May be told more than once."""

    guest_id: str
    user_id: str
    sessions: Sequence[str]


class RoleFrom(_Message, frozen=True, tag="role"):
    """This user has another role: a gateway tells all hosts, which ask again whether they may watch
    what they watch."""

    user_id: str


class Leaving(_Message, frozen=True, tag="leaving"):
    """The host drains: everything sent so far is answered, send nothing more."""


ToGateway: TypeAlias = (
    Welcome
    | Acked
    | Refused
    | Moved
    | SnapshotFrom
    | SubscribedFrom
    | EventFrom
    | DeltaFrom
    | PresenceFrom
    | DeviceFrom
    | ElsewhereFrom
    | GoneFrom
    | MergedFrom
    | RoleFrom
    | Leaving
)
