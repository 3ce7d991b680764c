"""A session host on a real Postgres with everything in sight: every batch that is flushed, every
call of a model, and doors that hold an answer of the database back until the test lets it go."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import asyncpg
import msgspec

from beheard_hub.actors.cell import Kinds
from beheard_hub.actors.host import Host, Ports
from beheard_hub.domain.kernel import Json, Read
from beheard_hub.domain.mediation.directory import DIRECTORY
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.domain.practice.directory import PracticeDirectoryKind
from beheard_hub.domain.practice.kind import PracticeKind
from beheard_hub.domain.practice.protocol import Policy
from beheard_hub.domain.refusals import Refusal
from beheard_hub.facilitation import Bundle, Delta, SharedNeed, Spoken
from beheard_hub.link_messages import (
    Acked,
    CommandTo,
    DeltaFrom,
    EventFrom,
    ReceivedTo,
    Refused,
    SnapshotFrom,
    SubscribeTo,
    ToGateway,
    UnsubscribeTo,
)
from beheard_hub.persistence import mediation_views, practice_views
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.flush_store import PostgresFlushStore
from beheard_hub.persistence.numbers import BlockNumbers, reserve_in
from beheard_hub.persistence.renderer import PostgresRenderer
from beheard_hub.persistence.stores import (
    PostgresAccounts,
    PostgresLeaseStore,
    PostgresReadStore,
    PostgresSessionStore,
)
from beheard_hub.persistence.summaries import StoredSummaries
from beheard_hub.ports import Actor, Clock, Lease, Renderer, StateView
from beheard_hub.reactions.reactor import Reactor
from beheard_hub.reactions.tools import Tools
from beheard_hub.runtime import SystemClock, SystemIds
from tests.conftest import TestDatabase
from tests.unit.reactions.fakes import FakeEmbedder, ScriptedFacilitator

CANARY = "canary-7f3a"
SECONDS_MAX = 60
_numbers = itertools.count(1)


class Door:
    """Lets everything through until it is shut."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._reached = asyncio.Event()

    def shut(self) -> None:
        self._open.clear()
        self._reached.clear()

    def open(self) -> None:
        self._open.set()

    async def through(self) -> None:
        if not self._open.is_set():
            self._reached.set()
            await self._open.wait()

    async def reached(self) -> None:
        """Until somebody stands before it."""
        async with asyncio.timeout(SECONDS_MAX):
            await self._reached.wait()


class HeldReads:
    """Implements `ports.ReadStore`; answers of one query wait before the door."""

    def __init__(self, inner: PostgresReadStore) -> None:
        self._inner = inner
        self.door = Door()
        self.query = ""

    async def read(
        self, actor: Actor, query: str, args: Mapping[str, Json]
    ) -> Sequence[Mapping[str, Any]]:
        rows = await self._inner.read(actor, query, args)
        if query == self.query:
            await self.door.through()
        return rows


class HeldRenderer:
    """Implements `ports.Renderer`; what was read for one user waits before the door."""

    def __init__(self, inner: Renderer) -> None:
        self._inner = inner
        self.door = Door()
        self.user_id = ""

    async def render(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, data: Json
    ) -> Json:
        shown = await self._inner.render(kind, view, user_id, session_id, data)
        if user_id == self.user_id:
            await self.door.through()
        return shown

    async def read(
        self, kind: str, view: StateView | None, user_id: str, session_id: str, read: Read
    ) -> Mapping[str, Json] | Refusal:
        shown = await self._inner.read(kind, view, user_id, session_id, read)
        if user_id == self.user_id:
            await self.door.through()
        return shown


class SeenFlushes:
    """Implements `ports.FlushStore`: keeps every batch."""

    def __init__(self, inner: PostgresFlushStore) -> None:
        self.inner = inner
        self.batches: list[Any] = []

    async def flush(self, lease: Lease, number: int, batch: bytes) -> None:
        await self.inner.flush(lease, number, batch)
        self.batches.append(msgspec.json.decode(batch))


