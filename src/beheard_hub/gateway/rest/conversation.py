"""One message and the facilitator's answer to it: what POST /messages waits for, and what
/messages/stream tells piece by piece.

A conversation listens to the session like a websocket that just subscribed, then sends the command,
then picks what belongs to its own message out of what is told:

* A delta names the newest message that its answer deals with; ids of messages grow with time, so an
  answer is to ours when that id is ours or a later one. An answer that began before our message was
  stored has a smaller id than ours.
* A repeated command may have been answered long ago: then the thread is read, once. It may be
  answered just now: what was told before it is known which message is ours is kept until it is.
* What ends the wait without an answer is the table `ENDS`.

Nothing of it slows the session: what its reader does not take in time is bounded, and beyond the
bound the conversation is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from beheard_hub.domain.refusals import Code
from beheard_hub.gateway import frames
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.rest.envelope import shown
from beheard_hub.gateway.router import Router

ENDS: Mapping[str, Code] = {
    "message.failed": Code.SERVICE_UNAVAILABLE,
    "ai.budget_reached": Code.RATE_LIMITED,
    "session.paused": Code.SESSION_NOT_ACTIVE,
    "session.resolved": Code.SESSION_NOT_ACTIVE,
    "session.abandoned": Code.SESSION_NOT_ACTIVE,
}
"""Events after which no answer comes, and how a stream says so."""

PAUSE = "PAUSE_SESSION"
PAUSE_REASON = "Twice in a row this was very intense. A pause is possible at any time."
NEWEST = {"limit": 100}
ANSWERS_FOLLOWED_MAX = 16
"""Answers under way at once whose deltas are told apart; a user has one, or two with a reset."""

COMPLETE, ERROR = "complete", "error"

Piece: TypeAlias = tuple[str, Mapping[str, Any]]
"""Name of an SSE event, and its data."""


class Conversation:
    """A `Sink`. `ask`, then `next` until it returns a piece that `over` knows."""

    def __init__(
        self, router: Router, bounds: Bounds, user_id: str, command: Submit, *, streams: bool
    ) -> None:
        self.closed = False
        self._router = router
        self._bounds = bounds
        self._user_id = user_id
        self._command = command
        self._streams = streams
        self._loop = asyncio.get_running_loop()
        self._listening: asyncio.Future[None] = self._loop.create_future()
        self._answers: dict[str, asyncio.Future[frames.Ack | frames.Error]] = {}
        self._reply_to: dict[str, str] = {}
        """Answer → the newest message that it deals with."""
        self._message_id = ""
        """Ours, once it is known."""
        self._early: frames.Delta | None = None
        """What was told before `_message_id` was known, of the newest answer."""
        self._expected = ""
        """The answer of which pieces were seen."""
        self._pause = False
        self._pieces: deque[tuple[Piece, int]] = deque()
        self._bytes = 0
        self._over = False
        self._stirred = asyncio.Event()

    # ---- what is asked

    async def ask(self) -> frames.Ack | frames.Error:
        """Sends the message. Cancelling leaves it open whether it was; `close` must follow."""
        self._router.subscriptions.add(self, self._user_id, self._command.session_id, None)
        await self._listening
        answer = await self._submit(self._command)
        if isinstance(answer, frames.Ack) and answer.duplicate:
            await self._look_back()
        return answer

    async def next(self, seconds_max: float) -> Piece | None:
        """The next piece, or None when nothing came in time."""
        try:
            async with asyncio.timeout(seconds_max):
                while not self._pieces:
                    self._stirred.clear()
                    await self._stirred.wait()
        except TimeoutError:
            return None
        piece, size = self._pieces.popleft()
        self._bytes -= size
        if not self._pieces:
            self._router.subscriptions.drained(self)
        return piece

    def close(self) -> None:
        """Listens no more."""
        self.closed = True
        self._router.gone(self)

    def end(self) -> None:
        """The gateway goes."""
        self._fail(frames.error_frame(Code.SERVICE_UNAVAILABLE))

    async def _submit(self, command: Submit) -> frames.Ack | frames.Error:
        answer: asyncio.Future[frames.Ack | frames.Error] = self._loop.create_future()
        self._answers[command.id] = answer
        self._router.submit(self, self._user_id, command)
        return await answer

    async def _look_back(self) -> None:
        """The same message was sent before: its answer may stand in the thread."""
        listing = Submit(f"{self._command.id[:58]}:again", self._command.session_id,
                         "message.list", NEWEST)  # fmt: skip
        found = await self._submit(listing)
        if not isinstance(found, frames.Ack):
            return
        later: list[Mapping[str, Any]] = []
        for message in found.data["messages"]:
            if message["id"] == self._message_id:
                break
            later.append(message)
        for message in reversed(later):
            if _by_facilitator(message) and message["id"] > self._message_id:
                self._complete(message)
                return

    # ---- Sink

    @property
    def crowded(self) -> bool:
        """More than half of what may wait does."""
        return (
            len(self._pieces) * 2 > self._bounds.outbox_frames_max
            or self._bytes * 2 > self._bounds.outbox_bytes_max
        )

    def answered(self) -> None:
        """The answer has been delivered."""

    def deliver(self, frame: frames.Outgoing) -> None:
        """Picks what is ours."""
        if isinstance(frame, frames.Ack | frames.Error) and frame.id is not None:
            self._answer(frame, frame.id)
        elif isinstance(frame, frames.Snapshot | frames.Error):
            if not self._listening.done():  # refused: the command will say why
                self._listening.set_result(None)
            elif isinstance(frame, frames.Error):
                self._fail(frame)
        elif isinstance(frame, frames.Delta):
            self._delta(frame)
        elif isinstance(frame, frames.Event):
            self._event(frame)

    # ---- what is told

    def _answer(self, frame: frames.Ack | frames.Error, command_id: str) -> None:
        """Events may come right behind the ack: what is ours must be known before them."""
        if isinstance(frame, frames.Ack) and command_id == self._command.id:
            self._message_id = frame.data["userMessage"]["id"]
            early, self._early = self._early, None
            if early is not None:
                self._delta(early)
        answer = self._answers.get(command_id)
        if answer is not None and not answer.done():
            answer.set_result(frame)

    def _delta(self, delta: frames.Delta) -> None:
        if len(self._reply_to) < ANSWERS_FOLLOWED_MAX:
            self._reply_to[delta.message_id] = delta.reply_to
        if not self._message_id:
            before = self._early
            same = before is not None and before.message_id == delta.message_id
            self._early = before.absorbing(delta) if before is not None and same else delta
            return
        if delta.reply_to < self._message_id:
            return
        self._expected = delta.message_id
        if self._streams:
            data = {"messageId": delta.message_id, "index": delta.index, "text": delta.text}
            self._put(("chunk", {**data, "reset": True} if delta.reset else data))

    def _event(self, event: frames.Event) -> None:
        if not self._message_id:
            return
        if event.name == "message.created":
            message = event.data["message"]
            if _by_facilitator(message) and self._is_ours(message["id"]):
                self._complete(message)
        elif event.name == "support.offered":
            self._pause = self._pause or event.data.get("supportType") == PAUSE
        elif event.name in ENDS:
            self._fail(frames.error_frame(ENDS[event.name]))

    def _is_ours(self, answer_id: str) -> bool:
        replied = self._reply_to.get(answer_id)
        if replied is not None:
            return replied >= self._message_id
        return not self._expected and answer_id > self._message_id

    def _complete(self, message: Mapping[str, Any]) -> None:
        self._finish((COMPLETE, {"message": message, **self._advice()}))

    def _advice(self) -> Mapping[str, Any]:
        return {"suggestPause": True, "pauseReason": PAUSE_REASON} if self._pause else {}

    def _fail(self, error: frames.Error) -> None:
        for answer in (*self._answers.values(),):
            if not answer.done():
                answer.set_result(error)
        if not self._listening.done():
            self._listening.set_result(None)
        self._finish((ERROR, shown(error)))

    def _finish(self, piece: Piece) -> None:
        if not self._over:
            self._put(piece)
            self._over = True

    def _put(self, piece: Piece) -> None:
        if self._over or self.closed:
            return
        size = len(msgspec.json.encode(piece))
        if (
            len(self._pieces) >= self._bounds.outbox_frames_max
            or self._bytes + size > self._bounds.outbox_bytes_max
        ):
            self._over = True
            self._pieces.clear()
            too_slow = shown(frames.error_frame(Code.SERVICE_UNAVAILABLE))
            piece, size, self._bytes = (ERROR, too_slow), 0, 0
        self._pieces.append((piece, size))
        self._bytes += size
        self._stirred.set()


def over(piece: Piece) -> bool:
    """Whether nothing follows this piece."""
    return piece[0] in (COMPLETE, ERROR)


def _by_facilitator(message: Mapping[str, Any]) -> bool:
    return message["senderId"] is None
