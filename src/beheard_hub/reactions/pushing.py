"""Telling people who are not connected (spec 07): the ``push`` reminder of one notification.

The inbox has it already; what happens here may fail and come again. Every run looks at the row as
it is now and takes one step further: the user's own channel, then the device. What was done is
written with the reminder, in the session's next turn, so a host that dies in between does at most
one step twice: on the channel Ably drops it by its id, on the device it replaces itself.

Of several pushes of a session that would reach a user within a minute the newest is shown: one
that comes too early waits for the minute's end, and one that finds a newer one waiting gives way.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

import msgspec

from beheard_hub import telemetry
from beheard_hub.courier import CourierDown, CourierRefused, Device, DeviceGone, Note
from beheard_hub.domain.kernel import Command, Due
from beheard_hub.domain.mediation.internal import Delivered, TokenGone
from beheard_hub.domain.sharding import home_of
from beheard_hub.observability import metrics
from beheard_hub.ports import Actor, Mailbox
from beheard_hub.push.texts import text_of
from beheard_hub.reactions.tools import Tools

COLLAPSE = timedelta(seconds=60)
"""One push per session and user in this time."""
RETRY_AFTER_MIN = timedelta(seconds=5)
RETRY_AFTER_MAX = timedelta(minutes=15)
AGE_MAX = timedelta(hours=24)
"""What could not be sent by then is not news any more."""
REMEMBERED_MAX = 10_000

_log = telemetry.logger("reactions")


class Found(msgspec.Struct, frozen=True):
    """A notification and where it may go."""

    note: Note
    created_at: datetime
    read: bool
    via: str | None
    device: Device | None

    @property
    def published(self) -> bool:
        """Whether it stands on the user's channel."""
        return self.via in ("ably", "push")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a run."""

    outcome: str
    """Label of `metrics.PUSHES`."""
    via: str | None = None
    """The new "deliveredVia"; None leaves it."""
    retry_at: datetime | None = None
    """None: there is nothing more to do."""
    gone: Device | None = None


def retry_at(created_at: datetime, now: datetime) -> datetime:
    """After a failure: as long again as it has been waiting. Needs no count of the tries, so it
    goes on where it was on another host."""
    return now + min(max(now - created_at, RETRY_AFTER_MIN), RETRY_AFTER_MAX)


class Pushes:
    """The pushes of one host."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """(session, user) → whoever decides about their pushes now."""
        self._sent: OrderedDict[tuple[str, str], datetime] = OrderedDict()
        """When the last one went out: known before it is committed."""

    async def push(self, mailbox: Mailbox, session_id: str, due: Due) -> float | None:
        """Runs one ``push`` reminder; in how many seconds it may run again, None for the usual.
        Raises StoreUnavailable: it is tried again."""
        assert due.user_id is not None, "a push is one user's"
        key = (session_id, due.user_id)
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            found = await self._found(due)
            step = Step(outcome="missing")
            if found is not None:
                step = await self._step(mailbox, session_id, due, found)
                if step.via is not None:  # whoever left meanwhile has no inbox any more
                    found = await self._found(due)
        metrics.PUSHES.labels(step.outcome).inc()
        data = Delivered(
            reminder_id=due.id,
            notification_id=found.note.id if found is not None and step.via else None,
            via=step.via,
            retry_at=step.retry_at,
            token_digest=digest(step.gone.token) if step.gone else None,
        )
        command = Command(
            id=due.id, name="internal.delivered", user_id=due.user_id, session_id=session_id,
            data=data,
        )  # fmt: skip
        mailbox.submit_internal(session_id, command)
        if step.retry_at is None:
            return None
        return max(0.0, (step.retry_at - self._tools.clock.now()).total_seconds())

    async def _found(self, due: Due) -> Found | None:
        wanted = {"id": due.payload["notificationId"]}
        actor = Actor(due.user_id or "")
        rows = await self._tools.reads.read(actor, "push.notification", wanted)
        return _found(actor.id, rows[0]) if rows else None

    async def _step(self, mailbox: Mailbox, session_id: str, due: Due, found: Found) -> Step:
        now, note = self._tools.clock.now(), found.note
        if found.read:
            return Step(outcome="read")
        if session_id and mailbox.came_after(session_id, note.user_id, found.created_at):
            return Step(outcome="came_online", via="ws")
        if self._tools.courier is None:
            return Step(outcome="inbox", via="inbox")
        if now - found.created_at >= AGE_MAX:
            _log.warning("push_dropped", reminder_id=due.id, session_id=session_id)
            return Step(outcome="dropped", via=None if found.published else "inbox")
        via = found.via
        try:
            if not found.published:
                await self._tools.courier.publish(note)
                via = "ably"
            return await self._to_device(session_id, due, found, now)
        except CourierDown:
            later = retry_at(found.created_at, self._tools.clock.now())
            return Step(outcome="retried", via=via, retry_at=later)
        except CourierRefused as refused:
            _log.error("push_refused", reminder_id=due.id, session_id=session_id, code=refused.code)
            return Step(outcome="refused", via=via or "inbox")

    async def _to_device(self, session_id: str, due: Due, found: Found, now: datetime) -> Step:
        """The channel has it."""
        assert self._tools.courier is not None, "there is somebody to carry it"
        note, device = found.note, found.device
        if device is None:
            return Step(outcome="channel_only", via="ably")
        key = (session_id, note.user_id)
        last, newer = await self._others(key, due, now)
        if newer:
            return Step(outcome="collapsed", via="ably")
        if last is not None and now - last < COLLAPSE:
            return Step(outcome="waited", via="ably", retry_at=last + COLLAPSE)
        try:
            await self._tools.courier.push(note, text_of(note.type), device)
        except DeviceGone:
            return Step(outcome="device_gone", via="ably", gone=device)
        self._note_sent(key, now)
        return Step(outcome="pushed", via="push")

    async def _others(
        self, key: tuple[str, str], due: Due, now: datetime
    ) -> tuple[datetime | None, bool]:
        """When the session's last push went to the user, if lately; whether a newer one waits."""
        session_id, user_id = key
        args = {"since": now - COLLAPSE, "reminder_id": due.id}
        actor = Actor(user_id, session_id=session_id)
        [row] = await self._tools.reads.read(actor, "push.others", args)
        known = [at for at in (row["lastAt"], self._sent.get(key)) if at is not None]
        return max(known, default=None), row["newer"]

    def _note_sent(self, key: tuple[str, str], at: datetime) -> None:
        self._sent[key] = at
        self._sent.move_to_end(key)
        while len(self._sent) > REMEMBERED_MAX:
            self._sent.popitem(last=False)


async def forget_token(tools: Tools, mailbox: Mailbox, due: Due) -> None:
    """Runs one ``device_gone`` reminder: tells the user's directory, unless the user has registered
    another device since. Raises StoreUnavailable."""
    assert due.user_id is not None, "a token is one user's"
    [row] = await tools.reads.read(Actor(due.user_id), "push.token", {}) or [{"pushToken": None}]
    token = row["pushToken"]
    data = TokenGone(
        reminder_id=due.id, same=token is not None and digest(token) == due.payload["digest"]
    )
    command = Command(id=due.id, name="internal.token_gone", user_id=due.user_id, data=data)
    mailbox.submit_internal(home_of("", due.user_id), command)


def digest(token: str) -> str:
    """By which a device is known where its token must not stand."""
    return hashlib.sha256(token.encode()).hexdigest()


def _found(user_id: str, row: Mapping[str, Any]) -> Found:
    token = row["pushToken"]
    return Found(
        note=Note(row["id"], user_id, row["sessionId"], row["type"]),
        created_at=row["createdAt"],
        read=row["readAt"] is not None,
        via=row["deliveredVia"],
        device=Device(token, row["pushPlatform"]) if token else None,
    )
