"""What must happen after a commit: reminders run here, and work outside the turn.

Every reminder runs at most once at a time. It is settled by the internal command that it causes;
until that is committed its row is unfired and a host will name it again, so a finished one is left
alone for a while, and a failing one waits longer every time. Nothing of this survives the host, and
nothing needs to: the rows do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from beheard_hub import telemetry
from beheard_hub.domain.kernel import Command, Due, Json, Work
from beheard_hub.domain.mediation.commands import CommonGroundFound, Renamed, Timer
from beheard_hub.domain.mediation.internal import BudgetReached as BudgetSpent
from beheard_hub.domain.mediation.vocabulary import (
    AI_EXTRACT,
    AI_TURN,
    DEVICE_GONE,
    DRAFT_CHECK,
    PUSH,
)
from beheard_hub.domain.practice.vocabulary import EXCHANGE
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.observability.metrics import REMINDER_LATE_SECONDS, REMINDERS_FAILED
from beheard_hub.ports import Mailbox, StoreUnavailable
from beheard_hub.reactions import drafts, extracting, leaving, practising, pushing, turns
from beheard_hub.reactions import work as works
from beheard_hub.reactions.budgets import BudgetReached
from beheard_hub.reactions.pushing import Pushes
from beheard_hub.reactions.recording import recording
from beheard_hub.reactions.tools import Tools

AT_ONCE_MAX = 64
"""Reminders of one lane that run side by side in one host."""
ANSWERS_AT_ONCE_MAX = 1_000
"""An answer mostly waits for its model, and holds its bundle and at most 10,000 characters: a host
may be the only one left of those that 1,000 people speak to."""
PUSHES_AT_ONCE_MAX = 16
REMEMBERED_MAX = 10 * ANSWERS_AT_ONCE_MAX
SETTLE_SECONDS = 10.0
"""How long a reminder that ran is given to be settled before it may run again."""
RETRY_SECONDS = (1.0, 2.0, 5.0, 15.0, 60.0)
"""After the first failure, the second, ..."""
BUDGET_RETRY_SECONDS_MAX = 600.0
"""What waits for tomorrow's budget looks whether somebody has raised today's."""

Handler = Callable[["Reactor", str, Due], Awaitable[float | None]]
"""Runs one reminder; in how many seconds it may run again at the earliest, None for the usual."""

_log = telemetry.logger("reactions")


class Reactor:
    """Implements `ports.Reactions` for one host; `bind` gives it the host's mailbox."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.mailbox: Mailbox | None = None
        self._running: dict[str, asyncio.Task[None]] = {}
        self._threads: dict[str, tuple[str, str | None]] = {}
        """Running ``ai_turn`` reminder → whose thread it speaks in."""
        self._sharing: dict[asyncio.Task[works.Result], str] = {}
        """Work under way on what the two share → its session."""
        self._together: dict[tuple[str, ...], asyncio.Task[works.Result]] = {}
        """Work under way that several may wait for."""
        self._not_before: dict[str, float] = {}
        self._failures: dict[str, int] = {}
        self._lanes = {lane: asyncio.Semaphore(places) for lane, places in PLACES.items()}
        self.pushes = Pushes(tools)
        self.renaming = asyncio.Lock()
        """Held while names are read anew and handed on."""

    def bind(self, mailbox: Mailbox) -> None:
        """The host is there: reactions may answer."""
        self.mailbox = mailbox

    # ---- ports.Reactions

    def committed(self, session_id: str, dues: Sequence[Due]) -> None:
        """See the port."""
        for due in dues:
            if due.id not in self._running and self._may_start(due.id):
                task = asyncio.create_task(self._run(session_id, due))
                self._running[due.id] = task
                if due.kind == AI_TURN:
                    self._threads[due.id] = (session_id, due.user_id)

    def cancelled(self, session_id: str, effects: Sequence[str]) -> None:
        """See the port. Called twice for each effect, which does no harm: what begins between the
        two may have read what is taken back."""
        for effect in effects:
            word, _, about = effect.partition(":")
            if word in EFFECTS:
                EFFECTS[word](self, session_id, about)

    def _hush(self, session_id: str, user_id: str) -> None:
        for due_id, thread in list(self._threads.items()):
            if thread == (session_id, user_id):
                self._running[due_id].cancel()

    def _drop(self, session_id: str, due_id: str) -> None:
        if due_id in self._running:
            self._running[due_id].cancel()

    def _revoked(self, session_id: str, content_id: str) -> None:
        self.tools.revocations.revoked(session_id)
        for task, of in list(self._sharing.items()):
            if of == session_id:
                task.cancel()

    def _merged(self, session_id: str, about: str) -> None:
        guest_id, user_id, sessions = about.split(":")
        assert self.mailbox is not None, "bind() comes before the first work"
        self.mailbox.merged(guest_id, user_id, [one for one in sessions.split(",") if one])

    async def work(
        self, session_id: str, user_id: str, work: Work, command: Command
    ) -> Mapping[str, Json] | Refusal:
        """See the port."""
        doing = self._done
        if work.kind in works.SHARED:
            doing = self._standing
        elif work.kind in works.ONCE:
            doing = self._once
        try:
            if works.calls_a_model(work):
                await self.tools.budgets.check(user_id)
            return await doing(session_id, user_id, work)
        except works.Gone:
            return Refusal(Code.NOT_FOUND)
        except BudgetReached as reached:
            return self._spent(session_id, user_id, reached)

    def _spent(self, session_id: str, user_id: str, reached: BudgetReached) -> Refusal:
        """Tells the user's devices until when, and whoever asked."""
        data = BudgetSpent(reminder_id=None, resets_at=reached.resets_at)
        command = Command(
            id=self.tools.ids.ordered(), name="internal.ai_budget", user_id=user_id,
            session_id=session_id, data=data,
        )  # fmt: skip
        self.submit(session_id, command)
        left = reached.resets_at - self.tools.clock.now()
        return Refusal(
            Code.RATE_LIMITED,
            message="The facilitator's budget for today is used up.",
            retry_after_ms=max(1, round(left.total_seconds() * 1000)),
        )

    async def _done(self, session_id: str, user_id: str, work: Work) -> works.Result:
        assert self.mailbox is not None, "bind() comes before the first work"
        with recording(self.tools, self.mailbox, session_id, user_id) as (tools, _):
            return await works.run(tools, session_id, user_id, work)

    async def _standing(self, session_id: str, user_id: str, work: Work) -> works.Result:
        """Begins anew whenever something is taken back that it may have seen."""
        while True:
            before = self.tools.revocations.newest(session_id)
            task = asyncio.create_task(self._done(session_id, user_id, work))
            self._sharing[task] = session_id
            try:
                await asyncio.wait({task})
            finally:
                del self._sharing[task]
                task.cancel()
            if not task.cancelled() or self.tools.revocations.newest(session_id) == before:
                return task.result()

    async def _once(self, session_id: str, user_id: str, work: Work) -> works.Result:
        """One run for all who wait for the same; whoever leaves does not stop it."""
        key = (session_id, user_id, work.kind, repr(sorted(work.args.items())))
        task = self._together.get(key)
        if task is None:
            task = asyncio.create_task(self._done(session_id, user_id, work))
            self._together[key] = task
            task.add_done_callback(lambda done: self._together_done(key, done))
        return await asyncio.shield(task)

    def _together_done(self, key: tuple[str, ...], task: asyncio.Task[works.Result]) -> None:
        del self._together[key]
        if not task.cancelled():
            task.exception()  # looked at, also where nobody waits any more

    async def stop(self) -> None:
        """Cancels everything under way; the rows bring it back elsewhere."""
        running = [*self._running.values(), *self._together.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # ---- one reminder

    def _may_start(self, due_id: str) -> bool:
        now = self.tools.clock.mono()
        if len(self._not_before) > REMEMBERED_MAX:
            self._not_before = {id_: at for id_, at in self._not_before.items() if at > now}
            self._failures = {
                id_: tries for id_, tries in self._failures.items() if id_ in self._not_before
            }
        return self._not_before.get(due_id, 0.0) <= now

    async def _run(self, session_id: str, due: Due) -> None:
        wait = SETTLE_SECONDS
        try:
            async with self._lanes[LANES.get(due.kind, "rest")]:
                self._note_late(due)
                later = await HANDLERS[due.kind](self, session_id, due)
            wait = SETTLE_SECONDS if later is None else later
            self._failures.pop(due.id, None)
        except StoreUnavailable:
            wait = RETRY_SECONDS[0]
            REMINDERS_FAILED.labels(due.kind).inc()
        except BudgetReached as reached:
            left = (reached.resets_at - self.tools.clock.now()).total_seconds()
            wait = min(max(left, RETRY_SECONDS[0]), BUDGET_RETRY_SECONDS_MAX)
        except Exception as failure:
            tries = self._failures[due.id] = self._failures.get(due.id, 0) + 1
            wait = RETRY_SECONDS[min(tries, len(RETRY_SECONDS)) - 1]
            REMINDERS_FAILED.labels(due.kind).inc()
            _log.error(
                "reminder_failed", kind=due.kind, reminder_id=due.id, session_id=session_id,
                error=type(failure).__name__, attempt=tries,
            )  # fmt: skip
        finally:
            self._not_before[due.id] = self.tools.clock.mono() + wait
            self._running.pop(due.id, None)
            self._threads.pop(due.id, None)

    def _note_late(self, due: Due) -> None:
        """How late it starts; a second try is not late, it waits."""
        if due.id not in self._not_before:
            late = (self.tools.clock.now() - due.at).total_seconds()
            REMINDER_LATE_SECONDS.observe(max(0.0, late))

    def submit(self, session_id: str, command: Command) -> None:
        """Puts an internal command into the session's mailbox."""
        assert self.mailbox is not None, "bind() comes before the first reminder"
        self.mailbox.submit_internal(session_id, command)


async def _ai_turn(reactor: Reactor, session_id: str, due: Due) -> None:
    assert reactor.mailbox is not None
    await turns.answer(reactor.tools, reactor.mailbox, session_id, due)


async def _ai_extract(reactor: Reactor, session_id: str, due: Due) -> None:
    assert reactor.mailbox is not None
    await extracting.extract(reactor.tools, reactor.mailbox, session_id, due)


async def _draft_check(reactor: Reactor, session_id: str, due: Due) -> None:
    assert reactor.mailbox is not None
    await drafts.look(reactor.tools, reactor.mailbox, session_id, due)


async def _common_ground(reactor: Reactor, session_id: str, due: Due) -> None:
    member = due.payload.get("userId") or await works.any_member(reactor.tools, session_id)
    assert reactor.mailbox is not None
    await reactor.tools.budgets.check(member)
    with recording(reactor.tools, reactor.mailbox, session_id, member) as (tools, _):
        ids, items = await works.common_ground(tools, session_id, member)
    data = CommonGroundFound(
        reminder_id=due.id, content_ids=tuple(ids), items=tuple(map(dict, items))
    )
    reactor.submit(session_id, _internal("internal.common_ground", session_id, due, data))


async def _timer(reactor: Reactor, session_id: str, due: Due) -> None:
    agreement = due.payload.get("agreementId")
    data = Timer(reminder_id=due.id, kind=due.kind, agreement_id=agreement)
    reactor.submit(session_id, _internal("internal.timer", session_id, due, data))


async def _renamed(reactor: Reactor, session_id: str, due: Due) -> None:
    """One after the other, so that of two new names the later one stays."""
    async with reactor.renaming:
        [loaded] = await reactor.tools.sessions.load([(session_id, ())])
        if loaded is None:
            return
        names = {user: name for user, name in loaded.names.items() if user}
        members = loaded.facts.get("members") or ()
        presence = {one["userId"]: one.get("presenceShown", True) for one in members}
        data = Renamed(reminder_id=due.id, names=names, presence=presence)
        reactor.submit(session_id, _internal("internal.renamed", session_id, due, data))


async def _push(reactor: Reactor, session_id: str, due: Due) -> float | None:
    assert reactor.mailbox is not None
    return await reactor.pushes.push(reactor.mailbox, session_id, due)


async def _device_gone(reactor: Reactor, session_id: str, due: Due) -> None:
    assert reactor.mailbox is not None
    await pushing.forget_token(reactor.tools, reactor.mailbox, due)


def _internal(name: str, session_id: str, due: Due, data: object) -> Command:
    return Command(
        id=due.id, name=name, user_id=due.user_id or "", session_id=session_id, data=data
    )


EFFECTS: Mapping[str, Callable[[Reactor, str, str], None]] = {
    "cancel": Reactor._hush,
    "drop": Reactor._drop,
    "revoked": Reactor._revoked,
    "merged": Reactor._merged,
}
"""Words of `Decision.effects` that concern work under way → what they do here."""

HANDLERS: Mapping[str, Handler] = {
    AI_TURN: _ai_turn,
    AI_EXTRACT: _ai_extract,
    DRAFT_CHECK: _draft_check,
    "common_ground": _common_ground,
    "invitation_expiry": _timer,
    "pause_limit": _timer,
    "inactivity": _timer,
    "follow_up": _timer,
    **leaving.HANDLERS,
    **practising.HANDLERS,
    "renamed": _renamed,
    PUSH: _push,
    DEVICE_GONE: _device_gone,
}
"""Kinds of reminders (docs/architecture.md) → what runs them."""

PLACES: Mapping[str, int] = {
    "answers": ANSWERS_AT_ONCE_MAX,
    "models": AT_ONCE_MAX,
    "pushes": PUSHES_AT_ONCE_MAX,
    "rest": AT_ONCE_MAX,
}
"""Lane → how many run in it side by side. What is outside may stall, and whoever waits for it must
keep no timer waiting."""
LANES: Mapping[str, str] = {
    AI_TURN: "answers",
    EXCHANGE: "answers",
    AI_EXTRACT: "models",
    DRAFT_CHECK: "models",
    "common_ground": "models",
    PUSH: "pushes",
}
"""Kind → its lane; every other one asks the database at most, and is in the rest."""
