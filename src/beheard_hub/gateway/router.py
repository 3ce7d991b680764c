"""From a connection's command to the host that owns its session, and back.

A command goes to the owner of ``shard_of(sessionId)``; without a session, to the owner of
``shard_of("user:" + userId)``, which may answer `Moved` with the session that an invitation belongs
to. What holds, whatever hosts do:

* A command is answered once. If its line dies, or routing names another owner, it is sent again
  with the same client id: a receipt makes that harmless (spec 5.2).
* Commands for one shard are sent in the order in which they came: when one has to wait, later ones
  wait behind it, and when one comes back, those after it on that line are taken back with it.
* A command without a reachable owner waits at most `owner_seconds_max` and is then refused,
  retryable.
* An answer that comes from a host that has lost the shard belongs to no command any more and is
  dropped.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from beheard_hub.domain.refusals import Code
from beheard_hub.domain.sharding import home_of, shard_of
from beheard_hub.gateway import frames
from beheard_hub.gateway.bounds import Bounds
from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.hosts import Hosts, Line
from beheard_hub.gateway.pressure import Pressure
from beheard_hub.gateway.subscriptions import Sink, Subscriptions, error_of
from beheard_hub.gateway.tally import Tally
from beheard_hub.link_messages import (
    Acked,
    CommandTo,
    DeltaFrom,
    DeviceFrom,
    ElsewhereFrom,
    EventFrom,
    GoneFrom,
    MergedFrom,
    MergedTo,
    Moved,
    PresenceFrom,
    Refused,
    RoleFrom,
    RoleTo,
    SnapshotFrom,
    SubscribedFrom,
    ToGateway,
)
from beheard_hub.observability import tracing
from beheard_hub.observability.tracing import end, place_of
from beheard_hub.ports import Clock, LinkClosed, LinkDialer, Routing


class Pending:
    """A command that has not been answered."""

    __slots__ = ("became", "command", "line", "order", "parked_at", "rid", "sent_at",
                 "session_id", "shard", "sink", "span", "user_id")  # fmt: skip

    def __init__(self, order: int, sink: Sink, user_id: str, command: Submit) -> None:
        self.order = order
        """Place among all commands of this gateway; kept when it is sent again."""
        self.sink = sink
        self.user_id = user_id
        self.became = ""
        """Who its user is by now, where it was sent for a guest who was merged since."""
        self.command = command
        self.session_id = command.session_id
        self.shard = shard_of(home_of(command.session_id, user_id))
        self.rid = 0
        self.line: Line | None = None
        self.sent_at = 0.0
        self.parked_at: float | None = None
        self.span = tracing.current.command() if tracing.current is not None else None

    def follow(self, session_id: str) -> None:
        """An invitation's command learned its session."""
        self.session_id = session_id
        self.shard = shard_of(session_id)

    def follow_user(self, user_id: str) -> None:
        """It is of that user from now on."""
        self.user_id, self.became = user_id, ""
        self.shard = shard_of(home_of(self.session_id, user_id))