class RecordingFacilitator(ScriptedFacilitator):
    """Keeps the time of every call beside what it was given, as an order of things."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, str]] = []
        """(kind of call, all that it was given)"""
        self.speaking = Door()
        """Before the first word of a reply."""
        self.stopped = 0

    def reply(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        return self._say("reply", bundle)

    def open_stage(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        return self._say("opening", bundle)

    async def _say(self, kind: str, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        self.calls.append((kind, repr(bundle)))
        heard = "with it" if CANARY in repr(bundle) else "without it"
        try:
            await self.speaking.through()
            yield Spoken(text=f"I heard you, {heard}.", prompt_version="double/1")
        except (asyncio.CancelledError, GeneratorExit):
            self.stopped += 1
            raise

    async def common_ground(self, needs: Sequence[SharedNeed]) -> Any:
        self.calls.append(("common_ground", repr(needs)))
        return await super().common_ground(needs)

    def given(self, text: str, since: int = 0) -> list[str]:
        """Kinds of the calls from number `since` on that were given `text`."""
        return [kind for kind, given in self.calls[since:] if text in given]


class Phone:
    """A gateway's line with one person on it; every frame that comes is kept, in order."""

    def __init__(self, host: Host, user_id: str) -> None:
        self.gateway_id = f"gateway-{next(_numbers)}"
        self.host = host
        self.user_id = user_id
        self.received: list[ToGateway] = []
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._watches: list[tuple[Any, asyncio.Future[None]]] = []
        self._rids = itertools.count(1)
        host.attached(self)

    def send(self, message: ToGateway) -> None:
        self.received.append(message)
        future = self._answers.pop(getattr(message, "rid", None) or 0, None)
        if future is not None and not future.done():
            future.set_result(message)
        for wanted, waiting in self._watches:
            if not waiting.done() and wanted(message):
                waiting.set_result(None)
        if isinstance(message, EventFrom):
            confirmation = ReceivedTo(message.subs[0], message.seq)
            asyncio.get_running_loop().call_soon(self.host.received, self, confirmation)

    def begin(self, name: str, session_id: str, /, **data: Any) -> asyncio.Future[Any]:
        """Sends a command; the future has its answer."""
        rid = next(self._rids)
        self._answers[rid] = asyncio.get_running_loop().create_future()
        answer = asyncio.ensure_future(asyncio.wait_for(self._answers[rid], SECONDS_MAX))
        message = CommandTo(rid, self.user_id, f"{self.gateway_id}-{rid}", name, data, session_id)
        self.host.received(self, message)
        return answer

    async def try_(self, name: str, session_id: str = "", /, **data: Any) -> Acked | Refused:
        answer: Acked | Refused = await self.begin(name, session_id, **data)
        return answer

    async def do(self, name: str, session_id: str = "", /, **data: Any) -> Mapping[str, Any]:
        answer = await self.try_(name, session_id, **data)
        assert isinstance(answer, Acked), (name, answer)
        return answer.data

    def listen(self, session_id: str, after: int | None = None) -> int:
        """Subscribes; `after` 0 replays the whole log, None takes a snapshot."""
        sub = next(self._rids)
        self.host.received(self, SubscribeTo(sub, self.user_id, session_id, after))
        return sub

    def watch(self, session_id: str, after: int | None = None) -> int:
        """Subscribes as an observer."""
        sub = next(self._rids)
        self.host.received(self, SubscribeTo(sub, self.user_id, session_id, after, observer=True))
        return sub

    def deafen(self, sub: int) -> None:
        self.host.received(self, UnsubscribeTo(sub))

    async def hears(self, wanted: Any, since: int = 0) -> None:
        """Until such a frame is there, from frame number `since` on."""
        if any(wanted(message) for message in self.received[since:]):
            return
        waiting = asyncio.get_running_loop().create_future()
        self._watches.append((wanted, waiting))
        async with asyncio.timeout(SECONDS_MAX):
            await waiting

    def texts(self, since: int = 0) -> str:
        """Everything received, from frame number `since` on, as text."""
        return "\n".join(repr(message) for message in self.received[since:])

    def events(self) -> list[EventFrom]:
        return [message for message in self.received if isinstance(message, EventFrom)]


class House:
    """One host, its reactions, and what they touch."""

    def __init__(
        self, database: TestDatabase, db: Database, clock: Clock | None = None, **tools: Any
    ) -> None:
        """`tools`: more of them than reactions have to have."""
        accounts, sessions = PostgresAccounts(db), PostgresSessionStore(db)
        ids, embedder = SystemIds(), FakeEmbedder()
        clock = clock or SystemClock()
        reads = PostgresReadStore(db)
        mediation = mediation_views.rendered_kinds(StoredSummaries(sessions, MEDIATION))
        kinds = {**mediation, **practice_views.rendered_kinds()}
        self.numbers, policy = BlockNumbers(reserve_in(db)), Policy()
        self.database = database
        self.reads = HeldReads(reads)
        self.renderer = HeldRenderer(PostgresRenderer(reads, accounts, embedder, kinds))
        self.flushes = SeenFlushes(PostgresFlushStore(database.runtime_url))
        self.facilitator = RecordingFacilitator()
        self.tools = Tools(
            reads=self.reads, sessions=sessions, facilitator=self.facilitator,
            embedder=embedder, clock=clock, ids=ids, numbers=self.numbers, **tools,
        )  # fmt: skip
        ports = Ports(
            kinds=Kinds(
                [MEDIATION, PracticeKind(self.numbers, policy)],
                [DIRECTORY, PracticeDirectoryKind(self.numbers, policy)],
            ),
            flushes=self.flushes,
            leases=PostgresLeaseStore(db), sessions=sessions, renderer=self.renderer,
            clock=clock, ids=ids,
        )  # fmt: skip
        self.host = Host(f"host-{next(_numbers)}", ports, lambda: None)
        self.reactor = Reactor(self.tools)

    async def start(self) -> None:
        self.reactor.bind(self.host)
        await self.numbers.open()
        await self.host.start("memory", self.reactor)

    async def stop(self) -> None:
        await self.host.drain()
        await self.reactor.stop()
        await self.numbers.close()
        await self.flushes.inner.close()

    async def pair(self) -> Pair:
        """Two new people in one new session."""
        users = [f"user-{next(_numbers)}" for _ in range(2)]
        connection = await asyncpg.connect(self.database.owner_url)
        for user in users:
            await connection.execute('INSERT INTO "User" (id, name) VALUES ($1, $1)', user)
        await connection.close()
        pair = Pair(self, *(Phone(self.host, user) for user in users))
        await pair.meet()
        return pair


