"""Who listens to what, and how a listener gets every event once and in order.

A subscription remembers the newest seq that it was sent. A live event goes out only if it is the
next one; otherwise the subscription stops being live and reads the log until it has caught up. So
there is no hole and no repeat, whatever overtakes what. Deltas go to those who are live; whoever
becomes so in the middle of an answer begins with the text so far (`answers.py`).

Observers (`observers.py`) are shown what one member is, rendered once, in one message for each
gateway; beside it they have the transcript in their snapshot.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any

from beheard_hub.actors.activation import UNAVAILABLE, Activation
from beheard_hub.actors.announcer import Announcer
from beheard_hub.actors.answers import Answers, Thread
from beheard_hub.actors.background import Background
from beheard_hub.actors.cell import Cell, View
from beheard_hub.actors.fan_out import tell
from beheard_hub.actors.observers import Observers
from beheard_hub.actors.presence import Presence
from beheard_hub.actors.recording import Event, iso
from beheard_hub.actors.rendering import resolve
from beheard_hub.actors.subscription import Subscription
from beheard_hub.domain.kernel import Json
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.sharding import shard_of
from beheard_hub.link_messages import (
    EventFrom,
    Moved,
    PresenceTo,
    Refused,
    SnapshotFrom,
    SubscribedFrom,
    SubscribeTo,
)
from beheard_hub.ports import (
    GatewayPeer,
    Piece,
    Renderer,
    SessionStore,
    Sleep,
    StoredEvent,
    StoreUnavailable,
)
from beheard_hub.telemetry import logger, origin_of

CATCH_UP_EVENTS_MAX = 100
RETRY_SECONDS = 0.2
FAULT = Refusal(Code.INTERNAL_ERROR)
"""Retryable: the gateway registers again for a while before it tells the client."""

_log = logger("host")


class Subscriptions:
    """All subscriptions of one host."""

    def __init__(
        self, activation: Activation, store: SessionStore, renderer: Renderer,
        background: Background, answering: Callable[[], bool], sleep: Sleep, presence: Presence,
        observers: Observers,
    ) -> None:  # fmt: skip
        self._activation = activation
        self._store = store
        self._renderer = renderer
        self._background = background
        self._answering = answering
        self._sleep = sleep
        self.answers = Answers()
        self.observers = observers
        self.announcer = Announcer(presence, activation, self._listening)
        self.resumed: Callable[[Cell, str], None]
        """Told who of a session listens again."""
        self.member: Callable[[str, str], Awaitable[Cell | Refusal]]
        """The session, if that user is a member."""
        self.merged: Callable[[str], Awaitable[bool]]
        """As in `Turns`."""
        self._of_user: dict[tuple[str, str], list[Subscription]] = {}
        self._of_peer: dict[GatewayPeer, dict[int, Subscription]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._of_user.values()))

    # ---- coming and going

    def attached(self, peer: GatewayPeer) -> None:
        """A gateway is there."""
        self._of_peer[peer] = {}

    def detached(self, peer: GatewayPeer) -> None:
        """A gateway is gone, and its subscriptions with it."""
        for subscription in self._of_peer.pop(peer, {}).values():
            self._close(subscription, clean=False)

    def subscribe(self, peer: GatewayPeer, message: SubscribeTo) -> None:
        """Answers with a snapshot, or with what was missed; then live (spec 5.2)."""
        known = self._of_peer.setdefault(peer, {})
        if (old := known.pop(message.sub, None)) is not None:
            self._close(old, clean=False)
        subscription = known[message.sub] = Subscription(peer, message)
        if subscription.observer is None:
            self._of_user.setdefault(subscription.key, []).append(subscription)
            self.announcer.presence.came(*subscription.key)
        self._work(subscription, self._open(subscription, message.after))

    def unsubscribe(self, peer: GatewayPeer, sub: int, *, clean: bool) -> None:
        """Ends a subscription, by its client's wish (`clean`) or not; unknown ones are ended
        already."""
        subscription = self._of_peer.get(peer, {}).pop(sub, None)
        if subscription is not None:
            self._close(subscription, clean=clean)

    def whose(self, peer: GatewayPeer, sub: int) -> Subscription | None:
        """The member's subscription with that number, once it is live: observers say nothing."""
        subscription = self._of_peer.get(peer, {}).get(sub)
        heard = subscription is not None and subscription.live and subscription.observer is None
        return subscription if heard else None

    def says(self, peer: GatewayPeer, message: PresenceTo) -> None:
        """What a device does."""
        if (subscription := self.whose(peer, message.sub)) is not None:
            self.announcer.device(subscription, message.status)

    def forget_shards(self, lost: set[int]) -> None:
        """Ends the subscriptions of shards that another host has now."""
        self.announcer.presence.released(lost)
        for (session_id, _), subscriptions in list(self._of_user.items()):
            if shard_of(session_id) in lost:
                for subscription in list(subscriptions):
                    subscription.peer.send(Moved(None, session_id, subscription.sub))
                    self.unsubscribe(subscription.peer, subscription.sub, clean=False)
        self.answers.forget_shards(lost)
        self.observers.pacing.forget_shards(lost)

    def _close(self, subscription: Subscription, *, clean: bool) -> None:
        subscription.closed = True
        subscription.live = False
        rest = [s for s in self._of_user.get(subscription.key, ()) if s is not subscription]
        if rest:
            self._of_user[subscription.key] = rest
        else:
            self._of_user.pop(subscription.key, None)
        if subscription.observer is None:
            self.announcer.closed(subscription, clean=clean)
        else:
            self.observers.gone(subscription)

    def _listening(self, session_id: str, user_id: str) -> Sequence[Subscription]:
        """The devices of that user."""
        ears = self._of_user.get((session_id, user_id), ())
        return [ear for ear in ears if ear.observer is None]

    # ---- observers

    def tick(self) -> None:
        """Time passed."""
        if self.observers.due():
            self.ask_observers()
        if self._answering():
            for thread in self.observers.pacing.due():
                self._release(thread)

    def _release(self, thread: Thread) -> None:
        """Those who watch an answer are told what was held back of it."""
        held = self.observers.pacing.release(thread)
        if held is not None:
            ears = self._of_user.get(thread, ())
            tell([ear for ear in ears if ear.live and ear.observer is not None], held)

    def ask_observers(self, user_id: str | None = None) -> None:
        """Whoever may watch no longer is told so, and nothing else any more; with a `user_id` they
        alone are asked."""
        self._background.spawn(self.observers.ask_again(self._refuse, user_id))

    def follow(self, session_id: str, guest_id: str, user_id: str) -> None:
        """The member is that user now (`mergers`): an answer under way is theirs, and whoever
        watches comes anew."""
        self.answers.follow((session_id, guest_id), (session_id, user_id))
        self.observers.pacing.over((session_id, guest_id))
        for ear in list(self._of_user.get((session_id, guest_id), ())):
            if ear.observer is not None:
                self._refuse(ear, UNAVAILABLE)

    async def _admitted(self, subscription: Subscription) -> Cell | Refusal:
        if subscription.observer is None:
            return await self.member(subscription.session_id, subscription.user_id)
        cell = await self.observers.admit(subscription)
        if isinstance(cell, Cell):
            if subscription.closed:
                self.observers.gone(subscription)
            else:
                self._of_user.setdefault(subscription.key, []).append(subscription)
        return cell

    # ---- what goes out

    def listened(self, session_id: str, user_id: str) -> bool:
        """Whether anybody waits for that user's events."""
        return (session_id, user_id) in self._of_user

    def publish(self, session_id: str, event: Event, data: Json | None) -> None:
        """A committed event, rendered for its user; None when it could not be rendered now."""
        groups: dict[GatewayPeer, list[int]] = {}
        for subscription in self._of_user.get((session_id, event.user_id), ()):
            if not subscription.live or event.seq <= subscription.sent_seq:
                continue
            if data is None or event.seq != subscription.sent_seq + 1:
                subscription.live = False
                self._work(subscription, self._catch_up(subscription))
                continue
            subscription.sent_seq = event.seq
            groups.setdefault(subscription.peer, []).append(subscription.sub)
        for peer, subs in groups.items():
            peer.send(EventFrom(subs, session_id, event.seq, event.name, data or {}, event.at))

    def delta(self, session_id: str, user_id: str, piece: Piece) -> None:
        """A piece of an AI answer, to those who are live, while the lease surely holds. That an
        answer is taken back is told to everybody at once: it says nothing, and hides."""
        thread = (session_id, user_id)
        told = self.answers.take(thread, piece, tell=self._answering())
        if told is None:
            return
        hearing = [ear for ear in self._of_user.get(thread, ()) if ear.live or not told.text]
        tell([ear for ear in hearing if ear.observer is None], told)
        if watching := [ear for ear in hearing if ear.observer is not None]:
            paced = self.observers.pacing.take(thread, told, len(watching))
            if paced is not None:
                tell(watching, paced)

    def answered(self, session_id: str, user_id: str, message_id: str) -> None:
        """No more pieces of that answer follow."""
        self.answers.over((session_id, user_id), message_id)
        self.observers.pacing.over((session_id, user_id))

    def _go_live(self, subscription: Subscription) -> None:
        if subscription.observer is not None:
            self._release(subscription.key)  # else the newcomer were told it twice
        subscription.live = True
        so_far = self.answers.so_far((subscription.session_id, subscription.user_id))
        if so_far is not None and so_far.text:
            tell([subscription], so_far)

    # ---- catching up

    def _work(self, subscription: Subscription, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work`; a fault of ours in it is a refusal that may pass, not an ear gone deaf."""

        async def answered() -> None:
            try:
                await work
            except Exception as error:
                _log.error("subscription_failed", **origin_of(error))
                if not subscription.closed:
                    self._refuse(subscription, FAULT)

        self._background.spawn(answered())

    async def _open(self, subscription: Subscription, after: int | None) -> None:
        outcome = await self._admitted(subscription)
        if subscription.closed:
            return
        if isinstance(outcome, Refusal):
            self._refuse(subscription, outcome)
            return
        newest = outcome.committed_seqs.get(subscription.user_id, 0)
        if after is None or after > newest or after < 0:
            await self._snapshot(subscription)
        else:
            await self._replay(subscription, after, newest)
        if not subscription.closed and subscription.observer is None:
            self.announcer.opened(subscription, outcome)
            if after is not None:
                self.resumed(outcome, subscription.user_id)
        await self._catch_up(subscription)

    async def _replay(self, subscription: Subscription, after: int, newest: int) -> None:
        """Says that the replay begins, if the log reaches back that far; else a snapshot."""
        if after < newest:
            page = await self._page(subscription, after, 1)
            if page is None:
                await self._snapshot(subscription)
                return
        if not subscription.closed:
            subscription.sent_seq = after
            subscription.peer.send(
                SubscribedFrom(subscription.sub, subscription.session_id, newest)
            )

    async def _page(
        self, ear: Subscription, after: int, limit: int
    ) -> Sequence[StoredEvent] | None:
        """Asks the log until it answers. Who was merged has none, and is told who they are."""
        while not ear.closed:
            with suppress(StoreUnavailable):
                page = await self._store.events(ear.session_id, ear.user_id, after, limit)
                if page or not await self.merged(ear.user_id):
                    return page
            await self._sleep(RETRY_SECONDS)
        return None

    async def _catch_up(self, subscription: Subscription) -> None:
        """Sends what the log has beyond the newest seq sent, until there is nothing more."""
        session_id, user_id = subscription.session_id, subscription.user_id
        while not subscription.closed:
            outcome = await self._activation.cell(session_id)
            if subscription.closed:
                return
            if isinstance(outcome, Refusal):
                if not outcome.retryable:
                    self._refuse(subscription, outcome)
                    return
                await self._sleep(RETRY_SECONDS)
                continue
            if not self._answering():
                await self._sleep(RETRY_SECONDS)
                continue
            newest = outcome.committed_seqs.get(user_id, 0)
            if subscription.sent_seq >= newest:
                self._go_live(subscription)
                return
            page = await self._page(subscription, subscription.sent_seq, CATCH_UP_EVENTS_MAX)
            if not page:  # None: too old by now; empty: compacted between the two reads
                await self._snapshot(subscription)
                continue
            await self._send_page(subscription, outcome, page, newest)

    async def _send_page(
        self, subscription: Subscription, cell: Cell, page: Sequence[StoredEvent], newest: int
    ) -> None:
        session_id, user_id = subscription.session_id, subscription.user_id
        for event in page:
            if event.seq > newest:  # committed, but its turn's ack is not out yet
                return
            data = await self._rendered(cell, cell.committed, user_id, event.data)
            if subscription.closed or data is None or event.seq != subscription.sent_seq + 1:
                return
            if not self._answering():  # to read it may have taken longer than the lease
                return
            subscription.sent_seq = event.seq
            sub, at = [subscription.sub], iso(event.at)
            subscription.peer.send(EventFrom(sub, session_id, event.seq, event.name, data, at))

    async def _snapshot(self, subscription: Subscription) -> None:
        """The state after the newest commit, and its seq."""
        while not subscription.closed:
            cell = await self._activation.cell(subscription.session_id)
            if isinstance(cell, Cell) and self._answering():
                user_id, state = subscription.user_id, cell.committed
                seq = cell.committed_seqs.get(user_id, 0)
                shape = cell.kind.snapshot(state, user_id, cell.names)
                data = await self._rendered(cell, state, user_id, shape)
                if data is not None and subscription.observer is not None:
                    data = await self._with_transcript(subscription, cell, state, data)
                if data is not None and not subscription.closed and self._answering():
                    subscription.sent_seq = seq
                    subscription.peer.send(
                        SnapshotFrom(subscription.sub, subscription.session_id, seq, data)
                    )
                    return
            elif isinstance(cell, Refusal) and not cell.retryable:
                self._refuse(subscription, cell)
                return
            await self._sleep(RETRY_SECONDS)

    async def _with_transcript(
        self, subscription: Subscription, cell: Cell, state: Any, data: Json
    ) -> Json | None:
        """The snapshot and what was said, as far as that is in it; None if it cannot be read."""
        try:
            transcript = await self.observers.transcript(cell, state, subscription)
        except StoreUnavailable:
            await self._sleep(RETRY_SECONDS)
            return None
        if isinstance(transcript, Refusal):
            self._refuse(subscription, transcript)
            return None
        return {**data, "transcript": transcript}

    async def _rendered(self, cell: Cell, state: Any, user_id: str, data: Json) -> Json | None:
        view = View(cell, state, user_id)
        shape, whole = resolve(data, {}, view)
        if whole:
            return shape
        try:
            return await self._renderer.render(cell.kind.name, view, user_id, cell.key, shape)
        except StoreUnavailable:
            await self._sleep(RETRY_SECONDS)
            return None

    def _refuse(self, subscription: Subscription, refusal: Refusal) -> None:
        subscription.peer.send(
            Refused(None, refusal.code, refusal.sentence, refusal.retryable, sub=subscription.sub)
        )
        self.unsubscribe(subscription.peer, subscription.sub, clean=True)
