"""The connection to a hub, kept alive: the shell around `pending.py` and `stream.py`.

One task holds the websocket. It authenticates by a first frame, subscribes every open stream from
where it stands, sends what is pending in order, and hands every frame to whom it belongs. When the
connection ends, the table in `reconnect.py` says whether and when it tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Self, TypeAlias, TypeVar

import msgspec
from websockets.asyncio.client import ClientConnection

from beheard_hub.client import frames as f
from beheard_hub.client.commands import Command
from beheard_hub.client.errors import CommandTimeout, ConnectionLost, HubError, Refused
from beheard_hub.client.pending import Ledger, Pending, refusal_of
from beheard_hub.client.reconnect import Attempts, delay_seconds
from beheard_hub.client.session import Session
from beheard_hub.client.sessionless import Sessionless
from beheard_hub.client.socket import Ended, Socket, TokenSource
from beheard_hub.client.stream import EventStream, Inbox

R = TypeVar("R")
Tap: TypeAlias = Callable[[str | bytes], None]

COMMAND_SECONDS_MAX = 60.0
CONNECT_SECONDS_MAX = 15.0
IN_FLIGHT_MAX = 48
"""Below the hub's 64, so that cancelled commands that are still under way find room."""


class Hub(Sessionless):
    """A client of one hub for one user. Made by :meth:`connect`, used with ``async with``."""

    def __init__(
        self, socket: Socket, *, command_timeout: float, connect_timeout: float, tap: Tap | None
    ) -> None:
        self._socket = socket
        self._command_timeout = command_timeout
        self._connect_timeout = connect_timeout
        self._tap = tap
        self._ledger = Ledger()
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._inboxes: dict[str, Inbox] = {}
        self._control: deque[Mapping[str, Any]] = deque()
        self._wake = asyncio.Event()
        self._hello: asyncio.Future[f.Hello] | None = None
        self._renewal: asyncio.Future[f.Hello] | None = None
        self._ready = False
        self._leave_at: float | None = None
        """The hub goes: until then this connection is used, then another one is opened."""
        self._lost: HubError | None = None
        self._task: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None
        super().__init__()

    @classmethod
    def connect(
        cls,
        url: str,
        token: TokenSource,
        *,
        codec: f.Codec = "json",
        command_timeout: float = COMMAND_SECONDS_MAX,
        connect_timeout: float = CONNECT_SECONDS_MAX,
        tap: Tap | None = None,
    ) -> Hub:
        """A hub to enter with ``async with``.

        Args:
            url: ``ws://`` or ``wss://`` address, e.g. ``ws://127.0.0.1:8787/v1/ws``.
            token: a bearer token, or a function (plain or async) that returns a fresh one. Only
                with a function can the client outlive the token's end.
            codec: ``json`` or ``msgpack``; the same messages either way.
            command_timeout: seconds until a command ends as :exc:`CommandTimeout`.
            connect_timeout: seconds that entering may take.
            tap: called with every raw frame that comes in, for recordings and tests.
        """
        return cls(
            Socket(url, token, codec), command_timeout=command_timeout,
            connect_timeout=connect_timeout, tap=tap,
        )  # fmt: skip

    async def __aenter__(self) -> Self:
        """Connects.

        Raises:
            ConnectionLost: not reachable in time, or the token was not accepted.
        """
        self._hello = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._stay_connected(), name="beheard client")
        self._task.add_done_callback(self._broke_off)
        try:
            async with asyncio.timeout(self._connect_timeout):
                await asyncio.shield(self._hello)
        except TimeoutError:
            await self.aclose()
            raise ConnectionLost(f"no hub answered within {self._connect_timeout:g} s") from None
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connection; commands and streams that wait end with ConnectionLost."""
        self._give_up(ConnectionLost("the client was closed"))
        for task in (self._task, self._renewing):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def session(self, session_id: str) -> Session:
        """The commands and events of one session."""
        return Session(self, session_id)

    async def typed(
        self, row: Command[R], data: Mapping[str, Any], *, session_id: str | None = None
    ) -> R:
        """One command of the table, its reply as a struct. Otherwise as :meth:`command`."""
        ack = await self.command(row.name, data, session_id=session_id or None)
        return msgspec.convert(ack.data, row.reply)

    async def command(
        self,
        name: str,
        data: Mapping[str, Any] | None = None,
        *,
        session_id: str | None = None,
        id: str | None = None,  # noqa: A002 - the protocol's word
        timeout: float | None = None,
    ) -> f.Ack:
        """Sends one command and waits until the hub has committed it.

        After a lost connection, and after an error with ``retryable``, it is sent again with the
        same `id`, which has no second effect (spec 5.2).

        Ordering: commands to one session leave in the order of the calls. A call that must build
        on the success of another waits for it.

        Cancelling: a command that has not left is not sent; one that has may still be applied.
        It is not sent again.

        Raises:
            Refused: the hub said no.
            CommandTimeout: no answer within `timeout` seconds; the cause is the last refusal.
            ConnectionLost: the client gave up or was closed.
        """
        if self._lost is not None:
            raise self._lost
        pending = self._pending(name, data or {}, session_id, id, timeout)
        try:
            async with asyncio.timeout_at(pending.deadline), self._slots:
                if self._lost is not None:
                    raise self._lost
                self._ledger.add(pending)
                self._wake.set()
                return await pending.answer
        except TimeoutError:
            seconds = timeout or self._command_timeout
            raise CommandTimeout(name, pending.id, seconds) from pending.refused
        finally:
            self._ledger.forget(pending.id)
            self._wake.set()

    def _pending(
        self,
        name: str,
        data: Mapping[str, Any],
        session_id: str | None,
        command_id: str | None,
        timeout: float | None,
    ) -> Pending:
        loop = asyncio.get_running_loop()
        command_id = command_id or uuid.uuid4().hex
        if command_id in self._ledger:
            raise ValueError(f"a command with the id {command_id} is already under way")
        frame: dict[str, Any] = {"type": "command", "id": command_id, "name": name}
        frame["data"] = msgspec.to_builtins(data)
        if session_id is not None:
            frame["sessionId"] = session_id
        if len(f.encode(frame, self._socket.codec)) > f.FRAME_BYTES_MAX:
            raise Refused("PAYLOAD_TOO_LARGE", "The request is too large.")
        deadline = loop.time() + (timeout or self._command_timeout)
        return Pending(command_id, name, session_id, frame, deadline, loop.create_future())

    def open_stream(
        self, session_id: str, after: int | None, device: str | None, role: str | None,
        confirm: bool,
    ) -> EventStream:  # fmt: skip
        """See :meth:`Session.events`; `role` ``observer``: somebody else's session."""
        if self._lost is not None:
            raise self._lost
        if session_id in self._inboxes:
            raise RuntimeError("this session already has an open stream of events")
        inbox = Inbox(session_id, after, device, role, self.send_soon)
        self._inboxes[session_id] = inbox
        if self._ready:
            inbox.subscribe()
        return EventStream(inbox, self._detach, confirm=confirm)

    def _detach(self, inbox: Inbox) -> None:
        if self._inboxes.get(inbox.session_id) is inbox:
            del self._inboxes[inbox.session_id]
            if self._lost is None:
                self.send_soon({"type": "unsubscribe", "sessionId": inbox.session_id})

    def send_soon(self, frame: Mapping[str, Any]) -> None:
        """A frame without an answer; dropped while not connected."""
        if self._ready:
            self._control.append(frame)
            self._wake.set()

    async def renew(self, token: str | None = None) -> None:
        """Shows the hub a new token on the live connection, or asks the function for one.

        Raises:
            Refused: UNAUTHORIZED; SERVICE_UNAVAILABLE where nobody can tell just now.
            ConnectionLost: not connected just now; the next connection asks for a token anyway.
        """
        fresh = await self._socket.fresh_token(token)
        if not self._ready:
            raise ConnectionLost("not connected just now")
        self._renewal = asyncio.get_running_loop().create_future()
        self.send_soon({"type": "auth", "token": fresh})
        await self._renewal

    # -- the connection

    async def _stay_connected(self) -> None:
        now, renewable = asyncio.get_running_loop().time, callable(self._socket.token)
        attempts = Attempts(now)
        while True:
            attempts.begins()
            ended = await self._one_connection()
            wait = attempts.after(ended.code, greeted=ended.greeted, renewable=renewable)
            if wait is None:
                return self._give_up(ConnectionLost(ended.why, ended.code))
            await asyncio.sleep(wait + max(0.0, (self._leave_at or 0.0) - now()))

    def _broke_off(self, task: asyncio.Task[None]) -> None:
        """A fault, mostly of a token function or a tap: nobody may wait in vain."""
        if not task.cancelled() and (fault := task.exception()) is not None:
            lost = ConnectionLost(f"the client failed with {type(fault).__name__}")
            lost.__cause__ = fault
            self._give_up(lost)

    async def _one_connection(self) -> Ended:
        opened = await self._socket.open()
        if isinstance(opened, Ended):
            return opened
        self._leave_at = None
        greeted = False
        pump = asyncio.create_task(self._pump(opened))
        try:
            async for raw in self._socket.incoming(opened):
                self._took(raw)
                greeted = greeted or self._ready
        except msgspec.MsgspecError:
            await opened.close(1002)
            return Ended(4400, "the hub sent what this client does not understand", greeted)
        finally:
            self._disconnected()
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(pump, return_exceptions=True)
            await opened.close()
        return Ended(opened.close_code, None, greeted)

    def _disconnected(self) -> None:
        self._ready = False
        self._control.clear()
        self._ledger.disconnected()
        for inbox in self._inboxes.values():
            inbox.disconnected()
        if self._renewal is not None and not self._renewal.done():
            self._renewal.set_exception(ConnectionLost("not connected just now"))

    def _give_up(self, error: HubError) -> None:
        self._lost = self._lost or error
        self._ledger.fail_all(self._lost)
        for inbox in list(self._inboxes.values()):
            inbox.fail(self._lost)
        if self._hello is not None and not self._hello.done():
            self._hello.set_exception(self._lost)
            self._hello.exception()

    async def _pump(self, socket: ClientConnection) -> None:
        """Sends what is to be sent; the only writer of the socket after authentication."""
        while True:
            self._wake.clear()
            now = asyncio.get_running_loop().time()
            frame, look_again = self._next_frame(now)
            if frame is not None:
                await socket.send(f.encode(frame, self._socket.codec))
                continue
            if self._leaving(now) and self._ledger.in_flight == 0:
                return await socket.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(look_again):
                    await self._wake.wait()

    def _next_frame(self, now: float) -> tuple[Mapping[str, Any] | None, float | None]:
        if self._control:
            return self._control.popleft(), None
        if not self._ready or self._leaving(now):
            return None, None
        pending, look = self._ledger.next_to_send(now)
        if pending is None:
            return None, min((at for at in (look, self._leave_at) if at), default=None)
        pending.sent = True
        return pending.frame, None

    def _leaving(self, now: float) -> bool:
        return self._leave_at is not None and now >= self._leave_at

    # -- what comes in

    def _took(self, raw: str | bytes) -> None:
        if self._tap is not None:
            self._tap(raw)
        frame = f.decode(raw, self._socket.codec)
        now = asyncio.get_running_loop().time()
        match frame:
            case f.Snapshot() | f.Event() | f.Delta() | f.Presence() | f.Device():
                if (inbox := self._inboxes.get(frame.session_id)) is not None:
                    inbox.offer(frame, now)
            case f.Ack():
                self._ledger.acked(frame)
            case f.Error():
                self._took_error(frame, now)
            case f.Hello():
                self._took_hello(frame)
            case f.Draining():
                self._leave_at = self._leave_at or now + frame.reconnect_after_ms / 1000
            case _:
                return
        self._wake.set()

    def _took_hello(self, hello: f.Hello) -> None:
        for waiting in (self._renewal, self._hello):
            if waiting is not None and not waiting.done():
                waiting.set_result(hello)
        if not self._ready:
            self._ready = True
            for inbox in self._inboxes.values():
                inbox.subscribe()
        if (seconds := self._socket.renew_in_seconds(hello.server_time)) is not None:
            self._renew_in(seconds)

    def _took_error(self, error: f.Error, now: float) -> None:
        refusal = refusal_of(error)
        if error.id is not None:
            self._ledger.refused(error.id, refusal, now)
        elif "sessionId" in refusal.details:
            self._subscription_refused(refusal.details["sessionId"], refusal)
        elif not self._ready and error.retryable:  # nobody can check tokens now
            self._leave_at = now
        else:
            self._renewal_refused(refusal)

    def _subscription_refused(self, session_id: str, refusal: Refused) -> None:
        if (inbox := self._inboxes.get(session_id)) is None:
            return
        if refusal.retryable:
            pause = (refusal.retry_after_ms or 0) / 1000 + delay_seconds(3)
            asyncio.get_running_loop().call_later(pause, inbox.subscribe)
        else:
            inbox.fail(refusal)
            del self._inboxes[session_id]  # who asks again gets another stream

    def _renewal_refused(self, refusal: Refused) -> None:
        """By its answer, or because the token's grace of 60 s runs: a function may give another."""
        again = 0.0 if refusal.code == "UNAUTHORIZED" else None
        if self._renewal is not None and not self._renewal.done():
            self._renewal.set_exception(refusal)
            again = delay_seconds(6) if refusal.retryable else None
        if again is not None and callable(self._socket.token):
            self._renew_in(again)

    def _renew_in(self, seconds: float) -> None:
        if self._renewing is not None and self._renewing is not asyncio.current_task():
            self._renewing.cancel()
        self._renewing = asyncio.create_task(self._renew_later(seconds))

    async def _renew_later(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._ready:
            # What fails here shows itself at the close that follows, and is dealt with there.
            with contextlib.suppress(HubError, OSError):
                await self.renew()