class Pair:
    """A and B at their session."""

    def __init__(self, house: House, a: Phone, b: Phone) -> None:
        self.house, self.a, self.b = house, a, b
        self.both = (a, b)
        self.id = ""

    async def do(self, phone: Phone, name: str, **data: Any) -> Mapping[str, Any]:
        return await phone.do(name, self.id, **data)

    async def meet(self) -> None:
        made = await self.a.do("session.create", inviteName="Sam")
        self.id = made["session"]["id"]
        await self.b.do("invitation.accept", invitationId=made["invitationId"])
        for phone in self.both:
            phone.listen(self.id)

    async def advance(self, *phones: Phone) -> None:
        for phone in phones or self.both:
            here = (await self.do(phone, "progress.get"))["myProgress"]["stage"]
            step = await self.do(phone, "stage.advance", fromStage=here, toStage=here + 1)
            assert step["success"], step

    async def to_stage(self, stage: int) -> Pair:
        ways = (self.sign, self.feel_heard, self.understand, self.agree_on_ground)
        for way in ways[:stage]:
            await way()
            await self.advance()
        return self

    async def sign(self) -> None:
        for phone in self.both:
            await self.do(phone, "compact.sign", agreed=True)

    async def feel_heard(self) -> None:
        for phone in self.both:
            await self.do(phone, "feel_heard.confirm", confirmed=True)

    async def attempt(self, phone: Phone, words: str = "You felt alone") -> None:
        draft = await self.do(phone, "empathy.save_draft", content=words, readyToShare=True)
        await self.do(phone, "empathy.consent", draftId=draft["draft"]["id"])

    async def understand(self) -> None:
        for phone in self.both:
            await self.attempt(phone)
        for phone in self.both:
            await self.do(phone, "empathy.validate", validated=True)

    async def need(self, phone: Phone, words: str = "quiet evenings") -> str:
        """A confirmed need."""
        added = await self.do(phone, "needs.add", need="rest", category="SAFETY", description=words)
        key: str = added["need"]["id"]
        answer = [{"needId": key, "confirmed": True}]
        await self.do(phone, "needs.confirm", confirmations=answer)
        return key

    async def agree_on_ground(self) -> None:
        for phone in self.both:
            await self.do(phone, "needs.consent", needIds=[await self.need(phone)])
        words = {"need": "rest", "category": "SAFETY", "description": "both"}
        ground = await self.do(self.a, "common_ground.propose", **words)
        answer = {"commonGroundId": ground["commonGround"]["id"], "confirmed": True}
        await self.do(self.b, "common_ground.confirm", confirmations=[answer])

    async def shared_event(self) -> tuple[str, str]:
        """A shares the canary; (id of the record, id of the content)."""
        event = await self.do(self.a, "event.add", description="the dinner", attributedTo="OTHER")
        asked = {"contentType": "EVENT_SUMMARY", "originalContentId": event["event"]["id"]}
        request = await self.do(self.a, "consent.request", **asked)
        record = request["consentRequest"]["id"]
        yes = {"consentRequestId": record, "decision": "GRANTED", "editedContent": CANARY}
        decided = await self.do(self.a, "consent.decide", **yes)
        return record, decided["sharedContent"]["id"]

    async def settled(self, phone: Phone) -> None:
        """The facilitator has said in that thread what it had to say."""
        while True:
            seen = len(phone.received)
            if not await self._waits(phone):
                return
            await phone.hears(lambda message: isinstance(message, EventFrom), since=seen)

    async def both_settled(self) -> None:
        """It has in both threads."""
        for phone in (self.a, self.b):
            await self.settled(phone)

    async def _waits(self, phone: Phone) -> bool:
        connection = await asyncpg.connect(self.house.database.owner_url)
        try:
            waiting: bool = await connection.fetchval(
                'SELECT EXISTS (SELECT FROM hub."Reminder" WHERE "sessionId" = $1 AND'
                ' "userId" = $2 AND kind = \'ai_turn\' AND "firedAt" IS NULL)',
                self.id,
                phone.user_id,
            )
        finally:
            await connection.close()
        return waiting


__all__ = ["CANARY", "DeltaFrom", "House", "Pair", "Phone", "SnapshotFrom"]
