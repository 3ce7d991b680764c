"""A facilitator that passes everything on and keeps what it was given and what it made."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, TypeVar

import msgspec

from beheard_hub import metering
from beheard_hub.domain.kernel import Json
from beheard_hub.facilitation import (
    Bundle,
    CommonItem,
    Delta,
    DraftCheck,
    Extraction,
    Facilitator,
    FacilitatorFailed,
    Item,
    PlanningFacilitator,
    PlanRequest,
    SharedNeed,
    Spoken,
    Suggestion,
    Synthesis,
    Transformation,
)
from beheard_hub.metering import Bill, Used

CallName: TypeAlias = Literal[
    "open",
    "reply",
    "synthesise",
    "transform",
    "check_draft",
    "common_ground",
    "suggest",
    "extract",
    "plan",
]
STAGE_OF_CALL = {"check_draft": 2, "common_ground": 3, "suggest": 4}
"""Stage of the calls that take no bundle."""

Made = TypeVar("Made")


class Call(msgspec.Struct, kw_only=True):
    """One call of the facilitator. Holds texts: for the scores, never for a log."""

    id: str
    """``journey/number``, in the order in which the calls began."""
    name: CallName
    stage: int
    began: float
    """Seconds of a clock that never jumps."""
    given: Any
    """A `Bundle`, or a mapping of the arguments where there is none."""
    bundle: Bundle | None = None
    made: Any = None
    """`Spoken`, `Synthesis`, `Transformation`, ...; None where it failed or did not end."""
    shown: str = ""
    """All deltas since the last reset, joined."""
    resets: int = 0
    failed: bool = False
    first_ms: float | None = None
    """To the first word."""
    total_ms: float | None = None
    used: Sequence[Used] = ()
    """What its requests cost, as the provider metered it."""
    user_id: str | None = None

    def __repr__(self) -> str:
        return f"Call({self.id}, {self.name})"


class Recorder:
    """Implements `Facilitator` around another one."""

    def __init__(self, inner: Facilitator, mono: Callable[[], float] = time.monotonic) -> None:
        self._inner = inner
        self._mono = mono
        self._journey = ""
        self.provider = inner.provider
        self.calls: list[Call] = []
        self._bills: dict[int, tuple[Bill | None, int]] = {}

    def begin(self, journey: str) -> None:
        """What follows belongs to this journey."""
        self._journey = journey
        self.calls = []

    def open_stage(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """As the port says."""
        return self._streamed(self._call("open", bundle), self._inner.open_stage(bundle))

    def reply(self, bundle: Bundle) -> AsyncIterator[Delta | Spoken]:
        """As the port says."""
        return self._streamed(self._call("reply", bundle), self._inner.reply(bundle))

    async def synthesise_needs(self, bundle: Bundle) -> Synthesis:
        """As the port says."""
        call = self._call("synthesise", bundle)
        return await self._awaited(call, self._inner.synthesise_needs(bundle))

    async def transform(self, content_type: str, text: str, bundle: Bundle) -> Transformation:
        """As the port says."""
        call = self._call("transform", bundle, contentType=content_type, text=text)
        return await self._awaited(call, self._inner.transform(content_type, text, bundle))

    async def check_draft(self, text: str) -> DraftCheck:
        """As the port says."""
        call = self._call("check_draft", None, text=text)
        return await self._awaited(call, self._inner.check_draft(text))

    async def close(self) -> None:
        """See the port."""
        await self._inner.close()

    def heat(self, text: str) -> Sequence[str]:
        """By rule everywhere, so there is nothing to measure."""
        return self._inner.heat(text)

    async def common_ground(self, needs: Sequence[SharedNeed]) -> Sequence[CommonItem]:
        """As the port says."""
        call = self._call("common_ground", None, needs=list(needs))
        return await self._awaited(call, self._inner.common_ground(needs))

    async def suggest(
        self, common: Sequence[str], focus: Sequence[str], library: Sequence[Item], count: int
    ) -> Sequence[Suggestion]:
        """As the port says."""
        call = self._call(
            "suggest", None, common=list(common), focus=list(focus), library=list(library),
            count=count,
        )  # fmt: skip
        return await self._awaited(call, self._inner.suggest(common, focus, library, count))

    async def extract(self, bundle: Bundle) -> Extraction:
        """As the port says."""
        return await self._awaited(self._call("extract", bundle), self._inner.extract(bundle))

    # ---- what is kept

    def _call(
        self, name: CallName, bundle: Bundle | None, stage: int | None = None, **arguments: Any
    ) -> Call:
        bill = metering.open_bill()
        asker = bundle if bundle is not None else bill
        call = Call(
            id=f"{self._journey}/{len(self.calls) + 1}",
            name=name,
            stage=bundle.stage if bundle is not None else STAGE_OF_CALL.get(name, stage or 0),
            began=self._mono(),
            given=arguments,
            bundle=bundle,
            user_id=asker.user_id if asker is not None else None,
        )
        self.calls.append(call)
        self._bills[id(call)] = (bill, len(bill.entries) if bill is not None else 0)
        return call

    def _end(self, call: Call) -> None:
        call.total_ms = call.total_ms or self._since(call)
        bill, before = self._bills.pop(id(call))
        call.used = bill.entries[before:] if bill is not None else ()

    async def _streamed(
        self, call: Call, stream: AsyncIterator[Delta | Spoken]
    ) -> AsyncIterator[Delta | Spoken]:
        try:
            async for piece in stream:
                self._note(call, piece)
                yield piece
        except FacilitatorFailed:
            call.failed = True
            raise
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()
            self._end(call)

    def _note(self, call: Call, piece: Delta | Spoken) -> None:
        if isinstance(piece, Spoken):
            call.made, call.total_ms = piece, self._since(call)
            return
        if piece.reset:
            call.resets, call.shown = call.resets + 1, ""
        call.shown += piece.text
        if call.first_ms is None and piece.text:
            call.first_ms = self._since(call)

    async def _awaited(self, call: Call, work: Awaitable[Made]) -> Made:
        try:
            made = await work
        except FacilitatorFailed:
            call.failed = True
            raise
        finally:
            self._end(call)
        call.made = made
        return made

    def _since(self, call: Call) -> float:
        return (self._mono() - call.began) * 1000


class PlanningRecorder(Recorder):
    """The same around one that plans, too."""

    def __init__(self, inner: Facilitator, planner: PlanningFacilitator) -> None:
        super().__init__(inner)
        self._planner = planner

    async def plan(self, asked: PlanRequest) -> Sequence[Mapping[str, Json]]:
        """As the port says."""
        call = self._call("plan", None, asked.stage, words=asked.words)
        return await self._awaited(call, self._planner.plan(asked))


def recorder_of(inner: Facilitator) -> Recorder:
    """A recorder that can what `inner` can."""
    if isinstance(inner, PlanningFacilitator):
        return PlanningRecorder(inner, inner)
    return Recorder(inner)
