"""Devices of people: they send, repeat what was not answered under the same id, and write down
everything (`tests.histories`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from beheard_hub.gateway import frames
from beheard_hub.gateway.connection_protocol import Submit
from beheard_hub.gateway.router import Router
from tests.histories.log import Answered, Entry, Listened, Sent, Shown, Told
from tests.simulation.loop import Process

ANSWER_SECONDS_MAX = 10.0
IN_FLIGHT_MAX = 5
RETRY_SECONDS = 0.3

Step = tuple[float, str, Mapping[str, Any]]
"""Seconds after the last one, command, data; ``{id}`` in a text stands for the command's id."""


class Gateway:
    """A router in a process of its own, and the connections that it has."""

    def __init__(self, process: Process, router: Router, pace: float) -> None:
        self.pace = pace
        self.process = process
        self.router = router
        self.ears: list[Ear] = []

    @property
    def open(self) -> bool:
        """Whether it takes connections."""
        return self.process.state == "running" and self.router.ready


class Ear:
    """The gateway's end of a connection: implements the router's `Sink`."""

    crowded = False

    def __init__(
        self, name: str, gateway: Gateway, heard: Callable[[Any], None], dice: Random
    ) -> None:
        self.name = name
        self.closed = False
        self.gateway = gateway
        self._heard = heard
        self._dice = dice
        self._last = {"in": 0.0, "out": 0.0}
        gateway.ears.append(self)

    def deliver(self, frame: frames.Outgoing) -> None:
        """To the device, in order."""
        self._later("out", lambda: None if self.closed else self._heard(frame), None)

    def answered(self) -> None:
        """Rates are not simulated."""

    def say(self, work: Callable[[], None]) -> None:
        """From the device to the gateway, in order."""
        self._later("in", lambda: None if self.closed else work(), self.gateway.process)

    def hang_up(self) -> None:
        """The connection is gone, with what was under way on it; the gateway learns it."""
        if not self.closed:
            self.closed = True
            self.gateway.ears.remove(self)
            self._later("in", lambda: self.gateway.router.gone(self), self.gateway.process)

    def _later(self, way: str, work: Callable[[], None], process: Process | None) -> None:
        loop = asyncio.get_running_loop()
        at = max(self._last[way], loop.time() + self._dice.expovariate(1 / self.gateway.pace))
        self._last[way] = at
        loop.call_at(at, work, context=process.context if process is not None else OUTSIDE.context)


OUTSIDE = Process("outside")
"""People and operators: never frozen, never killed."""


