"""The stream of one session: ordered, without a hole, bounded, and resumed by ``after``.

The stream keeps the seq of the newest event it took in. Frames at or below it are repeats and are
dropped; a frame beyond the next one is a hole, and the stream subscribes again from where it
stands. After a reconnect it does the same. A full queue is treated alike: the stream unsubscribes,
lets its reader catch up, and subscribes again from the last event it kept. So memory stays bounded,
and a slow reader of one session holds up neither the answers to commands nor other sessions.

Whoever subscribes again takes back what was shown of an answer under way: the hub tells the text so
far, if there still is one. So it is with the partner: offline until the hub says otherwise.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from beheard_hub.client.errors import ConnectionLost, HubError
from beheard_hub.client.frames import Delta, Event, Presence, Snapshot, Streamed

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUE_FRAMES_MAX = 1_000
RESUBSCRIBE_SECONDS_MIN = 2.0
OFFLINE = "offline"
PAUSED = "session.paused"


class Writing:
    """The answer that is being written, as far as the frames of one stream tell it."""

    def __init__(self) -> None:
        self.message_id: str | None = None
        """None while nothing is being written."""
        self.text = ""
        self.lane: str | None = None
        """In a practice: who speaks."""

    def took(self, frame: Streamed) -> None:
        """A thread has one answer at a time: a piece of another one begins anew."""
        if isinstance(frame, Delta):
            if frame.text and (frame.reset or frame.message_id != self.message_id):
                self.message_id, self.text, self.lane = frame.message_id, frame.text, frame.lane
            elif frame.text:
                self.text += frame.text
            elif frame.reset and frame.message_id == self.message_id:
                self._over()
        elif isinstance(frame, Event) and _message_of(frame) == self.message_id:
            self._over()

    def _over(self) -> None:
        self.message_id, self.text, self.lane = None, "", None


def _partner_after(frame: Streamed, before: str) -> str:
    """What is known of the partner after a frame: nothing is known of a session that rests."""
    if isinstance(frame, Presence):
        return frame.partner
    return OFFLINE if isinstance(frame, Event) and frame.name == PAUSED else before


def _message_of(event: Event) -> Any:
    message = event.data.get("message")
    return message.get("id") if isinstance(message, dict) else ""


class Inbox:
    """What the socket's reader writes to and one stream reads from. Decides what is in order."""

    def __init__(
        self,
        session_id: str,
        after: int | None,
        device: str | None,
        role: str | None,
        send: Callable[[Mapping[str, Any]], None],
        frames_max: int = QUEUE_FRAMES_MAX,
    ) -> None:
        self.session_id = session_id
        self.last_seq = after
        """Newest seq taken in; None before the first snapshot."""
        self.error: HubError | None = None
        self._device = device
        self._role = role
        self._send = send
        self._frames: deque[Streamed] = deque()
        self._frames_max = frames_max
        self._changed = asyncio.Event()
        self._paused = False
        self._catching_up_since: float | None = None
        self._writing = Writing()
        self._partner = OFFLINE

    def subscribe(self) -> None:
        """Asks the hub for everything after the newest seq; also after every reconnect."""
        if self._paused or self.error is not None:
            return
        if self._writing.message_id is not None:
            self._keep(Delta(self.session_id, self._writing.message_id, reset=True))
        if self._partner != OFFLINE:
            self._keep(Presence(self.session_id, OFFLINE))
        frame: dict[str, Any] = {"type": "subscribe", "sessionId": self.session_id}
        if self.last_seq is not None:
            frame["after"] = self.last_seq
        if self._device is not None:
            frame["device"] = self._device
        if self._role is not None:
            frame["as"] = self._role
        self._send(frame)

    def offer(self, frame: Streamed, now: float) -> None:
        """One frame from the socket; `now` is the loop's time in seconds."""
        if self._paused or self.error is not None or not self._in_order(frame, now):
            return
        if len(self._frames) >= self._frames_max:
            self._paused = True
            self._send({"type": "unsubscribe", "sessionId": self.session_id})
            return
        if isinstance(frame, Event | Snapshot):
            self.last_seq = frame.seq
            self._catching_up_since = None
        self._keep(frame)

    def _keep(self, frame: Streamed) -> None:
        self._writing.took(frame)
        self._partner = _partner_after(frame, self._partner)
        self._frames.append(frame)
        self._changed.set()

    def _in_order(self, frame: Streamed, now: float) -> bool:
        if not isinstance(frame, Event):
            return True
        if self.last_seq is None or frame.seq == self.last_seq + 1:
            return self.last_seq is not None
        if frame.seq > self.last_seq:
            self._close_hole(now)
        return False

    def _close_hole(self, now: float) -> None:
        since = self._catching_up_since
        if since is None or now - since > RESUBSCRIBE_SECONDS_MIN:
            self._catching_up_since = now
            self.subscribe()

    def disconnected(self) -> None:
        """A new connection begins without any hole known."""
        self._catching_up_since = None

    def fail(self, error: HubError) -> None:
        """Ends the stream after what is already in it."""
        self.error = self.error or error
        self._changed.set()

    @property
    def empty(self) -> bool:
        return not self._frames

    async def take(self) -> Streamed:
        """Next frame.

        Cancelling: safe, nothing is lost.

        Raises:
            HubError: the stream has ended and everything in it was taken.
        """
        while not self._frames:
            if self.error is not None:
                raise self.error
            self._changed.clear()
            if self._paused:
                self._paused = False
                self.subscribe()
            await self._changed.wait()
        return self._frames.popleft()


class EventStream:
    """``async for event in session.events():`` yields Snapshot, Event, Delta, Presence and Device.

    It subscribes when it is made. It ends with :meth:`aclose`, at the end of its ``async with``, or
    when it is no longer referenced; leaving an ``async for`` does not end it, going on later does.
    After a long absence a :class:`Snapshot` may come in the middle: take its state instead of
    one's own. What there is of an answer that is being written stands in :attr:`writing`.

    Cancelling: waiting for the next frame may be cancelled at any time and nothing is lost.

    Raises:
        Refused: the hub refused the subscription, e.g. NOT_FOUND.
        ConnectionLost: the client has given up or was closed.
    """

    def __init__(
        self, inbox: Inbox, detach: Callable[[Inbox], None], *, confirm: bool = False
    ) -> None:
        self._inbox = inbox
        self._detach = detach
        self._confirm = confirm
        self._taken = 0
        self._closed = False
        self.writing = Writing()
        self.partner = OFFLINE
        """``online`` or ``offline``, as far as the frames taken so far tell it."""

    @property
    def seq(self) -> int | None:
        """Newest seq that was handed out, to pass as `after` another time."""
        return self._taken or None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Streamed:
        if self._closed:
            raise StopAsyncIteration
        if self._confirm and self._taken and self._inbox.empty:
            self._inbox._send(
                {"type": "received", "sessionId": self._inbox.session_id, "seq": self._taken}
            )
        try:
            frame = await self._inbox.take()
        except ConnectionLost:
            if self._closed:
                raise StopAsyncIteration from None
            raise
        if isinstance(frame, Event | Snapshot):
            self._taken = frame.seq
        self.writing.took(frame)
        self.partner = _partner_after(frame, self.partner)
        return frame

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Ends the stream; may be called twice."""
        self._close()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._inbox.fail(ConnectionLost("the stream was closed"))
            self._detach(self._inbox)

    def __del__(self) -> None:
        self._close()
