"""The way of a command to what decides it: a session's cell, or a user's directory.

A command is looked at in this order: is it one, does it come with the session that it needs, is its
shard here, is the session in memory, is its caller known. Whatever has to wait on the way (a load,
a look at the caller) waits in a task and comes back through the same steps.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Set

from beheard_hub.actors.activation import NOT_FOUND, UNAVAILABLE, Activation
from beheard_hub.actors.background import Background
from beheard_hub.actors.cell import DIRECTORY, Cell, Kinds, Turn, internal_turn, turn_of
from beheard_hub.actors.directory import Directory
from beheard_hub.actors.outs import refusing
from beheard_hub.actors.placement import Placement
from beheard_hub.actors.sent_away import SentAway
from beheard_hub.actors.strangers import Learn, ask_who, introduce, is_strange
from beheard_hub.actors.turns import Turns
from beheard_hub.domain.kernel import Command
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.sharding import home_of, shard_of
from beheard_hub.link_messages import CommandTo, Moved
from beheard_hub.ports import Clock, GatewayPeer, SessionStore

NO_SESSION = Refusal(Code.VALIDATION_ERROR, details={"sessionId": "this command has none"})
UNKNOWN_COMMAND = Refusal(Code.VALIDATION_ERROR, details={"name": "is not a command"})


class Entrance:
    """Commands of one host, on their way in."""

    def __init__(
        self, kinds: Kinds, store: SessionStore, placement: Placement, activation: Activation,
        turns: Turns, background: Background, clock: Clock, answering: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._kinds = kinds
        self._store = store
        self._placement = placement
        self._activation = activation
        self._turns = turns
        self._background = background
        self._answering = answering
        """Whether the lease still lets this host answer."""
        self._directory = Directory(store, background, turns)
        self._sent_away = SentAway(clock.mono)

    def detached(self, peer: GatewayPeer) -> None:
        """The line is gone, with all that was on its way."""
        self._sent_away.detached(peer)

    def under_way(self, shards: Set[int]) -> bool:
        """Whether a command without a session waits there for its answer."""
        return self._directory.under_way(shards)

    # ---- a client's

    def command(self, peer: GatewayPeer, message: CommandTo) -> None:
        """One command of a client, as its gateway hands it on."""
        kind = self._kinds.of_command(message.name)
        spec = None if kind is None else kind.commands[message.name]
        if kind is None or spec is None or spec.observes or spec.name.startswith("internal."):
            peer.send(refusing(message.rid, UNKNOWN_COMMAND))
            return
        if not spec.by_invitation:
            if spec.sessionless == bool(message.session_id):
                peer.send(refusing(message.rid, NO_SESSION if spec.sessionless else NOT_FOUND))
                return
            shard = shard_of(home_of(message.session_id, message.user_id))
            if self._sent_away.sends(peer, message, shard, self._placement.generation(shard)):
                return
        turn = turn_of(kind, spec, peer, message)
        if spec.by_invitation:
            self._run_for(turn, lambda: self._by_invitation(turn))
        elif spec.sessionless:
            self._directory.submit(turn)
        else:
            self._in_session(turn)

    async def _by_invitation(self, turn: Turn) -> None:
        """The invitation's own session decides, wherever it lives."""
        invitation = turn.data.get("invitationId")
        session_id = None
        if isinstance(invitation, str):
            session_id = await self._store.session_of_invitation(invitation)
        if session_id is None:
            self._turns.outs.refuse(None, turn, NOT_FOUND)
            return
        turn.session_id = session_id
        if self._placement.generation(shard_of(session_id)) == 0:
            self._moved(turn)
        else:
            self._in_session(turn)

    def _in_session(self, turn: Turn) -> None:
        """Into the cell, or behind its activation."""
        cell = self._activation.get(turn.session_id)
        caller = turn.user_id if turn.spec is not None and turn.spec.anyone else ""
        then = functools.partial(self._activated, turn)
        if cell is None:
            self._activation.park(turn.session_id, then, caller)
        elif caller and caller not in cell.names:
            again = functools.partial(self._in_session, turn)
            self._run_for(turn, lambda: self._met(introduce, cell, turn, again))
        elif not caller and not cell.is_member(turn.user_id):
            self._activation.pretend(turn.session_id, then)
        else:
            self._activated(turn, cell)

    # ---- of the hub itself

    def internal(self, session_id: str, command: Command) -> None:
        """Into the session's mailbox, or the user's; nobody waits for its answer."""
        if self._placement.generation(shard_of(session_id)) == 0:
            return
        if session_id.startswith(DIRECTORY):
            self._directory.submit(internal_turn(self._kinds.directory, "", command))
            return

        def then(outcome: Cell | Refusal) -> None:
            if isinstance(outcome, Cell) and not outcome.dropped:
                self._activated(internal_turn(outcome.kind, session_id, command), outcome)

        cell = self._activation.get(session_id)
        if cell is not None:
            then(cell)
        else:
            self._activation.park(session_id, then)

    # ---- there is a cell, or there is none

    def _activated(self, turn: Turn, outcome: Cell | Refusal) -> None:
        if self._placement.generation(shard_of(turn.session_id)) == 0:
            self._moved(turn)
        elif isinstance(outcome, Refusal):
            self._refuse(turn, outcome)
        elif outcome.kind is not turn.kind:
            self._turns.outs.refuse(None, turn, NOT_FOUND)
        elif is_strange(outcome, turn):
            again = functools.partial(self._activated, turn, outcome)
            self._run_for(turn, lambda: self._met(ask_who, outcome, turn, again))
        elif outcome.dropped or (turn.internal is None and not self._answering()):
            self._turns.outs.refuse(None, turn, UNAVAILABLE)
        elif turn.internal is not None:
            self._turns.decide(outcome, turn, turn.internal)
        else:
            self._turns.command(outcome, turn)

    def _refuse(self, turn: Turn, refusal: Refusal) -> None:
        if turn.internal is None and refusal.code == Code.NOT_FOUND:
            self._turns.stranger(None, turn, refusal)
        else:
            self._turns.outs.refuse(None, turn, refusal)

    def _moved(self, turn: Turn) -> None:
        turn.finish("moved")
        for peer, rid in turn.callers:
            if turn.spec is None or not turn.spec.by_invitation:  # which waits in no line
                self._sent_away.let_go(peer, turn.key, shard_of(turn.session_id))
            peer.send(Moved(rid, turn.session_id))

    async def _met(self, learn: Learn, cell: Cell, turn: Turn, then: Callable[[], None]) -> None:
        await learn(self._store, cell, turn)
        then()

    def _run_for(self, turn: Turn, work: Callable[[], Awaitable[None]]) -> None:
        self._background.spawn(self._turns.outs.run_for(None, turn, work))
