"""The turn: one command against one cell, decided in memory, released after its commit.

This is the left half of "The turn and the flush" (spec 01). Everything here is synchronous from
reading a cell's state to writing it; what has to wait (a receipt, a read, work outside the turn)
waits in a task and comes back through the same door. The right half, the flusher, calls
`committed` and `refused`.

Invariants: nothing of a turn leaves before the commit that holds it, nor does an answer that saw
it; a turn is answered once; an exception leaves the state as it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import msgspec

from beheard_hub.actors.activation import NOT_FOUND, UNAVAILABLE, Activation, internal_error
from beheard_hub.actors.background import Background
from beheard_hub.actors.cell import Cell, Turn
from beheard_hub.actors.notifier import Notifier
from beheard_hub.actors.outs import Outs
from beheard_hub.actors.recording import Entry, needs_entry
from beheard_hub.domain.kernel import (
    Answer,
    Command,
    Decision,
    Ids,
    Read,
    Reply,
    Work,
    Worked,
    onward,
)
from beheard_hub.domain.limits import BUFFER_ENTRIES_PER_SESSION_MAX, WORK_SECONDS_MAX
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.facilitation import FacilitatorFailed
from beheard_hub.persistence.write_behind import WriteBehind
from beheard_hub.ports import (
    Clock,
    Reactions,
    RowRefused,
    SessionStore,
    StoredReceipt,
    StoreUnavailable,
)
from beheard_hub.telemetry import logger

UNIQUE_VIOLATION = "23505"
OVERTAKEN = frozenset({"BH001", "BH006", "42501"})
"""A row is not there any more, may not be changed any more, or is not ours any more: what was read
before the turn is over."""
INFLIGHT_PER_SESSION_MAX = 256

CONFLICT = Refusal(Code.CONFLICT)

_log = logger("host")


class Turns:
    """Decides commands in cells and releases what they caused."""

    def __init__(
        self, write_behind: WriteBehind, activation: Activation, store: SessionStore,
        background: Background, clock: Clock, ids: Ids,
    ) -> None:  # fmt: skip
        self._write_behind = write_behind
        self._activation = activation
        self._store = store
        self._background = background
        self._clock = clock
        self._ids = ids
        self.outs: Outs
        self.reactions: Reactions
        self.notifier: Notifier
        self.decided = 0
        self.followed: Sequence[Callable[[Cell, Sequence[str]], None]]
        """Told the effects of committed turns, after their acks and events."""
        self.settled: Callable[[Sequence[str]], None]
        """Told which reminders are done."""
        self.merged: Callable[[str], Awaitable[bool]]
        """Whether that user is somebody else by now; if so the gateways are told."""
        self.durable: Callable[[str, Sequence[str]], None]
        """Told the effects of committed turns, before their acks leave."""

    # ---- a client's command

    def command(self, cell: Cell, turn: Turn) -> None:
        """A client's command in a live cell (spec 01, `on_command`)."""
        same = cell.inflight.get(turn.key)
        if same is not None:
            if same.digest == turn.digest:
                same.callers.extend(turn.callers)
            else:
                self.outs.refuse(None, turn, CONFLICT)
            return
        if (
            cell.pending >= BUFFER_ENTRIES_PER_SESSION_MAX
            or len(cell.inflight) >= INFLIGHT_PER_SESSION_MAX
        ):
            self.outs.refuse(None, turn, UNAVAILABLE)
            return
        cell.inflight[turn.key] = turn
        if cell.knows_receipt(turn):
            self._run_for(cell, turn, lambda: self._look_up(cell, turn))
        else:
            self.first(cell, turn)

    async def _look_up(self, cell: Cell, turn: Turn) -> None:
        """The id may have been answered before: the stored receipt knows."""
        receipt = await self._store.receipt(turn.receipt_session, turn.user_id, turn.id)
        if receipt is not None:
            self.duplicate(cell, turn, receipt)
        elif await self.merged(turn.user_id) or cell.dropped:  # receipts move with their user
            self.outs.refuse(cell, turn, UNAVAILABLE)
        else:
            self.first(cell, turn)

    def duplicate(self, cell: Cell, turn: Turn, receipt: StoredReceipt) -> None:
        """Answers with the first reply, rendered afresh."""
        if receipt.digest != turn.digest:
            self.outs.refuse(cell, turn, CONFLICT)
            return
        seq = cell.committed_seqs.get(turn.user_id, 0)
        self.outs.reply(cell, turn, receipt.reply, cell.committed, seq, {}, duplicate=True)

    def first(self, cell: Cell, turn: Turn) -> None:
        """A command that was never answered: membership, validation, decision."""
        spec = turn.spec
        assert spec is not None
        if not (spec.anyone or spec.sessionless) and not cell.is_member(turn.user_id):
            self._after_last(cell, turn, NOT_FOUND)
            return
        try:
            data = turn.kind.validate(turn.name, turn.data)
        except Exception as error:  # our mistake, whatever it is: answered, never raised
            self.outs.broke(cell, turn, error)
            return
        if isinstance(data, Refusal):
            self._after_last(cell, turn, data)
            return
        command = Command(
            id=turn.id, name=turn.name, user_id=turn.user_id, data=data,
            session_id=turn.session_id, asker=turn.asker,
        )  # fmt: skip
        self.decide(cell, turn, command)

    # ---- any command

    def decide(self, cell: Cell, turn: Turn, command: Command) -> None:
        """One turn: from the state to the next state, and into the buffer."""
        try:
            now = onward(self._clock.now(), turn.kind.told_at(cell.state, command.user_id))
            decision = turn.kind.decide(cell.state, command, now, self._ids)
            entry = None
            if needs_entry(turn, decision):
                entry = Entry(cell, turn, decision, now, self.notifier)
        except Exception as error:  # our mistake, whatever it is: the state stays as it was
            self.outs.broke(cell, turn, error)
            return
        self.decided += 1
        cell.state = decision.state
        if decision.effects:
            self.reactions.cancelled(cell.key, decision.effects)
        if decision.names:
            cell.names = {**cell.names, **decision.names}
        if entry is None:
            if cell.last is None:
                cell.committed = decision.state
            self._after_last(cell, turn, decision.answer, decision)
            return
        cell.seqs.update(entry.seqs)
        cell.last = entry
        cell.pending += 1
        self._write_behind.append(entry)

    def _after_last(
        self, cell: Cell, turn: Turn, answer: Answer, decision: Decision[Any] | None = None
    ) -> None:
        """The output gate: an answer waits for the commit of the newest turn that it saw."""
        state = cell.state if decision is None else decision.state
        if cell.last is None:
            self._answer(cell, turn, answer, state, {} if decision is None else decision.fresh)
            return

        def released(committed: bool) -> None:
            if not committed:
                self.outs.refuse(cell, turn, UNAVAILABLE)
                return
            self._answer(cell, turn, answer, state, {} if decision is None else decision.fresh)

        cell.last.after.append(released)

    def _answer(
        self, cell: Cell, turn: Turn, answer: Answer, state: Any, fresh: Any, seq: int = -1
    ) -> None:
        """Everything that the answer depends on is durable now."""
        if seq < 0:
            seq = cell.committed_seqs.get(turn.user_id, 0)
        if isinstance(answer, Reply):
            self.outs.reply(cell, turn, answer.data, state, seq, fresh)
        elif isinstance(answer, Refusal):
            if turn.internal is None and not cell.is_member(turn.user_id):
                self.stranger(cell, turn, answer)
            else:
                self.outs.refuse(cell, turn, answer)
        elif isinstance(answer, Read):
            self._run_for(cell, turn, lambda: self.outs.read(cell, turn, answer, state, seq))
        elif isinstance(answer, Work):
            self._background.spawn(self._work(cell, turn, answer))
        elif turn.callers:
            self.outs.broke(cell, turn, TypeError("a client's command that is not answered"))
        else:
            self.outs.refuse(cell, turn, UNAVAILABLE)

    def stranger(self, cell: Cell | None, turn: Turn, refusal: Refusal) -> None:
        """Refuses who is no member, unless they were one and have been merged since."""

        async def refused() -> None:
            merged = await self.merged(turn.user_id)
            self.outs.refuse(cell, turn, UNAVAILABLE if merged else refusal)

        self._background.spawn(self.outs.run_for(cell, turn, refused))

    def _run_for(self, cell: Cell, turn: Turn, work: Callable[[], Awaitable[None]]) -> None:
        self._background.spawn(self.outs.run_for(cell, turn, work))

    # ---- work outside the turn

    async def _work(self, cell: Cell, turn: Turn, work: Work) -> None:
        """Runs it and decides again with the result; nothing was applied before."""
        command = Command(
            id=turn.id, name=turn.name, user_id=turn.user_id, data=turn.data,
            session_id=turn.session_id,
        )  # fmt: skip
        data = turn.kind.validate(turn.name, turn.data)
        assert not isinstance(data, Refusal), "it was valid when it was decided"
        command = msgspec.structs.replace(command, data=data)
        result: Any = UNAVAILABLE
        try:
            async with asyncio.timeout(WORK_SECONDS_MAX):
                result = await self.reactions.work(
                    turn.session_id or cell.key, turn.user_id, work, command
                )
        except (TimeoutError, StoreUnavailable, FacilitatorFailed) as error:
            _log.warning("work_failed", kind=work.kind, error=type(error).__name__)
        except Exception as error:  # a fault of the work is the caller's INTERNAL_ERROR
            self.outs.broke(cell, turn, error)
            return
        if isinstance(result, Refusal):
            self.outs.refuse(cell, turn, result)
        elif cell.dropped or turn.done or self._write_behind.full:
            self.outs.refuse(cell, turn, UNAVAILABLE)
        else:
            worked = Worked(command, work, result)
            internal = Command(
                id=turn.id, name="internal.worked", user_id=turn.user_id, data=worked,
                session_id=turn.session_id,
            )  # fmt: skip
            self.decide(cell, turn, internal)

    # ---- what became of the entries

    def committed(self, entries: Sequence[Entry]) -> None:
        """They are durable: their outs leave, in buffer order."""
        for entry in entries:
            try:
                self._release(entry)
            except Exception as error:  # one bad out must not stop those behind it
                self.outs.broke(entry.cell, entry.turn, error)
            for released in entry.after:
                released(True)

    def _release(self, entry: Entry) -> None:
        cell, turn, decision = entry.cell, entry.turn, entry.decision
        cell.pending -= 1
        cell.committed = decision.state
        cell.committed_seqs.update(entry.seqs)
        if cell.last is entry:
            cell.last = None
        if entry.receipted and turn.receipt_session:
            cell.hashes.setdefault(turn.user_id, bytearray()).extend(turn.hash)
        if decision.effects:  # again: what began since then has read from before the commit
            self.durable(cell.key, decision.effects)
            self.reactions.cancelled(cell.key, decision.effects)
        if turn.internal is None:
            seq = cell.committed_seqs.get(turn.user_id, 0)
            self._answer(cell, turn, decision.answer, decision.state, decision.fresh, seq)
        elif turn.on_done is not None:
            turn.on_done()
        for event in entry.awaited:
            self.notifier.wait(entry.session_id, event)
        for event in entry.events:
            self.outs.event(entry, event)
        if decision.effects:
            for follow in self.followed:
                follow(cell, decision.effects)
        if decision.done:
            self.settled(decision.done)
        for due in entry.dues:
            self.reactions.committed(due.session_id or entry.session_id, [due])

    def refused(self, entries: Sequence[Entry], refused: RowRefused) -> None:
        """One session's rows were refused; its cell comes back from Postgres. Whoever waits is told
        once it is known whether they were merged: then nothing is wrong with their rows."""
        cell = entries[0].cell
        later = self._taken_back(cell)

        async def fail() -> None:
            merged = await self._any_merged({*entries, *later})
            for entry in entries:
                self._fail(entry, UNAVAILABLE if merged else _why(entry, refused))
            self._drop(cell, later)

        self._background.spawn(fail())

    async def _any_merged(self, entries: Iterable[Entry]) -> bool:
        """Whether a client's command among them is of somebody else by now, or may be."""
        users = {entry.turn.user_id for entry in entries if entry.turn.internal is None}
        try:
            return any([await self.merged(user_id) for user_id in sorted(users)])
        except StoreUnavailable:
            return True

    def abandon(self, cell: Cell) -> None:
        """Forgets a cell with what it still has in the buffer: Postgres knows better."""
        self._drop(cell, self._taken_back(cell))

    def _taken_back(self, cell: Cell) -> Sequence[Entry]:
        """What a cell, that decides nothing any more, has in the buffer."""
        cell.last = None
        self._activation.forget(cell)
        return [later for later in self._write_behind.drop(cell.key) if isinstance(later, Entry)]

    def _drop(self, cell: Cell, later: Sequence[Entry]) -> None:
        for entry in later:
            self._fail(entry, UNAVAILABLE)
        self.drop(cell)

    def drop(self, cell: Cell) -> None:
        """Forgets a cell; whoever waits in it may send the same id again."""
        cell.last = None
        self._activation.forget(cell)
        for turn in list(cell.inflight.values()):
            self.outs.refuse(cell, turn, UNAVAILABLE)

    def _fail(self, entry: Entry, refusal: Refusal) -> None:
        entry.cell.pending -= 1
        self.outs.refuse(entry.cell, entry.turn, refusal)
        for released in entry.after:
            released(False)


def _why(entry: Entry, refused: RowRefused) -> Refusal:
    return CONFLICT if _is_conflict(entry, refused) else _fault(entry, refused)


def _is_conflict(entry: Entry, refused: RowRefused) -> bool:
    """Somebody else was quicker, and the command's row says that this may be."""
    spec = entry.turn.spec
    races = spec is not None and spec.races and refused.sqlstate in OVERTAKEN
    return entry.alone and (races or refused.sqlstate == UNIQUE_VIOLATION)


def _fault(entry: Entry, refused: RowRefused) -> Refusal:
    """A row that we made and Postgres did not take."""
    refusal, reference = internal_error()
    _log.error(
        "entry_failed", reference=reference, command=entry.turn.name, session_id=entry.session_id,
        sqlstate=refused.sqlstate, constraint=refused.constraint,
    )  # fmt: skip
    return refusal
