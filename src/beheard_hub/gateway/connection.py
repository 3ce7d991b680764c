"""One websocket's shell: reads frames, does what the protocol decided, writes what waits.

All rules are in `connection_protocol.py`; here is only what needs a socket and a loop. Nothing is
awaited between a frame's arrival and its effects, except while a token is being checked: then the
next frames wait. Writing has a task only while something waits, so an idle connection costs one
task, blocked in `receive`; while it is, frames are acted on as they come (`heard`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from beheard_hub import telemetry
from beheard_hub.gateway import connection_protocol as rules
from beheard_hub.gateway.close_codes import CLOSE_CODES, CloseCode
from beheard_hub.gateway.frames import Codec, Malformed, Outgoing
from beheard_hub.gateway.outbox import Outbox
from beheard_hub.gateway.wire import FAILED, Wire
from beheard_hub.observability.metrics import CLOSES
from beheard_hub.ports import Unauthenticated

if TYPE_CHECKING:
    from uvicorn._types import ASGIReceiveCallable, ASGISendCallable

    from beheard_hub.gateway.lobby import Lobby

IDENTIFY_SECONDS_MAX = 8.0
AUTH = "auth"
"""The only frame whose effect has to be waited for."""
GOODBYES = frozenset({1000, 1001, 1005})
"""Codes with which a client means to go: normal, the page is left, and a close without a code."""

_log = telemetry.logger("gateway.connection")


class Connection:
    """A `Sink` of the router. `run` lives as long as the websocket."""

    __slots__ = (
        "_clean",
        "_closing",
        "_codec",
        "_drained",
        "_listening",
        "_lobby",
        "_outbox",
        "_receive",
        "_send",
        "_timer",
        "_timer_at",
        "_wire",
        "_writer",
        "closed",
        "protocol",
    )

    def __init__(
        self,
        lobby: Lobby,
        codec: Codec,
        connection_id: str,
        receive: ASGIReceiveCallable,
        send: ASGISendCallable,
        address: str = "",
        wire: Wire | None = None,
    ) -> None:
        self._lobby = lobby
        self._codec = codec
        self._receive = receive
        self._send = send
        self._wire = wire
        if wire is not None:
            wire.listen(self.heard)
        self._outbox = Outbox(codec, lobby.bounds)
        self._writer: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._drained: asyncio.Event | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self.closed = False
        self._clean = False
        self._listening = False
        """Blocked in `receive`: nothing is under way and nothing that came waits."""
        self.protocol = rules.ConnectionProtocol(
            connection_id, codec.name, lobby.bounds, lobby.rates, lobby.clock.mono(), address,
            lobby.router.pressure,
        )  # fmt: skip

    # ---- what others may ask of it

    @property
    def crowded(self) -> bool:
        """The outbox is more than half full."""
        return self._outbox.crowded

    @property
    def idle(self) -> bool:
        """Nothing is unanswered and nothing waits to be written."""
        return self.protocol.unacked == 0 and self._writer is None

    def deliver(self, frame: Outgoing) -> None:
        """Queues a frame; a reader too slow for it is closed 4408."""
        if self.closed or self._closing is not None:
            return
        wire = self._wire if self._writer is None and not self._outbox else None
        if wire is not None and wire.write_now(self._codec.encode(frame)):
            return
        self._outbox.put(frame)
        if self._outbox.overflowed:
            self._act(self.protocol.ended(CloseCode.TOO_SLOW))
        elif self._writer is None:
            self._writer = asyncio.create_task(self._write())

    def answered(self) -> None:
        """One submitted command has been answered."""
        self.protocol.answered()
        if self._wire is not None and not self.protocol.unacked:
            self._wire.wake()
        self._lobby.stirred()

    def drain(self, reconnect_after_ms: int) -> None:
        """Tells the client that the hub goes."""
        self._act(self.protocol.draining(reconnect_after_ms))

    def steer(self, reconnect_after_ms: int) -> None:
        """Tells the client when to leave; until then it is served as ever."""
        self._act(self.protocol.steered(reconnect_after_ms))

    def follow(self, user_id: str) -> None:
        """Tells the client who it speaks for from now on."""
        self._act(self.protocol.followed(user_id, self._lobby.clock.now().timestamp()))

    def end(self, code: CloseCode) -> None:
        """Closes, after what already waits was written."""
        self._act(self.protocol.ended(code))

    # ---- reading

    async def run(self, authorization: str | None) -> None:
        """From the accepted upgrade to the end. Cancelling ends the connection."""
        try:
            await self._do(self.protocol.opened(authorization))
            while (message := await self._next()) is not None:
                await self._do(self._understand(message))
        finally:
            self.closed = True
            self._listening = False
            for pending in (self._timer, self._writer, self._closing):
                if pending is not None:
                    pending.cancel()
            self._outbox.clear()
            self._lobby.leave(self, clean=self._clean)

    async def _next(self) -> Mapping[str, Any] | None:
        """The next message of the peer, or None at the end. A crowded outbox is given time first:
        who reads slowly is read slowly."""
        if self._outbox.crowded:
            self._drained = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), self._lobby.bounds.crowded_seconds_max)
            self._drained = None
        self._listening = True
        message: Mapping[str, Any] = await self._receive()
        self._listening = False
        if message["type"] == "websocket.receive":
            return message
        if message["type"] == FAILED:
            raise message["failure"]
        self._clean = self._closing is None and message.get("code") in GOODBYES
        return None

    def heard(self, payload: str | bytes) -> bool:
        """A message, before it is queued for `receive`: True if it was acted on. What has to wait,
        and what one has to wait for, is left there."""
        if not self._listening or self._outbox.crowded:
            return False
        now = self._lobby.clock.mono()
        try:
            frame = self._codec.decode(payload)
        except Malformed as problem:
            self._act(self.protocol.malformed(now, details={"frame": problem.reason}))
            return True
        if frame.get("type") == AUTH:
            return False
        self._act(self.protocol.frame(frame, now))
        return True

    def _understand(self, message: Mapping[str, Any]) -> list[rules.Action]:
        text = message.get("text")
        payload = text if text is not None else message.get("bytes") or b""
        now = self._lobby.clock.mono()
        try:
            frame = self._codec.decode(payload)
        except Malformed as problem:
            return self.protocol.malformed(now, details={"frame": problem.reason})
        return self.protocol.frame(frame, now)

    # ---- acting

    async def _do(self, actions: Iterable[rules.Action]) -> None:
        for action in actions:
            if isinstance(action, rules.Identify):
                self._set_timer()
                self._act(await self._identify(action.token))
            else:
                _ACTS[type(action)](self, action)
        self._set_timer()

    def _act(self, actions: Iterable[rules.Action]) -> None:
        for action in actions:
            _ACTS[type(action)](self, action)
        self._set_timer()

    async def _identify(self, token: str) -> list[rules.Action]:
        first = not self.protocol.user_id
        clock = self._lobby.clock
        try:
            async with asyncio.timeout(IDENTIFY_SECONDS_MAX):
                identity = await self._lobby.identities.identify(token)
                if not first and await self._is_about_to_be(identity.user_id):
                    return self.protocol.identity_unavailable(clock.mono())
        except Unauthenticated:
            return self.protocol.refused_token(clock.mono())
        except Exception as failure:  # the port's outside world: the client may try again
            _log.warning("identify_failed", error=type(failure).__name__)
            return self.protocol.identity_unavailable(clock.mono())
        if self.protocol.phase is rules.Phase.CLOSED:  # meanwhile; it would be counted for ever
            return []
        if first and not self._lobby.admit(self, identity.user_id):
            return self.protocol.too_many_connections()
        return self.protocol.identified(identity, clock.mono(), clock.now().timestamp())

    async def _is_about_to_be(self, user_id: str) -> bool:
        """Whether this guest was merged with that user and the word is still on its way here."""
        mine = self.protocol.user_id
        return mine != user_id and await self._lobby.identities.became(mine) == user_id

    def _subscribe(self, action: rules.Subscribe) -> None:
        self._lobby.router.subscriptions.add(
            self, self.protocol.user_id, action.session_id, action.after, action.observer
        )

    def _unsubscribe(self, action: rules.Unsubscribe) -> None:
        self._lobby.router.subscriptions.remove(self, action.session_id)

    def _say(self, action: rules.Say) -> None:
        self._lobby.router.subscriptions.say(self, action.session_id, action.what)

    def _submit(self, action: rules.Submit) -> None:
        self._lobby.router.submit(self, self.protocol.user_id, action)

    def _rest(self, action: rules.Rest) -> None:
        if self._wire is not None:
            self._wire.rest(action.seconds)

    def _close(self, action: rules.Close) -> None:
        if self._closing is None and not self.closed:
            self._closing = asyncio.create_task(self._finish(action.code))

    # ---- time

    def _set_timer(self) -> None:
        deadline = None if self.closed else self.protocol.deadline
        if deadline == self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = deadline
        if deadline is not None:
            delay = max(0.0, deadline - self._lobby.clock.mono())
            self._timer = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._timer = self._timer_at = None
        self._act(self.protocol.tick(self._lobby.clock.mono()))

    # ---- writing

    async def _write(self) -> None:
        try:
            while (payload := self._outbox.take()) is not None:
                if isinstance(payload, str):
                    await self._send({"type": "websocket.send", "text": payload, "bytes": None})
                else:
                    await self._send({"type": "websocket.send", "bytes": payload, "text": None})
        except (OSError, RuntimeError):
            self._outbox.clear()  # the peer is gone; `receive` says so
        finally:
            self._writer = None
            self._lobby.stirred()
            if self._drained is not None:
                self._drained.set()
        if not self.closed and self._closing is None:
            self._lobby.router.subscriptions.drained(self)

    async def _finish(self, code: CloseCode) -> None:
        """Writes what waits, then the close frame; a reader that is too slow gets only that."""
        writer = self._writer
        if writer is not None:
            patience = 0.0 if code is CloseCode.TOO_SLOW else self._lobby.bounds.close_seconds_max
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(writer, patience)
        CLOSES.labels(str(int(code))).inc()
        _log.info("closed_by_hub", close_code=int(code), user_id=self.protocol.user_id)
        with contextlib.suppress(OSError, RuntimeError):
            reason = CLOSE_CODES[code].slug
            await self._send({"type": "websocket.close", "code": int(code), "reason": reason})


_ACTS: Mapping[type, Callable[[Connection, Any], None]] = {
    rules.Send: lambda connection, action: connection.deliver(action.frame),
    rules.Subscribe: Connection._subscribe,
    rules.Unsubscribe: Connection._unsubscribe,
    rules.Say: Connection._say,
    rules.Submit: Connection._submit,
    rules.Rest: Connection._rest,
    rules.Close: Connection._close,
}
