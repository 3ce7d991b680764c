"""One connection's rules: frames in, actions out. No socket, no clock, no task (spec 5.2).

The shell around it (`connection.py`) decodes frames, tells the time, and does what the actions say;
everything that can be decided is decided here. A connection is in one of these phases:

    NEW ──auth──▶ CHECKING ──identified──▶ LIVE ──token expires──▶ GRACE ──60 s──▶ CLOSED (4401)
     │ 10 s, or any other frame: 4401         ▲ │ auth                │
     └──────────────▶ CLOSED                  │ ▼                     │ auth
                                              └─RENEWING ◀────────────┘

A token that could not be checked now is nobody's fault: then it ends with 1013, not with 4401.

What holds whatever a peer sends:

* Every `command` frame that could be read is answered exactly once: here with an `error`, or by
  whoever carries out `Submit` (who then calls `answered`).
* At most `unacked_commands_max` commands are between `Submit` and `answered`, and while the hosts
  have enough to do no more than `pressure.py` says.
* A malformed frame costs an `error`; the third within a minute costs the connection. A frame of an
  unknown type costs an `error` only.
* After `Close` nothing is sent.

Which frame is handled by whom is `_HANDLERS`; times are monotonic seconds, except token expiry,
which is converted when a token is accepted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, TypeAlias

import msgspec

from beheard_hub.domain import limits
from beheard_hub.domain.refusals import Code
from beheard_hub.gateway import frame_rules, frames
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.close_codes import CloseCode
from beheard_hub.gateway.pressure import Pressure
from beheard_hub.gateway.rates import Rates, TokenBucket
from beheard_hub.ports import Identity

MALFORMED_WINDOW_SECONDS = 60.0
REST_SECONDS = 0.5
"""How long a client is left unread that has too many commands under way, if they take so long."""


class Phase(Enum):
    """See the drawing above. CHECKING and RENEWING wait for `identified` or `refused_token`."""

    NEW = "new"
    CHECKING = "checking"
    LIVE = "live"
    RENEWING = "renewing"
    GRACE = "grace"
    CLOSED = "closed"


# ---- actions


class Send(msgspec.Struct, frozen=True):
    """Put this frame into the outbox."""

    frame: frames.Outgoing


class Identify(msgspec.Struct, frozen=True):
    """Check this token; answer with `identified`, `refused_token` or `identity_unavailable`."""

    token: str

    def __repr__(self) -> str:
        return "Identify"


class Subscribe(msgspec.Struct, frozen=True):
    """Listen to a session; replaces an earlier subscription of this connection to it."""

    session_id: str
    after: int | None
    observer: bool = False


class Unsubscribe(msgspec.Struct, frozen=True):
    """Stop listening."""

    session_id: str


class Say(msgspec.Struct, frozen=True):
    """Tell the host what this device does, or has, in a session it listens to."""

    session_id: str
    what: frames.Presence | frames.Received


class Submit(msgspec.Struct, frozen=True):
    """Carry out a command and call `answered` once it is."""

    id: str
    session_id: str
    name: str
    data: Mapping[str, Any]

    def __repr__(self) -> str:
        return "Submit"


class Rest(msgspec.Struct, frozen=True):
    """Read nothing for so long, or until no command is under way: what comes meanwhile is then
    read, and answered, together."""

    seconds: float


class Close(msgspec.Struct, frozen=True):
    """Write what was sent so far, then close."""

    code: CloseCode


Action: TypeAlias = Send | Identify | Subscribe | Unsubscribe | Say | Submit | Rest | Close


class ConnectionProtocol:
    """State of one connection. `connection_id` and `codec_name` are only told to the client;
    `address` is the peer's, where some commands are counted per address, or empty; all connections
    of the gateway share `pressure`."""

    __slots__ = (
        "_address", "_bounds", "_deadline", "_draining", "_expires_at", "_frames", "_malformed",
        "_pressure", "_rates", "_unchecked", "codec_name", "connection_id", "phase", "unacked",
        "user_id",
    )  # fmt: skip

    def __init__(
        self,
        connection_id: str,
        codec_name: str,
        bounds: Bounds,
        rates: Rates,
        now: float,
        address: str = "",
        pressure: Pressure | None = None,
    ) -> None:
        self.connection_id = connection_id
        self.codec_name = codec_name
        self.phase = Phase.NEW
        self.user_id = ""
        self.unacked = 0
        self._address = address
        self._bounds = bounds
        self._rates = rates
        self._pressure = pressure or Pressure(bounds.unacked_commands_max)
        self._deadline: float | None = now + bounds.auth_seconds_max
        self._expires_at = 0.0
        self._malformed: deque[float] | None = None
        self._frames = TokenBucket(bounds.frames_rate, now)
        self._draining = False
        self._unchecked = False
        """The newest token could not be checked; the one before it is known."""

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do, in monotonic seconds."""
        return self._deadline

    # ---- what happens to it

    def opened(self, authorization: str | None) -> list[Action]:
        """The upgrade is accepted; `authorization` is its header, if it had one."""
        if authorization is None:
            return []
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not 0 < len(token) <= frame_rules.TOKEN_CHARS_MAX:
            return self._fail(Code.UNAUTHORIZED, CloseCode.UNAUTHENTICATED)
        self.phase = Phase.CHECKING
        return [Identify(token)]

    def frame(self, message: Mapping[str, Any], now: float) -> list[Action]:
        """One decoded object of the peer."""
        if self.phase is Phase.CLOSED:
            return []
        if self._rates.enabled and self._frames.take(now):
            return self._fail(Code.RATE_LIMITED, CloseCode.TOO_MANY)
        kind = message.get("type")
        if not isinstance(kind, str):
            return self.malformed(now, details={"type": frame_rules.FIELDS["type"]})
        if self.phase is Phase.NEW and kind != "auth":
            return self._fail(
                Code.UNAUTHORIZED, CloseCode.UNAUTHENTICATED, frame_rules.id_of(message)
            )
        if kind == "command" and (refused := self._one_too_many(message)):
            return refused
        handler = _HANDLERS.get(kind)
        if handler is None:
            return [_error(Code.VALIDATION_ERROR, details={"type": "not a frame of this protocol"})]
        read = frame_rules.read(kind, message)
        if not isinstance(read, frame_rules.Bad):
            return handler(self, read, now)
        if read.malformed:
            return self.malformed(now, command_id=read.id, details=read.details)
        return [_error(Code.VALIDATION_ERROR, command_id=read.id, details=read.details)]

    def malformed(
        self, now: float, *, command_id: str | None = None, details: Mapping[str, str] | None = None
    ) -> list[Action]:
        """A frame that could not be read, or whose fields have the wrong types."""
        if self.phase is Phase.CLOSED:
            return []
        if self._malformed is None:
            self._malformed = deque(maxlen=self._bounds.malformed_per_minute_max)
        self._malformed.append(now)
        full = len(self._malformed) == self._bounds.malformed_per_minute_max
        error = _error(Code.VALIDATION_ERROR, command_id=command_id, details=details)
        if full and now - self._malformed[0] < MALFORMED_WINDOW_SECONDS:
            return [error, self._close(CloseCode.PROTOCOL)]
        return [error]

    def identified(self, identity: Identity, now: float, wall: float) -> list[Action]:
        """The token is good; `wall` is Unix seconds, for its expiry and for `hello`."""
        if self.phase not in (Phase.CHECKING, Phase.RENEWING):
            return []
        if self.user_id and identity.user_id != self.user_id:
            return self._fail(Code.FORBIDDEN, CloseCode.NOT_ALLOWED)
        self.user_id = identity.user_id
        self.phase = Phase.LIVE
        self._unchecked = False
        self._expires_at = now + max(0.0, identity.expires_at - wall)
        self._deadline = self._expires_at
        return [Send(self._hello(wall))]

    def followed(self, user_id: str, wall: float) -> list[Action]:
        """Its guest was merged with that user: another `hello` says so."""
        self._pressure.count(self.user_id, -self.unacked)
        self._pressure.count(user_id, self.unacked)
        self.user_id = user_id
        return [] if self.phase is Phase.CLOSED else [Send(self._hello(wall))]

    def refused_token(self, now: float) -> list[Action]:
        """The token is not valid. A live connection keeps the one it has."""
        if self.phase is Phase.RENEWING:
            self._back_to_life(now)
            self._unchecked = False
            return [_error(Code.UNAUTHORIZED)]
        return self._fail(Code.UNAUTHORIZED, CloseCode.UNAUTHENTICATED)

    def identity_unavailable(self, now: float) -> list[Action]:
        """Nobody can tell at the moment. A live connection keeps the token it has, and may send
        `auth` again; a new one is to come again later."""
        if self.phase is not Phase.RENEWING:
            return self._fail(Code.SERVICE_UNAVAILABLE, CloseCode.OVERLOADED)
        self._back_to_life(now)
        self._unchecked = True
        return [_error(Code.SERVICE_UNAVAILABLE)]

    def too_many_connections(self) -> list[Action]:
        """The user has more than `connections_per_user_max`."""
        return self._fail(Code.RATE_LIMITED, CloseCode.TOO_MANY)

    def answered(self) -> None:
        """One submitted command got its `ack` or `error`."""
        if self.unacked <= 0:
            raise AssertionError("an answer without a command")
        self.unacked -= 1
        self._pressure.count(self.user_id, -1)

    def draining(self, reconnect_after_ms: int) -> list[Action]:
        """The hub is about to go: commands in flight are finished, new ones are not taken."""
        self._draining = True
        return self.steered(reconnect_after_ms)

    def steered(self, reconnect_after_ms: int) -> list[Action]:
        """The client is asked to connect anew, later; until it does it is served as ever."""
        if self.phase is Phase.CLOSED:
            return []
        return [Send(frames.Draining(reconnect_after_ms=reconnect_after_ms))]

    def ended(self, code: CloseCode) -> list[Action]:
        """Somebody else decided to close."""
        return [] if self.phase is Phase.CLOSED else [self._close(code)]

    def tick(self, now: float) -> list[Action]:
        """Time passed; acts when `deadline` has come."""
        if self._deadline is None or now < self._deadline:
            return []
        if self.phase is Phase.LIVE:
            self.phase = Phase.GRACE
            self._deadline = self._expires_at + self._bounds.token_grace_seconds
            return [_error(Code.UNAUTHORIZED)]
        if self.phase is Phase.RENEWING:
            self._deadline = None  # the check is under way and has its own time limit
            return []
        if self.phase is Phase.CHECKING or self._unchecked:
            return self._fail(Code.SERVICE_UNAVAILABLE, CloseCode.OVERLOADED)
        if self.phase is Phase.GRACE:
            return [self._close(CloseCode.UNAUTHENTICATED)]
        return self._fail(Code.UNAUTHORIZED, CloseCode.UNAUTHENTICATED)

    # ---- frames, one by one

    def _auth(self, frame: frames.Auth, now: float) -> list[Action]:
        if self.phase in (Phase.CHECKING, Phase.RENEWING):
            return [_error(Code.CONFLICT)]
        self.phase = Phase.CHECKING if self.phase is Phase.NEW else Phase.RENEWING
        return [Identify(frame.token)]

    def _subscribe(self, frame: frames.Subscribe, now: float) -> list[Action]:
        return [Subscribe(frame.session_id, frame.after, frame.as_ == frame_rules.OBSERVER)]

    def _unsubscribe(self, frame: frames.Unsubscribe, now: float) -> list[Action]:
        unsubscribed = frames.Unsubscribed(session_id=frame.session_id)
        return [Unsubscribe(frame.session_id), Send(unsubscribed)]

    def _command(self, frame: frames.CommandFrame, now: float) -> list[Action]:
        if self._draining:
            return [_error(Code.SERVICE_UNAVAILABLE, command_id=frame.id)]
        if wait := self._rates.command(self.user_id, frame.name, now, self._address):
            return [_error(Code.RATE_LIMITED, command_id=frame.id, retry_after_ms=wait)]
        self.unacked += 1
        self._pressure.count(self.user_id, 1)
        return [Submit(frame.id, frame.session_id or "", frame.name, frame.data)]

    def _one_too_many(self, message: Mapping[str, Any]) -> list[Action]:
        """Refuses a command before its fields are looked at: what is refused must cost little."""
        wait = 0 if self._draining else self._pressure.wait_ms(self.user_id, self.unacked)
        command_id = frame_rules.id_of(message) if wait else None
        if command_id is None:
            return []
        error = _error(Code.RATE_LIMITED, command_id=command_id, retry_after_ms=wait)
        return [error, Rest(REST_SECONDS)]

    def _say(self, frame: frames.Presence | frames.Received, now: float) -> list[Action]:
        return [Say(frame.session_id, frame)]

    def _ping(self, frame: frames.Ping, now: float) -> list[Action]:
        return [Send(frames.Pong())]

    # ---- pieces

    def _hello(self, wall: float) -> frames.Hello:
        return frames.Hello(
            connection_id=self.connection_id,
            user_id=self.user_id,
            protocol=self.codec_name,
            server_time=frames.iso(wall),
            heartbeat_ms=int(self._bounds.ping_seconds * 1000),
            limits={
                "frameBytes": self._bounds.frame_bytes_max,
                "commandIdChars": limits.COMMAND_ID_CHARS_MAX,
                "unackedCommands": self._bounds.unacked_commands_max,
                "outboxFrames": self._bounds.outbox_frames_max,
                "outboxBytes": self._bounds.outbox_bytes_max,
                "connectionsPerUser": self._bounds.connections_per_user_max,
                "subscriptions": self._bounds.subscriptions_max,
                **self._rates.effective(),
            },
        )

    def _back_to_life(self, now: float) -> None:
        expired = now >= self._expires_at
        self.phase = Phase.GRACE if expired else Phase.LIVE
        grace = self._bounds.token_grace_seconds if expired else 0.0
        self._deadline = self._expires_at + grace

    def _fail(self, code: Code, close: CloseCode, command_id: str | None = None) -> list[Action]:
        if self.phase is Phase.CLOSED:
            return []
        return [_error(code, command_id=command_id), self._close(close)]

    def _close(self, code: CloseCode) -> Close:
        self.phase = Phase.CLOSED
        self._deadline = None
        return Close(code)


_HANDLERS: Mapping[str, Callable[[ConnectionProtocol, Any, float], list[Action]]] = {
    "auth": ConnectionProtocol._auth,
    "subscribe": ConnectionProtocol._subscribe,
    "unsubscribe": ConnectionProtocol._unsubscribe,
    "command": ConnectionProtocol._command,
    "presence": ConnectionProtocol._say,
    "received": ConnectionProtocol._say,
    "ping": ConnectionProtocol._ping,
}


def _error(code: Code, **about: Any) -> Send:
    """With what `frames.error_frame` takes beside the code."""
    return Send(frames.error_frame(code, **about))
