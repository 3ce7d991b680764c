"""Practices under load: staff invite and watch, guests come by a link, converse and grow up.

A `Seat` holds one practice after the other. Each has a guest with two devices on two gateways, the
researcher who invited and watches, and now and then one who did not, and is to see nothing. Some
guests prove an identity that a user of the hub has already, while the partner speaks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from tests.histories.practice_log import Asked, Entry, Replied

from beheard_hub.client import CommandTimeout, Event, EventStream, Hub, HubError, Refused, Snapshot
from beheard_hub.client.frames import Ack
from beheard_hub.testing.issuer import Issuer
from chaos.recorder import now
from chaos.stage_ear import StageEar

CONNECT_SECONDS_MAX = 60.0
SETTLE_SECONDS_MAX = 60.0
LOOK_AGAIN_SECONDS = 0.1
STRANGER_SECONDS_MAX = 5.0
DOUBLED, RETRIED, COMPLETED, PEEKED, SHORT = 0.2, 0.7, 0.5, 0.3, 0.2
"""Shares: messages sent by both devices at once; failures that are retried rather than left;
practices that their participant ends; those that a stranger tries to watch; those whose quota is
used up on the way."""
EXCHANGES_MIN, EXCHANGES_MAX = 2, 5
"""Of one practice."""
CLAIM = "practice_invitation.claim"
OVER = frozenset({"SESSION_NOT_ACTIVE", "QUOTA_EXHAUSTED"})
SLUG = "family-table"
SERVER_ERROR = 500
RESEARCHERS = 2


class Device:
    """One connection of somebody; a command is asked until it is answered for good."""

    def __init__(self, name: str, url: str, token: str, log: list[Entry]) -> None:
        self.ear = StageEar(name, log)
        self.hub = Hub.connect(url, token, connect_timeout=CONNECT_SECONDS_MAX, tap=self.ear.took)
        self.refused: Counter[str] = Counter()
        """By code."""

    async def ask(
        self, name: str, data: Mapping[str, Any], session_id: str = "", command_id: str = ""
    ) -> Ack | None:
        """The ack; None for a refusal. What was under way while somebody was merged may be asked
        again with the same id, so everything is."""
        command_id = command_id or uuid4().hex
        self.ear.asks(session_id, command_id, name)
        while True:
            try:
                return await self.hub.command(
                    name, data, session_id=session_id or None, id=command_id
                )
            except CommandTimeout:
                continue
            except Refused as refused:
                self.refused[refused.code] += 1
                if refused.code != "INTERNAL_ERROR":
                    return None
                await asyncio.sleep(LOOK_AGAIN_SECONDS)


class Stage:
    """What all seats share: where the hub is, who invites, and what is to be judged."""

    def __init__(self, urls: Sequence[str], issuer: Issuer | None) -> None:
        self.urls, self.issuer = urls, issuer
        self.log: list[Entry] = []
        self.researchers: list[Device] = []
        self.scenario_id = 0
        self.owners: dict[str, str] = {}
        self.merged: dict[str, str] = {}
        self.marks: dict[str, str] = {}
        self.allowed: dict[str, list[str]] = {}
        self.listening: list[tuple[str, str]] = []
        """As in `PracticeHistory`."""

    async def device(self, stack: AsyncExitStack, name: str, place: int, token: str) -> Device:
        """A connection to one of the gateways."""
        made = Device(name, self.urls[place % len(self.urls)], token, self.log)
        await stack.enter_async_context(made.hub)
        return made

    async def claimed(self, link: str, rng: Random) -> Mapping[str, Any]:
        """By REST and without a token, with the same key until it is answered."""
        key = uuid4().hex
        self.log.append(Asked("claims", "", key, CLAIM))
        while True:
            where = urlsplit(rng.choice(self.urls)).netloc
            try:
                async with httpx.AsyncClient(base_url=f"http://{where}/api/v1") as http:
                    answer = await http.post(
                        "/practice/invitations/claim", json={"token": link},
                        headers={"Idempotency-Key": key}, timeout=CONNECT_SECONDS_MAX,
                    )  # fmt: skip
                body = answer.json()
            except (httpx.HTTPError, ValueError):  # the gateway is dead just now
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
                continue
            if body["success"]:
                found: Mapping[str, Any] = body["data"]
                self.log.append(Replied("claims", "", key, CLAIM, "", None))
                return found
            if answer.status_code < SERVER_ERROR:
                self.log.append(Replied("claims", "", key, CLAIM, body["error"]["code"], None))
                raise AssertionError(f"a claim was refused with {body['error']['code']}")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)


@contextlib.asynccontextmanager
async def seated(
    urls: Sequence[str], token: Callable[[str], str], appoint: Callable[[str], Awaitable[None]],
    *, seats: int, issuer: Issuer | None, rng: Random,
) -> AsyncIterator[Sequence[Seat]]:  # fmt: skip
    """So many seats, before anybody sits there; without any, nobody comes.

    Args:
        appoint: makes the user with that id a researcher.
    """
    stage = Stage(urls, issuer)
    async with AsyncExitStack() as stack:
        for number in range(RESEARCHERS if seats else 0):
            name = f"researcher {number}"
            researcher = await stage.device(stack, name, number, token(name))
            await appoint(researcher.ear.user_id)
            stage.researchers.append(researcher)
            stage.scenario_id = (await researcher.hub.practices.scenario(SLUG)).id
        yield [
            Seat(stage, number, Random(rng.random()), await _known(stage, stack, number, token))
            for number in range(seats)
        ]


async def _known(
    stage: Stage, stack: AsyncExitStack, number: int, token: Callable[[str], str]
) -> Device | None:
    """Somebody with an identity and a practice of their own; nobody where no provider signs."""
    if stage.issuer is None:
        return None
    name = f"user {number}"
    made = await stage.device(stack, name, number, token(name))
    proof = proof_of(stage.issuer, made.ear.user_id)
    await made.ask("identity.link", proof)
    started = await made.hub.practices.start(stage.scenario_id)
    stage.owners[started.session.id] = made.ear.user_id
    return made


class Seat:
    """One guest after the other, each in a practice of their own."""

    def __init__(self, stage: Stage, number: int, rng: Random, survivor: Device | None) -> None:
        self.session_id = ""
        """The practice that goes on here."""
        self.acked_at: list[float] = []
        self.sent: Counter[str] = Counter()
        self.stage = stage
        self._number, self._rng = number, rng
        self._survivor = survivor
        """Who some of the guests prove to be."""
        self.practices = 0
        """How many were begun here."""
        self._said_seq = 0
        """Of the newest message of the guest."""
        self._staff = stage.researchers[number % len(stage.researchers)]
        self._stranger = stage.researchers[(number + 1) % len(stage.researchers)]

    async def play_on(self, over: Callable[[], bool], progressed: Callable[[], None]) -> None:
        """Practice after practice until it is over; the last one is left open."""
        while not over():
            await self.practise(over, progressed)

    async def practise(self, over: Callable[[], bool], progressed: Callable[[], None]) -> None:
        """One practice, until all have heard all of it. Raises TimeoutError."""
        async with AsyncExitStack() as stack:
            self.practices += 1
            phone, tablet = await self._guest(stack)
            session_id, heard = self.session_id, (phone, tablet, self._staff)
            self.stage.allowed[session_id] = [device.ear.device for device in heard]
            streams = [_Reading(one, session_id, observe=one is self._staff) for one in heard]
            for stream in streams:
                stack.push_async_callback(stream.stopped)
            for stream in streams[1:]:
                stream.go()
            await self._converse(phone, tablet, streams[0], over, progressed)
            if self._rng.random() < PEEKED:
                await _peek(self._stranger.hub, session_id)
            await self._all_heard(phone, heard)
            self.stage.owners[session_id] = phone.ear.user_id
            self.stage.listening += [(device.ear.device, session_id) for device in heard]

    async def _converse(
        self, phone: Device, tablet: Device, own: _Reading, over: Callable[[], bool],
        progressed: Callable[[], None],
    ) -> None:  # fmt: skip
        """Some exchanges, in one of which the guest may grow up, and perhaps an end."""
        grows_up = self._rng.randrange(EXCHANGES_MIN) if self.practices % 2 else -1
        for number in range(self._rng.randint(EXCHANGES_MIN, EXCHANGES_MAX)):
            if over() or not await self._said(phone, tablet):
                break
            progressed()
            if number == grows_up and self.stage.issuer is not None and self._survivor is not None:
                await self._grown_up(phone, tablet, self.stage.issuer, self._survivor)
            if not await self._answered(own, phone):
                break
        if not over() and self._rng.random() < COMPLETED:
            await self._ask(phone, "practice.complete", {})

    async def _guest(self, stack: AsyncExitStack) -> tuple[Device, Device]:
        """Invited, and come by the link, on two devices."""
        stage, preset = self.stage, "test" if self._rng.random() < SHORT else "large"
        asked = {"scenarioId": stage.scenario_id, "presetName": preset}
        made = None
        while made is None or made.data["invitation"]["link"] is None:  # its answer was lost
            made = await self._ask(self._staff, "practice_invitation.create", asked, session_id="")
        link = urlsplit(made.data["invitation"]["link"]).fragment.removeprefix("token=")
        claimed = await stage.claimed(link, self._rng)
        self.session_id = claimed["sessionId"]
        stage.owners[self.session_id] = claimed["user"]["id"]
        name = f"seat {self._number}.{self.practices}"
        phone = await stage.device(stack, f"{name} phone", self._number, claimed["token"])
        return phone, await stage.device(
            stack, f"{name} tablet", self._number + 1, claimed["token"]
        )

    async def _ask(
        self, device: Device, name: str, data: Mapping[str, Any], command_id: str = "",
        session_id: str | None = None,
    ) -> Ack | None:  # fmt: skip
        where = self.session_id if session_id is None else session_id
        ack = await device.ask(name, data, where, command_id)
        if ack is not None:
            self.sent[name] += 1
            self.acked_at.append(now())
        return ack

    async def _said(self, phone: Device, tablet: Device) -> bool:
        """The next message, now and then from both devices at once; False where it is over."""
        mark = uuid4().hex
        self.stage.marks[mark] = self.session_id
        data = {"content": f"{mark} You never asked me about it."}
        senders = [phone, tablet] if self._rng.random() < DOUBLED else [phone]
        acks = await asyncio.gather(
            *(self._ask(device, "practice.send", data, mark) for device in senders)
        )
        self._said_seq = max((ack.seq for ack in acks if ack is not None), default=0)
        return any(ack is not None for ack in acks)

    async def _answered(self, own: _Reading, phone: Device) -> bool:
        """Waits for the end of the exchange, and retries what failed or leaves it; False where
        the practice has ended."""
        async for name in own.names(self._said_seq):
            if name == "practice.ended":
                return False
            if name == "practice.exchange_complete":
                return True
            if name == "practice.failed":
                if self._rng.random() >= RETRIED:
                    return True
                await self._ask(phone, "practice.retry", {})
        return False

    async def _grown_up(
        self, phone: Device, tablet: Device, issuer: Issuer, survivor: Device
    ) -> None:
        """The guest proves to be somebody whom the hub knows; the connections go on for them."""
        guest, user = phone.ear.user_id, survivor.ear.user_id
        proof = proof_of(issuer, user)
        ack = await self._ask(phone, "identity.link", proof, session_id="")
        if ack is None or not ack.data["merged"]:
            return
        self.stage.merged[guest] = user
        async with asyncio.timeout(SETTLE_SECONDS_MAX):
            while {phone.ear.user_id, tablet.ear.user_id} != {user}:
                await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _all_heard(self, phone: Device, devices: Sequence[Device]) -> None:
        """Waits until every device has all there is of this practice. Raises TimeoutError."""
        try:
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                while True:
                    ack = await phone.ask("practice.get", {}, self.session_id)
                    heard = {device.ear.newest.get(self.session_id, 0) for device in devices}
                    if ack is not None and heard == {ack.seq}:
                        return
                    await asyncio.sleep(LOOK_AGAIN_SECONDS)
        except TimeoutError:
            said = {d.ear.device: d.ear.newest.get(self.session_id) for d in devices}
            raise TimeoutError(f"not all was heard of practice {self.session_id}: {said}") from None


class _Reading:
    """A stream that somebody reads; what comes the ear has already."""

    def __init__(self, device: Device, session_id: str, *, observe: bool = False) -> None:
        practice = device.hub.practice(session_id)
        self._stream: EventStream = practice.events(observe=observe)
        self._task: asyncio.Task[None] | None = None

    def go(self) -> None:
        """Reads by itself."""
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(HubError):
            async for _ in self._stream:
                pass

    async def names(self, after: int) -> AsyncIterator[str]:
        """Of the events that come. Whoever comes late is shown a state: then the name of the event
        that led to it, if it shows what came of the message with the seq `after`."""
        async for frame in self._stream:
            if isinstance(frame, Event):
                yield frame.name
            elif (
                isinstance(frame, Snapshot) and frame.seq >= after and (led := _led_to(frame.state))
            ):
                yield led

    async def stopped(self) -> None:
        """Ends it."""
        if self._task is not None:
            self._task.cancel()
        await self._stream.aclose()


def _led_to(state: Mapping[str, Any]) -> str | None:
    """The newest event that matters, from the state of a practice; None while it is answered."""
    exchange = state["exchange"]
    if state["session"]["status"] != "ACTIVE":
        return "practice.ended"
    if exchange is None:
        return "practice.exchange_complete"
    return "practice.failed" if exchange["failed"] else None


def proof_of(issuer: Issuer, user_id: str) -> Mapping[str, Any]:
    """That somebody signed in as a person whom Google would know by this name."""
    token = issuer.id_token("google", sub=user_id, email=f"{user_id}@home.test")
    return {"provider": "google", "idToken": token}


async def _peek(hub: Hub, session_id: str) -> None:
    """Somebody tries to watch what is not theirs; the ear has whatever they are shown."""
    stream = hub.practice(session_id).events(observe=True)
    with contextlib.suppress(HubError, TimeoutError):
        async with asyncio.timeout(STRANGER_SECONDS_MAX):
            await anext(stream)
    await stream.aclose()