class Router:
    """Commands and subscriptions of one gateway."""

    def __init__(
        self, routing: Routing, dialer: LinkDialer, clock: Clock, bounds: Bounds | None = None
    ) -> None:
        self._clock = clock
        self._bounds = bounds or Bounds()
        self.hosts = Hosts(routing, dialer, clock, self._bounds, self._received, self._settle)
        self.hosts.impatient = self._impatient
        self.subscriptions = Subscriptions(self.hosts, clock, self._bounds)
        self.pressure = Pressure(self._bounds.unacked_commands_max, lambda: self.unanswered)
        self.tally: Tally | None = None
        """Whoever counts users over all gateways."""
        self.on_gone: Callable[[str], None] | None = None
        """Told who has left the hub."""
        self.on_merged: Callable[[str, str], None] | None = None
        """Told which guest is which user now."""
        self._orders = itertools.count(1)
        self._rids = itertools.count(1)
        self._sent: dict[int, Pending] = {}
        self._parked: dict[int, list[Pending]] = {}

    @property
    def ready(self) -> bool:
        """Every shard can be reached."""
        return self.hosts.ready

    @property
    def unanswered(self) -> int:
        """Commands on their way or parked."""
        parked = sum(map(len, self._parked.values())) if self._parked else 0
        return len(self._sent) + parked

    async def start(self) -> None:
        """Begins to follow the routing table."""
        await self.hosts.start()

    async def stop(self) -> None:
        """Ends all lines; what is unanswered stays so."""
        await self.hosts.stop()

    def submit(self, sink: Sink, user_id: str, command: Submit) -> None:
        """Sends a command on its way. Its answer goes to `sink`. Ordering: as called, per shard."""
        self._dispatch(Pending(next(self._orders), sink, user_id, command))

    def gone(self, sink: Sink, clean: bool = False) -> None:
        """The connection is closed; `clean`: its client meant to go."""
        self.subscriptions.remove_all(sink, clean)

    # ---- on the way out

    def _dispatch(self, pending: Pending) -> None:
        line = None if pending.shard in self._parked else self.hosts.line_for(pending.shard)
        if line is None:
            self._park([pending])
        else:
            self._send(pending, line)

    def _send(self, pending: Pending, line: Line) -> None:
        pending.rid = next(self._rids)
        pending.line = line
        pending.sent_at = self._clock.mono()
        self._sent[pending.rid] = pending
        command = pending.command
        message = CommandTo(
            pending.rid,
            pending.user_id,
            command.id,
            command.name,
            command.data,
            pending.session_id,
            place_of(pending.span),
        )
        try:
            line.send(message)
        except LinkClosed:
            self._sent.pop(pending.rid, None)
            self._park([pending])

    def _park(self, some: Iterable[Pending]) -> None:
        now = self._clock.mono()
        for pending in some:
            if pending.sink.closed:
                continue  # nobody waits for it: applied or not, its client will ask again
            if pending.parked_at is None:
                pending.parked_at = now
            pending.line = None
            queue = self._parked.setdefault(pending.shard, [])
            queue.append(pending)
            queue.sort(key=_order)
        if self._parked:
            self.hosts.refresh_soon()

    def _settle(self) -> None:
        """Routing or a line changed, or time passed."""
        lost = [
            pending
            for pending in self._sent.values()
            if pending.line is None or not self.hosts.serves(pending.line, pending.shard)
        ]
        for pending in lost:
            del self._sent[pending.rid]
            pending.parked_at = None
        self._park(lost)
        self._expire()
        for shard in list(self._parked):
            self._release(shard)
        self.subscriptions.settle()
        if self.tally is not None:
            self.tally.settle()

    def _release(self, shard: int) -> None:
        line = self.hosts.line_for(shard)
        if line is None:
            return
        for pending in self._parked.pop(shard, []):
            if shard in self._parked:
                self._park([pending])
            else:
                self._send(pending, line)

    def _expire(self) -> None:
        now = self._clock.mono()
        for shard, queue in list(self._parked.items()):
            late = [p for p in queue if _late(p.parked_at, now, self._bounds.owner_seconds_max)]
            left = [pending for pending in queue if pending not in late]
            self._parked[shard] = left
            if not left:
                del self._parked[shard]
            self._give_up(late)
        oldest = list(
            itertools.takewhile(
                lambda p: _late(p.sent_at, now, self._bounds.answer_seconds_max),
                self._sent.values(),
            )
        )
        for pending in oldest:
            del self._sent[pending.rid]
        self._give_up(oldest)

    def _give_up(self, some: Iterable[Pending]) -> None:
        for pending in some:
            self._answer(
                pending, frames.error_frame(Code.SERVICE_UNAVAILABLE, command_id=pending.command.id)
            )

    def _impatient(self) -> bool:
        return bool(self._parked) or self.subscriptions.waiting

    # ---- on the way back

    def _received(self, line: Line, message: ToGateway) -> None:
        handler = _HANDLERS.get(type(message))
        if handler is not None:
            handler(self, line, message)

    def _elsewhere(self, line: Line, message: ElsewhereFrom) -> None:
        if self.tally is not None:
            self.tally.heard(line, message)

    def _left(self, line: Line, message: GoneFrom) -> None:
        if self.on_gone is not None:
            self.on_gone(message.user_id)

    def _merged(self, line: Line, message: MergedFrom) -> None:
        """Hosts learn of it before anything is sent for the user. What waits for an answer in a
        session is sent again as the user's, before what comes later: a receipt has moved with the
        session. Without a session it may be what merged them; so only if it is refused."""
        guest_id, user_id = message.guest_id, message.user_id
        self.hosts.tell_all(MergedTo(guest_id, user_id, message.sessions))
        waiting = [*self._sent.values(), *itertools.chain.from_iterable(self._parked.values())]
        theirs = [pending for pending in waiting if pending.user_id == guest_id]
        for pending in theirs:
            pending.became = user_id
        again = [pending for pending in theirs if pending.session_id]
        for pending in again:
            pending.follow_user(user_id)
        back = [pending for pending in again if self._sent.pop(pending.rid, None) is not None]
        self._park(back)
        for shard in {pending.shard for pending in back}:
            self._release(shard)
        self.subscriptions.follow(guest_id, user_id)
        if self.on_merged is not None:
            self.on_merged(guest_id, user_id)

    def _answer(self, pending: Pending, frame: frames.Outgoing) -> None:
        pending.sink.deliver(frame)
        pending.sink.answered()
        if pending.span is not None:
            end(pending.span, code=frame.code if isinstance(frame, frames.Error) else "ok")

    def _take(self, rid: int | None, line: Line) -> Pending | None:
        pending = self._sent.get(rid) if rid is not None else None
        if pending is None or pending.line is not line:
            return None
        self.pressure.answered(self._clock.mono())
        return self._sent.pop(pending.rid)

    def _acked(self, line: Line, message: Acked) -> None:
        if (pending := self._take(message.rid, line)) is not None:
            frame = frames.Ack(
                id=pending.command.id,
                data=message.data,
                seq=message.seq,
                duplicate=message.duplicate,
            )
            self._answer(pending, frame)

    def _refused(self, line: Line, message: Refused) -> None:
        if message.sub is not None:
            self.subscriptions.refused(line, message)
        elif (pending := self._take(message.rid, line)) is not None:
            if message.retryable and pending.became:
                pending.follow_user(pending.became)
                self._dispatch(pending)
                return
            details = dict(message.details) if message.details is not None else None
            self._answer(pending, error_of(message, pending.command.id, details))

    def _moved(self, line: Line, message: Moved) -> None:
        if message.sub is not None:
            self.subscriptions.moved(line, message)
            return
        pending = self._take(message.rid, line)
        if pending is None:
            return
        if message.session_id and message.session_id != pending.session_id:
            pending.follow(message.session_id)
            self._dispatch(pending)
            return
        shard = pending.shard
        self.hosts.doubt(line, shard)
        after = [
            other
            for other in self._sent.values()
            if other.shard == shard and other.line is line and other.rid > pending.rid
        ]
        for other in after:
            del self._sent[other.rid]
        self._park([pending, *after])


def _order(pending: Pending) -> int:
    return pending.order


def _late(since: float | None, now: float, seconds_max: float) -> bool:
    return since is not None and now - since >= seconds_max


_HANDLERS: Mapping[type, Callable[[Router, Line, Any], None]] = {
    Acked: Router._acked,
    Refused: Router._refused,
    Moved: Router._moved,
    ElsewhereFrom: Router._elsewhere,
    GoneFrom: Router._left,
    MergedFrom: Router._merged,
    RoleFrom: lambda router, line, message: router.hosts.tell_all(RoleTo(message.user_id)),
    SnapshotFrom: lambda router, line, message: router.subscriptions.snapshot(line, message),
    SubscribedFrom: lambda router, line, message: router.subscriptions.subscribed(line, message),
    EventFrom: lambda router, line, message: router.subscriptions.event(line, message),
    DeltaFrom: lambda router, line, message: router.subscriptions.delta(line, message),
    PresenceFrom: lambda router, line, message: router.subscriptions.partner(line, message),
    DeviceFrom: lambda router, line, message: router.subscriptions.device(line, message),
}
