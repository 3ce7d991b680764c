"""A practice played on a running hub: somebody is invited, rehearses and is coached, a researcher
watches, and the guest turns out to have an account.

What each of the three is shown is taken from what came to their own client. So the researcher's
column is the proof that watching is live, and complete.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections.abc import Sequence
from contextlib import AsyncExitStack
from importlib import resources
from typing import Protocol, TypeAlias
from uuid import uuid4

import msgspec

from beheard_hub.client import Event, EventStream, Hub, HubError, PracticeSession
from beheard_hub.client.practice_shapes import PracticeInvitation, Said
from beheard_hub.client.socket import TokenSource
from beheard_hub.demo.linking import Account, GuestPhone
from beheard_hub.demo.phone import Unplayable

ANSWER_SECONDS_MAX = 120.0
"""For partner and coach together."""
COMPLETE = "practice.exchange_complete"
FAILED = "practice.failed"
ENDED = "practice.ended"

Cell: TypeAlias = Sequence[tuple[str, str]]
"""What stands in one column: texts with the role of who says them."""


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the participant says, and what the researcher then notes."""

    say: str
    note: str | None = None


class Rehearsal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The script: everything but the answers."""

    scenario: str
    """By its slug."""
    preset: str
    participant: str
    partner: str
    researcher: str
    label: str
    links_after: int
    """After so many lines the participant signs in."""
    lines: Sequence[Line] = msgspec.field(name="line")


class Curtain(Protocol):
    """Shows the play; see `columns.Columns`. Nothing here may raise."""

    def began(self, title: str, introduction: Sequence[str], heads: Sequence[str]) -> None:
        """Who they are, and how they came together; `heads` are of the columns."""

    def exchange(self, cells: Sequence[Cell]) -> None:
        """One exchange is complete: what each has of it."""

    def linked(self, sentences: Sequence[str]) -> None:
        """The guest is somebody else from here on: what that came to."""

    def ended(self, text: str) -> None:
        """What came of it."""


def load() -> Rehearsal:
    """The one that comes with the hub."""
    text = resources.files(__package__).joinpath("rehearsal.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Rehearsal)


class Door(Protocol):
    """What a play needs beside websockets."""

    async def make_staff(self, user_id: str) -> None:
        """Gives that user the role, as an operator may."""

    async def claim(self, token: str) -> tuple[str, str]:
        """Opens the link of an invitation as somebody nobody knows: the id of the practice, and the
        bearer token of the guest that one is then."""

    def sign_in(self, subject: str) -> str:
        """The ID token that an identity provider gives to whom it calls so."""


async def rehearse(
    script: Rehearsal,
    url: str,
    researcher: TokenSource,
    participant: TokenSource,
    door: Door,
    curtain: Curtain,
    pace: float = 0.0,
) -> str:
    """Plays it from the invitation to the end, and returns the status that the practice then has.

    Args:
        script: from :func:`load`.
        url: address of the websocket, ``ws://host:port/v1/ws``.
        researcher: token of the one who invites and watches.
        participant: token of the one who practises, on a laptop; the phone comes as a guest.
        door: beside the websocket.
        curtain: shows it.
        pace: seconds to wait before each line; 0 for tests.

    Raises:
        Unplayable: the hub refused a step, or partner or coach had no words.

    Cancelling: closes all connections; the practice stays as it is.
    """
    try:
        async with AsyncExitStack() as stack:
            staff = await stack.enter_async_context(Hub.connect(url, researcher))
            await door.make_staff((await staff.profile.get()).user.id)
            laptop = await stack.enter_async_context(Hub.connect(url, participant))
            subject = f"{script.participant.lower()}-{uuid4().hex}"
            account = Account(script.participant, laptop, lambda: door.sign_in(subject))
            play = _Play(script, staff, account, curtain, pace)
            invitation = await play.invite()
            token = re.split(r"[/#=]", invitation.link or "")[-1]
            session_id, guest = await door.claim(token)
            phone = GuestPhone(url, guest)
            await stack.enter_async_context(phone.hub)
            return await play.run(phone, session_id, invitation.id)
    except (HubError, TimeoutError) as problem:
        raise Unplayable(f"practice: {problem or 'no answer in time'}") from problem


class _Play:
    def __init__(
        self, script: Rehearsal, researcher: Hub, account: Account, curtain: Curtain, pace: float
    ) -> None:
        self._script = script
        self._researcher = researcher
        self._account = account
        self._curtain = curtain
        self._pace = pace

    async def run(self, phone: GuestPhone, session_id: str, invitation_id: str) -> str:
        own, watched = phone.hub.practice(session_id), self._researcher.practice(session_id)
        async with own.events() as hers, watched.events(observe=True) as theirs:
            for stream in (hers, theirs):
                await anext(stream)
            for number, line in enumerate(self._script.lines):
                if number == self._script.links_after:
                    self._curtain.linked(await self._account.take_in(phone))
                await asyncio.sleep(self._pace)
                await self._exchange(line, own, invitation_id, (hers, theirs))
            ended = await own.complete()
            await asyncio.gather(_until(hers, ENDED), _until(theirs, ENDED))
        await self._settle(invitation_id)
        return ended.status

    async def invite(self) -> PracticeInvitation:
        script = self._script
        scenario = await self._researcher.practices.scenario(script.scenario)
        invitation = await self._researcher.practice_invitations.create(
            scenario.id, script.preset, label=script.label
        )
        heads = (
            f"{script.participant} and {script.partner} (AI)",
            f"{script.participant}'s coach (AI)",
            f"{script.researcher} watches",
        )
        introduction = (
            scenario.partner_persona,
            await self._account.begin(scenario.id),
            f"{script.researcher} invites by a link; {script.participant} opens it on a phone, "
            "is a guest of the hub there, and is told that the practice may be watched.",
        )
        self._curtain.began(f"Practice: {scenario.name}", introduction, heads)
        return invitation

    async def _exchange(
        self, line: Line, own: PracticeSession, invitation_id: str,
        streams: tuple[EventStream, EventStream],
    ) -> None:  # fmt: skip
        await own.send(line.say)
        async with asyncio.timeout(ANSWER_SECONDS_MAX):
            hers, theirs = await asyncio.gather(*(_until(one, COMPLETE) for one in streams))
        names = {"user": self._script.participant, "partner": self._script.partner,
                 "coach": "coach"}  # fmt: skip
        watched = [(one.role, f"{names[one.role]}: {one.content}") for one in theirs]
        if line.note is not None:
            note = await self._researcher.notes.add(invitation_id, line.note, session_id=own.id)
            watched.append(("note", f"note: {note.content}"))
        spoken = [(one.role, f"{names[one.role]}: {one.content}") for one in hers]
        self._curtain.exchange(
            (
                [cell for cell in spoken if cell[0] != "coach"],
                [(one.role, one.content) for one in hers if one.role == "coach"],
                watched,
            )
        )

    async def _settle(self, invitation_id: str) -> None:
        shown = await self._researcher.practice_invitations.get(invitation_id)
        used, total = shown.invitation.usage["totalTokens"], shown.invitation.quota["tokens"]
        self._curtain.ended(
            f"Ended by {self._script.participant}: {shown.sessions[0].total_messages} messages, "
            f"{used} of {total} tokens, {len(shown.notes)} notes."
        )


async def _until(stream: EventStream, name: str) -> list[Said]:
    """What is said up to that event. Raises Unplayable where a lane failed."""
    said: list[Said] = []
    async for frame in stream:
        if not isinstance(frame, Event):
            continue
        if frame.name == "practice.message":
            said.append(frame.read("message", Said))
        elif frame.name == FAILED:
            raise Unplayable(f"practice: the {frame.data['lane']} had no words")
        elif frame.name == name:
            return said
    raise Unplayable("practice: the stream of events ended")
