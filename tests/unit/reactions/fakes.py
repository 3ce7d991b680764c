"""Stand-ins for everything outside that a reaction may ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, cast

from beheard_hub.domain.kernel import Command, Due, Json, Loaded
from beheard_hub.facilitation import (
    Bundle,
    CommonItem,
    Delta,
    DraftCheck,
    Extraction,
    Item,
    Piece,
    SharedNeed,
    Spoken,
    Suggestion,
    Synthesis,
    Transformation,
)
from beheard_hub.persistence import sql
from beheard_hub.ports import Actor, SessionStore
from beheard_hub.reactions.reactor import Reactor
from beheard_hub.reactions.tools import Tools

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SESSION, ANA, SAM = "s1", "ana", "sam"


def at(minute: int) -> datetime:
    """A time in the story."""
    return START + timedelta(minutes=minute)


class FakeClock:
    """Time stands still unless somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - 1_000.0)

    def mono(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class CountingIds:
    """Ids one could guess."""

    def __init__(self) -> None:
        self.count = 0

    def ordered(self) -> str:
        self.count += 1
        return f"id-{self.count}"

    random = ordered


class MemoryReads:
    """Implements `ports.ReadStore` over `rows`: query → rows, or a function of the arguments.

    As strict as the real one: only queries and arguments that exist.
    """

    def __init__(self, **rows: Any) -> None:
        self.rows: dict[str, Any] = {
            "bundle.people": [{"own": True, "name": "Ana"}, {"own": False, "name": "Sam"}],
            "bundle.progress": [in_stage(1)],
            "bundle.message_count": [{"written": 1}],
        } | {name.replace("__", "."): value for name, value in rows.items()}
        self.asked: list[tuple[Actor, str]] = []
        self.down: Exception | None = None

    async def read(
        self, actor: Actor, query: str, args: Mapping[str, Json]
    ) -> Sequence[Mapping[str, Any]]:
        known = set(sql.queries()[query].args) - {"user_id", "session_id"}
        assert args.keys() <= known, f"{query} has no argument {args.keys() - known}"
        self.asked.append((actor, query))
        if self.down is not None:
            raise self.down
        rows = self.rows.get(query, [])
        found: Sequence[Mapping[str, Any]] = rows(args) if callable(rows) else rows
        return found

    def queries(self) -> set[str]:
        return {query for _, query in self.asked}


class FakeSessions:
    """The three calls of `ports.SessionStore` that reactions make."""

    def __init__(self) -> None:
        self.directory: dict[str, list[dict[str, Any]]] = {}
        self.members = [ANA, SAM]
        self.merged: dict[str, tuple[str, list[str]]] = {}

    async def became(self, user_id: str) -> tuple[str, Sequence[str]] | None:
        return self.merged.get(user_id)

    async def load(self, wanted: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Loaded | None]:
        members = [{"userId": user, "vesselId": f"v-{user}"} for user in self.members]
        return [Loaded(session_id=id_, facts={"members": members}) for id_, _ in wanted]

    async def load_directory(self, user_id: str) -> Loaded:
        rows = self.directory.get(user_id, [])
        return Loaded(session_id=f"user:{user_id}", facts={"relationships": rows})


class Held(asyncio.Event):
    """A place in a script where the stream stalls; `reached` tells that it has come there."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()

    async def wait(self) -> Literal[True]:
        self.reached.set()
        return await super().wait()


Script = Sequence[Delta | Spoken | Exception | asyncio.Event]


class ScriptedFacilitator:
    """Implements `Facilitator`: says what the test wrote, and keeps what it was asked."""

    provider = "scripted"

    def __init__(self, *scripts: Script) -> None:
        self.scripts = list(scripts)
        self.bundles: list[Bundle] = []
        self.openings: list[Bundle] = []
        self.closed = 0
        self.started = asyncio.Event()
        self.down: Exception | None = None
        self.held: Held | None = None
        """Where `common_ground` stalls."""
        self.synthesis = Synthesis([], [])
        self.extraction = Extraction([], [])
        self.transformation = Transformation(can_transform=True, text="softly")
        self.drafts: list[str] = []
        self.draft_check = DraftCheck(curious=True)
        self.common: Sequence[CommonItem] = ()
        self.shared: Sequence[SharedNeed] = ()
        self.library: Sequence[Item] = ()
        self.wanted: tuple[Sequence[str], Sequence[str]] = ((), ())

    def open_stage(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        self.openings.append(bundle)
        return self._stream()

    def reply(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        self.bundles.append(bundle)
        return self._stream()

    async def _stream(self) -> AsyncIterator[Delta | Spoken]:
        script = self.scripts.pop(0) if self.scripts else said("I hear you.")
        try:
            for piece in script:
                await asyncio.sleep(0)  # each comes by itself
                self.started.set()
                if isinstance(piece, asyncio.Event):
                    await piece.wait()
                elif isinstance(piece, Exception):
                    raise piece
                else:
                    yield piece
        finally:
            self.closed += 1

    async def synthesise_needs(self, bundle: Bundle) -> Synthesis:
        self.bundles.append(bundle)
        if self.down is not None:
            raise self.down
        return self.synthesis

    async def extract(self, bundle: Bundle) -> Extraction:
        self.bundles.append(bundle)
        if self.down is not None:
            raise self.down
        return self.extraction

    async def transform(self, content_type: str, text: str, bundle: Bundle) -> Transformation:
        self.bundles.append(bundle)
        return self.transformation

    async def check_draft(self, text: str) -> DraftCheck:
        self.drafts.append(text)
        if self.down is not None:
            raise self.down
        return self.draft_check

    async def close(self) -> None:
        return None

    def heat(self, text: str) -> Sequence[str]:
        return ["heated"] if "!" in text else []

    async def common_ground(self, needs: Sequence[SharedNeed]) -> Sequence[CommonItem]:
        self.shared = needs
        if self.held is not None:
            await self.held.wait()
        return self.common

    async def suggest(
        self, common: Sequence[str], focus: Sequence[str], library: Sequence[Item], count: int
    ) -> Sequence[Suggestion]:
        self.wanted, self.library = (common, focus), library
        return [
            Suggestion(
                description=f"{item.fields['title']}: {item.text}",
                needs_addressed=[*focus, *common],
                duration="one week",
                measure_of_success=None,
            )
            for item in library[:count]
        ]


class FakeEmbedder:
    """One direction for everything."""

    model = "fake"

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        return [[1.0, 0.0] for _ in texts]


class Box:
    """Implements `ports.Mailbox`: keeps what arrives, in order."""

    def __init__(self, session_id: str = SESSION) -> None:
        self._session_id = session_id
        self.commands: list[Command] = []
        self.deltas: list[tuple[str, str, int, str, bool]] = []
        self.under_way: set[str] = set()
        """Answers of which pieces came, and no end."""
        self.log: list[str] = []
        self.came: set[tuple[str, str]] = set()
        """Who listens now, and did not before."""

    def submit_internal(self, session_id: str, command: Command) -> None:
        assert session_id == command.session_id == self._session_id
        self.commands.append(command)
        self.log.append(command.name)

    def delta(self, session_id: str, user_id: str, piece: Piece) -> None:
        assert session_id == self._session_id
        self.deltas.append((user_id, piece.reply_to, piece.index, piece.text, piece.reset))
        self.under_way.add(piece.message_id)
        self.log.append("delta")

    def answered(self, session_id: str, user_id: str, message_id: str) -> None:
        assert session_id == self._session_id
        self.under_way.discard(message_id)

    def came_after(self, session_id: str, user_id: str, at: datetime) -> bool:
        return (session_id, user_id) in self.came

    def merged(self, guest_id: str, user_id: str, sessions: Sequence[str]) -> None:
        self.log.append(f"merged {guest_id} {user_id} {','.join(sessions)}")

    def named(self, name: str) -> list[Any]:
        return [command.data for command in self.commands if command.name == name]


class World:
    """A reactor with stand-ins all around it."""

    def __init__(self, *scripts: Script, **rows: Any) -> None:
        self.clock = FakeClock()
        self.reads = MemoryReads(**rows)
        self.sessions = FakeSessions()
        self.facilitator = ScriptedFacilitator(*scripts)
        self.box = Box()
        self.tools = Tools(
            reads=self.reads,
            sessions=cast(SessionStore, self.sessions),
            facilitator=self.facilitator,
            embedder=FakeEmbedder(),
            clock=self.clock,
            ids=CountingIds(),
            sleep=self.clock.sleep,
        )
        self.reactor = Reactor(self.tools)
        self.reactor.bind(self.box)

    def hear(self, *messages: dict[str, Any]) -> None:
        """The thread: what waits is what says so."""
        self.reads.rows["bundle.messages"] = list(reversed(messages))
        self.reads.rows["bundle.unanswered"] = [
            row for row in reversed(messages) if row["role"] == "USER" and not row["answered"]
        ]

    async def idle(self) -> None:
        """Until nothing runs in the reactor."""
        await asyncio.gather(*self.reactor._running.values(), return_exceptions=True)


def in_stage(stage: int, status: str = "IN_PROGRESS", **gates: bool) -> dict[str, Any]:
    return {"stage": stage, "status": status, "gatesSatisfied": gates}


def message(minute: int, text: str, **more: Any) -> dict[str, Any]:
    """A row of bundle.messages, and of bundle.unanswered."""
    given: dict[str, Any] = {
        "id": f"m{minute}",
        "role": "USER",
        "text": text,
        "stage": 1,
        "createdAt": at(minute),
        "bundle": None,
        "answered": False,
        "owner": ANA,
        "session": SESSION,
    }
    return given | more


def reply(minute: int, text: str, *items: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """An AI row made from `items`."""
    bundle = {"items": list(items), "answers": []}
    return message(minute, text, role="AI", bundle=bundle) | more


def said(text: str, **more: Any) -> Script:
    """A stream of two pieces."""
    middle = len(text) // 2
    spoken = Spoken(text=text, prompt_version="test/1", **more)
    return [Delta(text[:middle]), Delta(text[middle:]), spoken]


def ai_turn(name: str = "r1", stage: int = 1, opening: bool = False, user: str = ANA) -> Due:
    """The reminder of one turn."""
    payload = {"stage": stage, "opening": opening}
    return Due(id=name, kind="ai_turn", at=START, user_id=user, payload=payload)
