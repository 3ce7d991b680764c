"""Who listens to which session, and up to which seq each listener has been sent.

A subscription belongs to one connection and is registered with the owner of the session's shard,
anew with every owner and every reconnect, always with the last seq that was sent: the owner sends
what the log has beyond it (spec 01). So whatever happens behind the gateway, a connection sees each
seq once and in order:

* a seq that was sent before is dropped;
* a hole (the owner moved, a frame was dropped) registers the subscription again;
* who registers again takes back what was shown of an answer under way: pieces may have been missed,
  or its host died with it. The owner then tells the text so far, if there still is one;
* a replay that fills the outbox to more than half is given up and asked for again, from where it
  stopped, once the socket has caught up: long replays are paced by their reader.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable
from typing import Protocol

import msgspec

from beheard_hub.domain.refusals import Code
from beheard_hub.domain.sharding import shard_of
from beheard_hub.gateway import frames
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.confirmations import Confirmations
from beheard_hub.gateway.hosts import Hosts, Line
from beheard_hub.link_messages import (
    DeltaFrom,
    DeviceFrom,
    EventFrom,
    Moved,
    PresenceFrom,
    PresenceTo,
    ReceivedTo,
    Refused,
    SnapshotFrom,
    SubscribedFrom,
    SubscribeTo,
    UnsubscribeTo,
)
from beheard_hub.ports import Clock, LinkClosed

OFFLINE = "offline"
"""What a client takes its partner for until it is told (docs/websocket.md)."""


class Sink(Protocol):
    """Where frames of one connection go."""

    closed: bool

    @property
    def crowded(self) -> bool:
        """The outbox is more than half full; `Router.drained` is called when it is empty."""

    def deliver(self, frame: frames.Outgoing) -> None:
        """Queues a frame; nothing happens once closed."""

    def answered(self) -> None:
        """One submitted command has been answered."""


class Subscription:
    """One connection's ear at one session."""

    __slots__ = (
        "deadline",
        "last",
        "line",
        "number",
        "observer",
        "partner",
        "paused",
        "replay_until",
        "session_id",
        "shard",
        "shown",
        "sink",
        "user_id",
    )

    def __init__(
        self, sink: Sink, user_id: str, session_id: str, after: int | None, observer: bool,
        deadline: float,
    ) -> None:  # fmt: skip
        self.sink = sink
        self.user_id = user_id
        self.session_id = session_id
        self.shard = shard_of(session_id)
        self.observer = observer
        """Watches a session of somebody else: whether they may, the owner says."""
        self.last = after
        self.line: Line | None = None
        """Where it is registered, or None while it waits to be."""
        self.number = 0
        self.partner = OFFLINE
        """What was said of the partner last; empty where that no longer counts."""
        self.paused = False
        self.replay_until = 0
        self.shown: frames.Delta | None = None
        """Newest piece of an answer that is not complete."""
        self.deadline: float | None = deadline
        """By when an owner must have taken it for the first time; None afterwards."""


