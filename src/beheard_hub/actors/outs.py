"""What leaves a host: replies and events, rendered for their recipient, in order.

Most of it goes out synchronously, from the turn that is being released. Where an answer needs a
read, a *lane* opens for that user of that session: later outs queue behind it until it is empty.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any

from beheard_hub.actors.activation import UNAVAILABLE, internal_error
from beheard_hub.actors.background import Background
from beheard_hub.actors.cell import OK, Cell, Turn, View
from beheard_hub.actors.recording import Entry, Event
from beheard_hub.actors.rendering import resolve
from beheard_hub.actors.subscriptions import Subscriptions
from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.refusals import Refusal
from beheard_hub.link_messages import Acked, Refused
from beheard_hub.observability.metrics import COMMAND_SECONDS, COMMANDS, TURNS_FAILED
from beheard_hub.ports import Renderer, StoreUnavailable
from beheard_hub.telemetry import logger, origin_of

_log = logger("host")

_answered = cache(COMMANDS.labels)
"""The counter of a command and an outcome: looking it up costs more than counting."""

Send = Callable[[Json | None], None]
"""Called with the rendered data, or None when it cannot be read now."""


class _Out:
    __slots__ = ("data", "kind", "send", "session_id", "user_id", "view", "whole")

    def __init__(
        self, kind: str, view: View, user_id: str, session_id: str, data: Json, whole: bool,
        send: Send,
    ) -> None:  # fmt: skip
        self.kind = kind
        self.view = view
        self.user_id = user_id
        self.session_id = session_id
        self.data = data
        self.whole = whole
        self.send = send


class Outs:
    """Answers and events of one host."""

    def __init__(
        self, renderer: Renderer, subscriptions: Subscriptions, background: Background,
        answering: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._renderer = renderer
        self._subscriptions = subscriptions
        self._background = background
        self._answering = answering
        """Whether the lease still lets this host answer: asked before every word that leaves, for
        what a turn waited for may have taken longer than the lease."""
        self._lanes: dict[tuple[str, str], deque[_Out]] = {}
        self.failed = 0
        """Turns that ended by a fault of ours."""

    async def run_for(
        self, cell: Cell | None, turn: Turn, work: Callable[[], Awaitable[None]]
    ) -> None:
        """Runs what a turn has to wait for; if that fails, it is the turn's answer."""
        try:
            await work()
        except StoreUnavailable:
            self.refuse(cell, turn, UNAVAILABLE)
        except Exception as error:  # our mistake, whatever it is: answered, never raised
            self.broke(cell, turn, error)

    def broke(self, cell: Cell | None, turn: Turn, error: Exception) -> None:
        """A fault of ours: logged without what it says, answered with a reference."""
        self.failed += 1
        TURNS_FAILED.inc()
        refusal, reference = internal_error()
        _log.error(
            "turn_failed", reference=reference, command=turn.name, session_id=turn.session_id,
            user_id=turn.user_id, **origin_of(error),
        )  # fmt: skip
        self.refuse(cell, turn, refusal)

    def refuse(self, cell: Cell | None, turn: Turn, refusal: Refusal) -> None:
        """Answers every caller of a turn with a refusal; without the lease with one that may pass,
        for another host may know better."""
        refusal = refusal if self._answering() else UNAVAILABLE
        for peer, rid in self._finished(cell, turn, refusal.code):
            peer.send(refusing(rid, refusal))

    def reply(
        self, cell: Cell, turn: Turn, data: Mapping[str, Json], state: Any, seq: int,
        fresh: Mapping[tuple[str, str], Json], duplicate: bool = False,
    ) -> None:  # fmt: skip
        """Acks every caller of a turn; those who joined it are told that it is a duplicate."""

        def send(shape: Json | None) -> None:
            if shape is None:
                self.refuse(cell, turn, UNAVAILABLE)
                return
            repeated = duplicate
            outcome = "duplicate" if duplicate else OK
            for peer, rid in self._finished(cell, turn, outcome):
                peer.send(Acked(rid, shape, seq, repeated))
                repeated = True

        view = View(cell, state, turn.user_id)
        try:
            self._send(cell, turn.session_id, turn.user_id, view, data, fresh, send)
        except Exception as error:  # our mistake: it must not reach the line that others share
            self.broke(cell, turn, error)

    async def read(self, cell: Cell, turn: Turn, read: Read, state: Any, seq: int) -> None:
        """Answers a query with rows read as the caller."""
        view = View(cell, state, turn.user_id)
        answer = await self._renderer.read(
            turn.kind.name, view, turn.user_id, turn.session_id, read
        )
        if not self._answering():
            answer = UNAVAILABLE
        if isinstance(answer, Refusal):
            self.refuse(cell, turn, answer)
            return
        for peer, rid in self._finished(cell, turn, OK):
            peer.send(Acked(rid, answer, seq))

    def event(self, entry: Entry, event: Event) -> None:
        """Sends a committed event to its user's subscriptions.

        Fresh texts are the caller's own words: they go to no other user.
        """
        session_id = entry.session_id
        if not self._subscriptions.listened(session_id, event.user_id):
            return
        fresh = entry.decision.fresh if event.user_id == entry.turn.user_id else {}
        view = View(entry.cell, entry.decision.state, event.user_id)

        def send(shape: Json | None) -> None:
            self._subscriptions.publish(session_id, event, shape)

        self._send(entry.cell, session_id, event.user_id, view, event.data, fresh, send)

    def _finished(self, cell: Cell | None, turn: Turn, outcome: str) -> list[Any]:
        """Ends a turn, once; returns who waits for it."""
        if turn.done:
            return []
        turn.finish(outcome)
        if turn.internal is None:
            _answered(turn.name, outcome).inc()
            COMMAND_SECONDS.observe(time.monotonic() - turn.began)
        if cell is not None and cell.inflight.get(turn.key) is turn:
            del cell.inflight[turn.key]
        if turn.on_done is not None:
            turn.on_done()
        return turn.callers

    def _send(
        self, cell: Cell, session_id: str, user_id: str, view: View, data: Json,
        fresh: Mapping[tuple[str, str], Json], send: Send,
    ) -> None:  # fmt: skip
        shape, whole = resolve(data, fresh, view)
        key = (cell.key, user_id)
        lane = self._lanes.get(key)
        if lane is None:
            if whole:
                send(shape if self._answering() else None)
                return
            lane = self._lanes[key] = deque()
            self._background.spawn(self._drain(key, lane))
        lane.append(_Out(cell.kind.name, view, user_id, session_id, shape, whole, send))

    async def _drain(self, key: tuple[str, str], lane: deque[_Out]) -> None:
        try:
            while lane:
                out = lane[0]
                data: Json | None = out.data
                if not out.whole:
                    data = await self._read_refs(out)
                lane.popleft()
                out.send(data if self._answering() else None)
        finally:
            del self._lanes[key]

    async def _read_refs(self, out: _Out) -> Json | None:
        try:
            return await self._renderer.render(
                out.kind, out.view, out.user_id, out.session_id, out.data
            )
        except StoreUnavailable:
            return None
        except Exception as error:  # our mistake: what waits behind it leaves all the same
            _log.error("rendering_failed", session_id=out.session_id, **origin_of(error))
            return None


def refusing(rid: int | None, refusal: Refusal, sub: int | None = None) -> Refused:
    """The answer to a command, or to a subscription."""
    return Refused(
        rid, refusal.code, refusal.sentence, refusal.retryable, refusal.retry_after_ms,
        refusal.details, sub,
    )  # fmt: skip
