"""Plays a journey with two real clients against a running hub."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from beheard_hub.client import Hub, HubError
from beheard_hub.client.socket import TokenSource
from beheard_hub.demo.acts import take
from beheard_hub.demo.phone import Phone, Unplayable
from beheard_hub.demo.record import PlayResult, Unwatched, Watcher
from beheard_hub.journeys import SIDES, Journey, Side, Step

__all__ = ["PlayResult", "Unplayable", "play"]


async def play(
    journey: Journey,
    url: str,
    token_a: TokenSource,
    token_b: TokenSource,
    pace: float = 0.0,
    watcher: Watcher | None = None,
    result: PlayResult | None = None,
) -> PlayResult:
    """Plays a journey from invitation to its end, through lost connections and restarts.

    Args:
        journey: from :func:`beheard_hub.journeys.load`.
        url: address of the websocket, ``ws://host:port/v1/ws``.
        token_a: token of the one who invites, or a function that returns one.
        token_b: token of the other.
        pace: seconds to wait before each step; 0 for tests.
        watcher: looks on, e.g. `screen.Screen`.
        result: filled while it is played, for who wants it where a step cannot be taken.

    Raises:
        Unplayable: a step could not be taken; names its number, the person and the command.

    Cancelling: closes both connections; the session stays as it is.
    """
    on = watcher or Unwatched()
    result = result or PlayResult()
    names: Mapping[Side, str] = {"a": journey.a.name, "b": journey.b.name}
    on.began(names, journey.title)
    async with AsyncExitStack() as stack:
        phones: dict[Side, Phone] = {}
        for side, token in zip(SIDES, (token_a, token_b), strict=True):
            hub = await stack.enter_async_context(
                Hub.connect(url, token, tap=result.received[side].append)
            )
            phones[side] = Phone(side, names[side], hub, result, on)
            stack.push_async_callback(phones[side].hang_up)
        await _meet(journey, phones)
        for number, step in enumerate(journey.steps, 1):
            await _take(number, step, phones, pace, on)
        await _finish(phones["a"], result)
    on.ended(result)
    return result


async def _meet(journey: Journey, phones: Mapping[Side, Phone]) -> None:
    """A opens the session and invites, B accepts."""
    a, b = phones["a"], phones["b"]
    opening = {"inviteName": b.name, "context": journey.a.context}
    try:
        made = await a.do("session.create", {k: v for k, v in opening.items() if v is not None})
        a.session_id = a.result.session_id = made["session"]["id"]
        a.listen()
        await b.do("invitation.accept", {"invitationId": made["invitationId"]})
        b.session_id = a.session_id
        b.listen()
    except HubError as refused:
        raise Unplayable(f"before step 1, inviting and accepting: {refused}") from refused
    await a.event("partner.joined", lambda event: event.name == "partner.joined")


async def _take(
    number: int, step: Step, phones: Mapping[Side, Phone], pace: float, on: Watcher
) -> None:
    for side in step.sides:
        if pace:
            await asyncio.sleep(pace)
        on.step(number, side, step)
        where = f"step {number} ({phones[side].name}, {step.do or 'message.send'})"
        try:
            await take(phones[side], step, phones)
        except (HubError, Unplayable) as problem:
            raise Unplayable(f"{where}: {problem}") from problem
        except (LookupError, TypeError) as unexpected:
            kind = type(unexpected).__name__
            raise Unplayable(f"{where}: the reply lacks {unexpected} ({kind})") from unexpected


async def _finish(phone: Phone, result: PlayResult) -> None:
    session = (await phone.do("session.get"))["session"]
    result.status = session["status"]
    result.outcome = session["outcome"]
    if result.status == "RESOLVED":
        await phone.event("session.resolved", lambda event: event.name == "session.resolved")