class Subscriptions:
    """All subscriptions of one gateway."""

    def __init__(self, hosts: Hosts, clock: Clock, bounds: Bounds) -> None:
        self._hosts = hosts
        self._clock = clock
        self._bounds = bounds
        self._numbers = itertools.count(1)
        self._registered: dict[int, Subscription] = {}
        self._waiting: dict[Subscription, None] = {}
        """In the order in which they came."""
        self._by_sink: dict[Sink, dict[str, Subscription]] = {}
        self._confirmations = Confirmations(self._confirm)

    def __len__(self) -> int:
        return len(self._registered) + len(self._waiting)

    @property
    def waiting(self) -> bool:
        """Some subscription has nobody to be registered with."""
        return bool(self._waiting)

    # ---- what connections ask

    def add(
        self, sink: Sink, user_id: str, session_id: str, after: int | None, observer: bool = False
    ) -> None:
        """Starts listening; an earlier subscription of this connection to the session ends."""
        own = self._by_sink.setdefault(sink, {})
        if (earlier := own.pop(session_id, None)) is not None:
            self._forget(earlier)
        elif len(own) >= self._bounds.subscriptions_max:
            sink.deliver(frames.error_frame(Code.RATE_LIMITED, details={"sessionId": session_id}))
            return
        deadline = self._clock.mono() + self._bounds.owner_seconds_max
        sub = Subscription(sink, user_id, session_id, after, observer, deadline)
        own[session_id] = sub
        self._register(sub)

    def remove(self, sink: Sink, session_id: str) -> None:
        """Stops listening."""
        if (sub := self._by_sink.get(sink, {}).pop(session_id, None)) is not None:
            self._forget(sub, clean=True)

    def remove_all(self, sink: Sink, clean: bool = False) -> None:
        """The connection is gone; `clean`: its client meant to go."""
        for sub in self._by_sink.pop(sink, {}).values():
            self._forget(sub, clean)

    def say(self, sink: Sink, session_id: str, what: frames.Presence | frames.Received) -> None:
        """What a device does or has; lost without harm where there is no owner to tell."""
        sub = self._by_sink.get(sink, {}).get(session_id)
        if sub is None or sub.line is None:
            return
        if isinstance(what, frames.Received):
            self._confirmations.add(sub, what.seq)
            return
        with contextlib.suppress(LinkClosed):
            sub.line.send(PresenceTo(sub.number, what.status))

    def _confirm(self, sub: Subscription, seq: int) -> None:
        if sub.line is not None:
            with contextlib.suppress(LinkClosed):
                sub.line.send(ReceivedTo(sub.number, seq))

    def follow(self, guest_id: str, user_id: str) -> None:
        """A guest is that user now: what they listened to goes on where it was."""
        for sub in [sub for own in self._by_sink.values() for sub in own.values()]:
            if sub.user_id == guest_id:
                sub.user_id = user_id
                self._unregister(sub)
                if not sub.paused:
                    self._register(sub)

    def drained(self, sink: Sink) -> None:
        """The outbox of a connection is empty: paused replays go on."""
        for sub in list(self._by_sink.get(sink, {}).values()):
            if sub.paused:
                sub.paused = False
                self._register(sub)

    # ---- where they are registered

    def settle(self) -> None:
        """Routing or a line changed, or time passed: registers whatever is not where it should be.

        A subscription that never had an owner gives up after `owner_seconds_max`.
        """
        for sub in list(self._registered.values()):
            if sub.line is not None and not self._hosts.serves(sub.line, sub.shard):
                self._unregister(sub)
                self._waiting[sub] = None
        now = self._clock.mono()
        for sub in list(self._waiting):
            if sub.deadline is not None and now >= sub.deadline:
                self._refuse(sub, frames.error_frame(Code.SERVICE_UNAVAILABLE, details=_about(sub)))
            else:
                self._register(sub)

    def _register(self, sub: Subscription) -> None:
        if (shown := sub.shown) is not None:
            sub.shown = None
            sub.sink.deliver(msgspec.structs.replace(shown, index=0, text="", reset=True))
        line = self._hosts.line_for(sub.shard)
        if line is None:
            self._waiting[sub] = None
            return
        self._waiting.pop(sub, None)
        sub.number = next(self._numbers)
        sub.line = line
        self._registered[sub.number] = sub
        try:
            line.send(SubscribeTo(sub.number, sub.user_id, sub.session_id, sub.last, sub.observer))
        except LinkClosed:
            self._unregister(sub)
            self._waiting[sub] = None

    def _unregister(self, sub: Subscription, clean: bool = False) -> None:
        self._confirmations.settle(sub)
        line, sub.line = sub.line, None
        sub.replay_until = 0
        if line is None or self._registered.pop(sub.number, None) is None:
            return
        try:
            line.send(UnsubscribeTo(sub.number, clean))
        except LinkClosed:
            return  # its host has forgotten it with the line

    def _forget(self, sub: Subscription, clean: bool = False) -> None:
        self._unregister(sub, clean)
        self._waiting.pop(sub, None)

    def _refuse(self, sub: Subscription, error: frames.Error) -> None:
        self._forget(sub)
        self._by_sink.get(sub.sink, {}).pop(sub.session_id, None)
        sub.sink.deliver(error)

    def _again(self, sub: Subscription) -> None:
        """Registers once more after the next look at the routing table."""
        self._unregister(sub)
        self._waiting[sub] = None
        self._hosts.refresh_soon()

    # ---- what hosts say

    def _listening(self, line: Line, number: int) -> Subscription | None:
        """Who has that number, if it was given to that line. A line that lost the shard has none:
        `settle` took its numbers away when routing changed, and none is given twice."""
        sub = self._registered.get(number)
        return sub if sub is not None and sub.line is line else None

    def _audience(self, line: Line, numbers: Iterable[int]) -> list[Subscription]:
        found = (self._listening(line, number) for number in numbers)
        return [sub for sub in found if sub is not None]

    def snapshot(self, line: Line, message: SnapshotFrom) -> None:
        """`after` was missing or too old."""
        if (sub := self._listening(line, message.sub)) is None:
            return
        sub.last = message.seq
        sub.deadline = None
        sub.sink.deliver(
            frames.Snapshot(session_id=sub.session_id, seq=message.seq, state=message.state)
        )

    def subscribed(self, line: Line, message: SubscribedFrom) -> None:
        """`after` was good; what was missed follows, up to `seq`."""
        if (sub := self._listening(line, message.sub)) is not None:
            sub.deadline = None
            sub.replay_until = message.seq

    def refused(self, line: Line, message: Refused) -> None:
        """No subscription; a refusal that may pass is tried again for a while."""
        sub = self._listening(line, message.sub) if message.sub is not None else None
        if sub is None:
            return
        if message.retryable:
            self._again(sub)
            return
        details = {**(message.details or {}), **_about(sub)}
        self._refuse(sub, error_of(message, None, details))

    def moved(self, line: Line, message: Moved) -> None:
        """The host does not own the session's shard."""
        sub = self._listening(line, message.sub) if message.sub is not None else None
        if sub is not None:
            self._hosts.doubt(line, sub.shard)
            self._again(sub)

    def event(self, line: Line, message: EventFrom) -> None:
        """One event for some of the listeners."""
        frame: frames.Event | None = None
        for sub in self._audience(line, message.subs):
            if sub.last is None or message.seq <= sub.last:
                continue
            if message.seq > sub.last + 1:
                self._again(sub)
                continue
            if message.seq <= sub.replay_until and sub.sink.crowded:
                self._unregister(sub)
                sub.paused = True
                continue
            frame = frame or frames.Event(
                session_id=message.session_id,
                seq=message.seq,
                name=message.name,
                data=message.data,
                at=message.at,
            )
            sub.last = message.seq
            if sub.shown is not None and sub.shown.message_id == _message_of(message):
                sub.shown = None
            sub.sink.deliver(frame)

    def delta(self, line: Line, message: DeltaFrom) -> None:
        """A piece of an AI answer."""
        frame = frames.Delta(
            session_id=message.session_id,
            reply_to=message.reply_to,
            message_id=message.message_id,
            index=message.index,
            text=message.text,
            reset=message.reset,
            lane=message.lane,
        )
        for sub in self._audience(line, message.subs):
            sub.shown = frame if message.text else None
            sub.sink.deliver(frame)

    def partner(self, line: Line, message: PresenceFrom) -> None:
        """Whether the partner is there. Told when it differs from what was told before."""
        frame = frames.PartnerPresence(session_id=message.session_id, partner=message.partner)
        for sub in self._audience(line, message.subs):
            if sub.deadline is not None:
                continue  # it is told once it has its snapshot
            if not message.partner:
                sub.partner = sub.partner if sub.partner == OFFLINE else ""
            elif message.partner != sub.partner:
                sub.partner = message.partner
                sub.sink.deliver(frame)

    def device(self, line: Line, message: DeviceFrom) -> None:
        """What another device of the same user does."""
        frame = frames.Device(session_id=message.session_id, status=message.status)
        for sub in self._audience(line, message.subs):
            sub.sink.deliver(frame)


def error_of(
    refused: Refused, command_id: str | None, details: dict[str, str] | None
) -> frames.Error:
    """A host's refusal as the client reads it."""
    return frames.Error(
        code=refused.code,
        message=refused.message,
        retryable=refused.retryable,
        id=command_id,
        retry_after_ms=refused.retry_after_ms,
        details=details,
    )


def _about(sub: Subscription) -> dict[str, str]:
    return {"sessionId": sub.session_id}


def _message_of(event: EventFrom) -> str | None:
    """Id of the message that an event is about."""
    message = event.data.get("message")
    return message.get("id") if isinstance(message, dict) else None