class Device:
    """One device of one user. With `steps` it sends; it always listens."""

    def __init__(
        self, name: str, user_id: str, session_id: str, log: list[Entry], dice: Random,
        gateways: list[Gateway],
    ) -> None:  # fmt: skip
        self.name = name
        self.user_id = user_id
        self.session_id = session_id
        self.last: int | None = None
        """Newest seq that it heard."""
        self.unanswered: dict[str, tuple[Submit, float]] = {}
        self.answers: dict[str, Answered] = {}
        self.log = log
        self._dice = dice
        self._gateways = gateways
        self._ear: Ear | None = None
        self._connections = 0
        self._changed = asyncio.Event()
        self._sent = 0

    @property
    def client(self) -> str:
        """The connection that it has now, or had last."""
        return f"{self.name}/{self._connections}"

    # ---- the connection

    async def online(self) -> Ear:
        """Connects where it is not, subscribes and repeats what was not answered."""
        while self._ear is None or self._ear.closed:
            choice = [gateway for gateway in self._gateways if gateway.open]
            if not choice:
                await asyncio.sleep(0.2)
                continue
            self._connections += 1
            luck = Random(self._dice.random())
            self._ear = Ear(self.client, self._dice.choice(choice), self._heard, luck)
            if self.session_id:
                self._subscribe()
            for submit, _ in list(self.unanswered.values()):
                self._say(submit)
        return self._ear

    def hang_up(self) -> None:
        """The network of this device failed."""
        if self._ear is not None:
            self._ear.hang_up()

    def _subscribe(self) -> None:
        ear = self._ear
        if ear is None or ear.closed:
            return
        router, session, after = ear.gateway.router, self.session_id, self.last
        self._write(Listened(self._now(), self.client, self.user_id, session, after))
        ear.say(lambda: router.subscriptions.add(ear, self.user_id, session, after))

    # ---- commands

    async def play(self, steps: list[Step]) -> None:
        """Sends all of them and waits for the answers."""
        for pause, name, data in steps:
            await asyncio.sleep(pause)
            await self._room(IN_FLIGHT_MAX)
            await self.send(name, data)
        await self._room(1)

    async def ask(self, name: str, data: Mapping[str, Any], session_id: str = "") -> Answered:
        """One command and its last answer."""
        command_id = await self.send(name, data, session_id)
        while command_id not in self.answers:
            await self._room(1)
        return self.answers[command_id]

    async def send(self, name: str, data: Mapping[str, Any], session_id: str | None = None) -> str:
        """One command, under an id that occurs in its texts; returns the id."""
        await self.online()
        self._sent += 1
        command_id = f"{self.name}-c{self._sent}"
        filled = {
            key: value.replace("{id}", command_id) if isinstance(value, str) else value
            for key, value in data.items()
        }
        session = self.session_id if session_id is None else session_id
        submit = Submit(command_id, session, name, filled)
        self.unanswered[command_id] = (submit, 0.0)
        self._say(submit)
        return command_id

    def _say(self, submit: Submit) -> None:
        ear = self._ear
        assert ear is not None, "said on a connection"
        self.unanswered[submit.id] = (submit, self._now())
        self._write(
            Sent(self._now(), self.client, self.user_id, submit.session_id, submit.id, submit.name)
        )
        ear.say(lambda: ear.gateway.router.submit(ear, self.user_id, submit))

    async def _room(self, below: int) -> None:
        """Until fewer than that many are unanswered; whoever waits too long connects anew."""
        while len(self.unanswered) >= below:
            self._changed.clear()
            oldest = min(at for _, at in self.unanswered.values())
            if self._now() - oldest > ANSWER_SECONDS_MAX:
                self.hang_up()
            await self.online()
            try:
                async with asyncio.timeout(1.0):
                    await self._changed.wait()
            except TimeoutError:
                continue

    # ---- what comes back

    def _heard(self, frame: frames.Outgoing) -> None:
        match frame:
            case frames.Ack():
                self._answered(frame.id, "", frame.seq, frame.duplicate, frame.data)
            case frames.Error(id=None, retryable=True, details={"sessionId": _}):
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._subscribe)
            case frames.Error(id=str() as command_id):
                self._refused(command_id, frame)
            case frames.Event():
                self.last = frame.seq
                self._write(
                    Told(self._now(), self.client, self.user_id, frame.session_id, frame.seq,
                         frame.name, frame.data)
                )  # fmt: skip
            case frames.Snapshot():
                self.last = frame.seq
                self._write(
                    Shown(self._now(), self.client, self.user_id, frame.session_id, frame.seq,
                          frame.state)
                )  # fmt: skip
        self._changed.set()

    def _refused(self, command_id: str, error: frames.Error) -> None:
        if not error.retryable:
            self._answered(command_id, error.code, 0, False, None)
            return
        if (waiting := self.unanswered.get(command_id)) is not None:
            self._record(command_id, waiting[0].session_id, error.code, 0, False, None)
            loop = asyncio.get_running_loop()
            loop.call_later(RETRY_SECONDS, self._again, command_id, self._connections)

    def _again(self, command_id: str, connection: int) -> None:
        waiting = self.unanswered.get(command_id)
        connected = self._ear is not None and not self._ear.closed
        if waiting is not None and connected and connection == self._connections:
            self._say(waiting[0])

    def _answered(self, command_id: str, code: str, seq: int, duplicate: bool, data: Any) -> None:
        submit, _ = self.unanswered.pop(command_id, (None, 0.0))
        session_id = submit.session_id if submit is not None else self.session_id
        answer = self._record(command_id, session_id, code, seq, duplicate, data)
        self.answers.setdefault(command_id, answer)

    def _record(
        self, command_id: str, session_id: str, code: str, seq: int, duplicate: bool, data: Any
    ) -> Answered:
        answer = Answered(
            self._now(), self.client, self.user_id, session_id, command_id, code, seq, duplicate,
            data,
        )  # fmt: skip
        self._write(answer)
        return answer

    def _write(self, entry: Entry) -> None:
        self.log.append(entry)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
