"""One lane of an exchange: read as that lane, one call, its words as they come, one command.

A lane is asked by a ``practice_exchange`` reminder that was committed with what it is to answer, so
a crash in between is answered after reactivation, once. Words and their cost travel together in one
internal command; nothing empty or half is ever stored. What a lane may read is the database's
affair (its role is the lane's name), and the table's (`practice.scripts`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from beheard_hub import telemetry
from beheard_hub.domain.kernel import Command, Due
from beheard_hub.domain.practice.internal import Failed, Internal, Replied, Revoked, Timer
from beheard_hub.domain.practice.protocol import LANES
from beheard_hub.domain.practice.vocabulary import (
    COACH,
    EXCHANGE,
    EXPIRY,
    FOLLOW,
    IDLE,
    MESSAGE,
    PARTNER,
    ROLE_USER,
    TAKEN_BACK,
    TIME_LIMIT,
)
from beheard_hub.facilitation import FacilitatorFailed
from beheard_hub.ports import Actor, Mailbox, StoreUnavailable
from beheard_hub.practice.scripts import Line, Script, script
from beheard_hub.reactions.streaming import speak, telling
from beheard_hub.reactions.tools import Tools

if TYPE_CHECKING:
    from beheard_hub.reactions.reactor import Reactor

AS_LANE: Mapping[str, Literal["partner", "coach"]] = {PARTNER: "partner", COACH: "coach"}
"""Lane → the role in which it reads."""
LINES_MAX = 400
"""Messages that are looked at; what a lane is given of them is bounded by its row."""

_log = telemetry.logger("reactions")


async def exchange(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> None:
    """Runs one ``practice_exchange`` reminder: its lane's words, or that there are none, go into
    the mailbox.

    Raises StoreUnavailable: the reminder stays and is tried again. Cancelling stores nothing.
    """
    assert due.user_id is not None, "an exchange is a participant's"
    name, data = "internal.practice_replied", await _outcome(tools, mailbox, session_id, due)
    if isinstance(data, Failed):
        name = "internal.practice_failed"
    mailbox.submit_internal(session_id, _command(name, session_id, due, data))


async def _outcome(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> Replied | Failed:
    try:
        async with asyncio.timeout(tools.answer_seconds_max):
            return await _spoken(tools, mailbox, session_id, due)
    except StoreUnavailable:
        raise
    except Exception as failure:  # whatever it is: the participant may ask again
        about = {"reminder_id": due.id, "session_id": session_id, "error": type(failure).__name__}
        if isinstance(failure, (FacilitatorFailed, TimeoutError)):
            _log.warning("practice_lane_failed", lane=due.payload["lane"], **about)
        else:
            _log.error("practice_lane_failed", lane=due.payload["lane"], **about)
        retryable = bool(getattr(failure, "retryable", True))
        return Failed(reminder_id=due.id, lane=due.payload["lane"], retryable=retryable)


async def _spoken(tools: Tools, mailbox: Mailbox, session_id: str, due: Due) -> Replied:
    assert tools.voice is not None, "a host that runs practices has a voice"
    assert tools.numbers is not None, "and numbers"
    asked, lane = str(due.payload["messageId"]), LANES[due.payload["lane"]]
    given = await _script(tools, session_id, due)
    number = tools.numbers.number(MESSAGE)
    told = telling(mailbox, session_id, due.user_id or "", asked, str(number), lane.name)
    with told as emit:
        spoken = await speak(
            tools.voice.speak(given), emit, tools.clock, tools.sleep,
            tools.first_word_seconds_max, tools.rhythm,
        )  # fmt: skip
    return Replied(
        reminder_id=due.id,
        lane=lane.name,
        content=spoken.text,
        model=spoken.model,
        input_tokens=spoken.usage.input + spoken.usage.cached,
        output_tokens=spoken.usage.output,
        message_id=number,
    )


async def _script(tools: Tools, session_id: str, due: Due) -> Script:
    """What the lane is given. Raises FacilitatorFailed where it has nothing to answer."""
    lane = LANES[due.payload["lane"]]
    actor = Actor(due.user_id or "", AS_LANE[lane.name], session_id)
    prompts = await tools.reads.read(actor, "practice.prompt", {})
    rows = await tools.reads.read(actor, "practice.transcript", {"limit": LINES_MAX})
    said = [Line(row["id"], row["role"], row["content"]) for row in reversed(rows)]
    if not prompts or not _waits(said, due):
        raise FacilitatorFailed("nothing to answer", retryable=False)
    return script(lane, prompts[0]["prompt"], prompts[0]["model"], said)


def _waits(said: Sequence[Line], due: Due) -> bool:
    """Whether the exchange is the newest one, and the lane has not spoken in it."""
    numbers = [line.number for line in said]
    asked = int(due.payload["messageId"])
    if asked not in numbers:
        return False
    later = {line.role for line in said[numbers.index(asked) + 1 :]}
    return not later & {ROLE_USER, due.payload["lane"]}


def _command(name: str, session_id: str, due: Due, data: Internal) -> Command:
    return Command(
        id=due.id, name=name, user_id=due.user_id or "", session_id=session_id, data=data
    )


async def _exchange(reactor: Reactor, session_id: str, due: Due) -> None:
    assert reactor.mailbox is not None
    await exchange(reactor.tools, reactor.mailbox, session_id, due)


async def _timer(reactor: Reactor, session_id: str, due: Due) -> None:
    data = Timer(reminder_id=due.id, kind=due.kind)
    reactor.submit(session_id, _command("internal.practice_timer", session_id, due, data))


async def _revoked(reactor: Reactor, session_id: str, due: Due) -> None:
    data = Revoked(reminder_id=due.id, at=due.at)
    reactor.submit(session_id, _command("internal.practice_revoked", session_id, due, data))


async def _follow(reactor: Reactor, session_id: str, due: Due) -> None:
    """The participant was merged: all are told, and then the session as it is stored. Whoever hears
    of it goes on as the user everywhere, so all practices that came along are named, not this one
    alone: what a host still took for the guest's would be nobody's for the user."""
    assert reactor.mailbox is not None
    guest_id = due.payload["guestId"]
    found = await reactor.tools.sessions.became(guest_id)
    user_id, sessions = (due.user_id or "", ()) if found is None else found
    reactor.mailbox.merged(guest_id, user_id, sorted({*sessions, session_id}))
    await _timer(reactor, session_id, due)


HANDLERS = {
    EXCHANGE: _exchange,
    EXPIRY: _timer,
    IDLE: _timer,
    TIME_LIMIT: _timer,
    TAKEN_BACK: _revoked,
    FOLLOW: _follow,
}
"""Kinds of reminders of practices → what runs them."""
