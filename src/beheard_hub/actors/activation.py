"""Which cells are live, which sleep as bytes, and how the others come back from Postgres.

Loads coalesce (at most 25 sessions a call, two calls at a time) and commands wait behind the load
of their session, in order and bounded. An idle cell is packed to bytes; beyond a bound the oldest
packed ones are forgotten, because Postgres has all of it.
"""

from __future__ import annotations

import asyncio
import functools
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from secrets import randbelow
from typing import TypeAlias
from uuid import uuid4

import msgspec

from beheard_hub.actors.background import Background
from beheard_hub.actors.cell import Cell, Cells, Kinds
from beheard_hub.domain.kernel import Loaded
from beheard_hub.domain.limits import ROW_NUMBER_MAX
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.domain.sharding import shard_of
from beheard_hub.ports import Clock, SessionStore, StoreUnavailable
from beheard_hub.telemetry import logger, origin_of

LOAD_SESSIONS_MAX = 25
LOADS_AT_ONCE_MAX = 2
NEVER_GIVEN = 10**9
"""So many of the highest numbers are no session's."""
OUTDATED = -1
"""No shard was ever acquired so often."""

Then: TypeAlias = Callable[[Cell | Refusal], None]
UNAVAILABLE = Refusal(Code.SERVICE_UNAVAILABLE)
NOT_FOUND = Refusal(Code.NOT_FOUND)

_log = logger("host")


def _nowhere(key: str) -> str:
    """An id that looks like that one, of nothing."""
    return str(ROW_NUMBER_MAX - randbelow(NEVER_GIVEN)) if key.isdecimal() else str(uuid4())


def internal_error() -> tuple[Refusal, str]:
    """INTERNAL_ERROR, and its reference for the log line of the same fault."""
    reference = uuid4().hex[:12]
    return Refusal(Code.INTERNAL_ERROR, details={"reference": reference}), reference


class ActivationLimits(msgspec.Struct, frozen=True):
    """Bounds of one host's cells."""

    live_cells_max: int = 20_000
    packed_cells_max: int = 200_000
    idle_seconds: float = 60.0
    parked_max: int = 5_000
    parked_per_session_max: int = 64
    swept_at_once_max: int = 20


class _Load:
    """A session that is being loaded, and who waits for it."""

    __slots__ = ("callers", "generation", "waiting")

    def __init__(self, generation: int) -> None:
        self.callers: set[str] = set()
        self.waiting: list[Then] = []
        self.generation = generation


class Activation:
    """Live and packed cells of one host."""

    def __init__(
        self, kinds: Kinds, store: SessionStore, clock: Clock, background: Background,
        generation: Callable[[int], int], limits: ActivationLimits,
    ) -> None:  # fmt: skip
        self.live: Cells = OrderedDict()
        self.packed: OrderedDict[str, bytes] = OrderedDict()
        self.parked = 0
        self.loads = 0
        self._kinds = kinds
        self._store = store
        self._clock = clock
        self._background = background
        self._generation = generation
        """shard → how often it was acquired; 0 when it is not ours."""
        self._limits = limits
        self._loading: dict[str, _Load] = {}
        self._queue: deque[str] = deque()
        self._loaders = 0

    def get(self, key: str) -> Cell | None:
        """The cell, if that needs no read."""
        cell = self.live.get(key)
        if cell is None:
            packed = self.packed.pop(key, None)
            if packed is None:
                return None
            cell = self.live[key] = Cell.unpack(key, self._kinds.by_name, packed)
        else:
            self.live.move_to_end(key)
        cell.used_at = self._clock.mono()
        return cell

    def park(self, key: str, then: Then, caller: str = "") -> None:
        """Calls `then` with the cell once it is live, or with the reason why it is not.

        `caller` is loaded too, for commands that a non-member may send. Ordering: as called.
        """
        load = self._loading.get(key)
        if self.parked >= self._limits.parked_max or (
            load is not None and len(load.waiting) >= self._limits.parked_per_session_max
        ):
            then(UNAVAILABLE)
            return
        if load is None:
            load = self._loading[key] = _Load(self._generation(shard_of(key)))
            self._queue.append(key)
        load.waiting.append(then)
        self.parked += 1
        if caller:
            load.callers.add(caller)
        if self._loaders < LOADS_AT_ONCE_MAX:
            self._loaders += 1
            self._background.spawn(self._load_queued())

    def pretend(self, key: str, then: Then) -> None:
        """Looks for something of the look of `key` that is not there, and calls `then` with the
        refusal.

        For strangers at a live cell: refused at once, they would learn from the time it took that
        there is such a session. Sessions of another look are looked for elsewhere, which may take
        another time.
        """
        self.park(_nowhere(key), then)

    async def cell(self, key: str) -> Cell | Refusal:
        """The cell, loaded if necessary. Cancelling leaves the load running."""
        while True:
            cell = self.get(key)
            if cell is not None:
                return cell
            outcome = await _once(functools.partial(self.park, key))
            if isinstance(outcome, Refusal):
                return outcome

    async def cell_of(self, key: str, user_id: str) -> Cell | Refusal:
        """The cell, if this user is a member by what is committed (`cell_where`)."""
        return await self.cell_where(key, lambda cell: user_id in cell.kind.members(cell.committed))

    async def cell_where(self, key: str, holds: Callable[[Cell], bool]) -> Cell | Refusal:
        """The cell, if that holds for it; NOT_FOUND takes as long whether there is such a cell or
        not. Cancelling leaves the load running."""
        live = self.get(key) is not None
        outcome = await self.cell(key)
        if isinstance(outcome, Refusal) or holds(outcome):
            return outcome
        return await _once(functools.partial(self.pretend, key)) if live else NOT_FOUND

    async def _load_queued(self) -> None:
        try:
            while self._queue:
                count = min(len(self._queue), LOAD_SESSIONS_MAX)
                await self._load([self._queue.popleft() for _ in range(count)])
        finally:
            self._loaders -= 1

    async def _load(self, keys: list[str]) -> None:
        wanted = [(key, sorted(self._loading[key].callers)) for key in keys]
        self.loads += 1
        try:
            loaded = await self._store.load(wanted)
        except StoreUnavailable:
            self._finish(keys, [UNAVAILABLE] * len(keys))
            return
        except BaseException:
            self._finish(keys, [UNAVAILABLE] * len(keys))
            raise
        self._finish(
            keys,
            [
                NOT_FOUND if facts is None else self._made(facts, callers)
                for (_, callers), facts in zip(wanted, loaded, strict=True)
            ],
        )

    def _made(self, facts: Loaded, callers: Iterable[str]) -> Cell | Refusal:
        """The cell of one session; those loaded with it do not suffer if it cannot be made."""
        try:
            cell = Cell.from_loaded(self._kinds.of_loaded(facts), facts)
        except Exception as error:  # our mistake, or a row that nobody expected
            refusal, reference = internal_error()
            _log.error(
                "session_not_loaded", reference=reference, session_id=facts.session_id,
                **origin_of(error),
            )  # fmt: skip
            return refusal
        for caller in callers:
            cell.names.setdefault(caller, None)
        return cell

    def _finish(self, keys: list[str], outcomes: Iterable[Cell | Refusal]) -> None:
        for key, outcome in zip(keys, outcomes, strict=True):
            load = self._loading.pop(key)
            self.parked -= len(load.waiting)
            generation = self._generation(shard_of(key))
            if isinstance(outcome, Cell):
                if generation and load.generation == OUTDATED:
                    self._again(key, load)
                    continue
                if generation == 0 or generation != load.generation:
                    outcome = UNAVAILABLE  # the shard, or what it says, went away meanwhile
                else:
                    outcome.used_at = self._clock.mono()
                    self.live[key] = outcome
            for then in load.waiting:
                then(outcome)

    def _again(self, key: str, load: _Load) -> None:
        """Those who waited wait for another one, which finds what was changed."""
        for then in load.waiting:
            self.park(key, then)
        if (other := self._loading.get(key)) is not None:
            other.callers |= load.callers

    def outdate(self, key: str) -> None:
        """What is being read of this session was changed meanwhile: it is read again."""
        if (load := self._loading.get(key)) is not None:
            load.generation = OUTDATED

    def forget(self, cell: Cell) -> None:
        """Drops a cell: Postgres knows better."""
        cell.dropped = True
        if self.live.get(cell.key) is cell:
            del self.live[cell.key]
        self.packed.pop(cell.key, None)

    def forget_shards(self, shards: Iterable[int]) -> list[Cell]:
        """Drops everything of shards that are no longer ours, and returns the live cells."""
        lost = set(shards)
        for key in [key for key in self.packed if shard_of(key) in lost]:
            del self.packed[key]
        cells = self.in_shards(lost)
        for cell in cells:
            self.forget(cell)
        return cells

    def in_shards(self, shards: Iterable[int]) -> list[Cell]:
        """The live cells of these shards."""
        wanted = set(shards)
        return [cell for cell in self.live.values() if cell.shard in wanted]

    def sweep(self) -> int:
        """Packs what is idle or beyond the bound, a slice at a time; returns how many it looked
        at, each cell once. Busy cells are passed over."""
        idle_since = self._clock.mono() - self._limits.idle_seconds
        looked = 0
        looks_max = min(len(self.live), self._limits.swept_at_once_max)
        while looked < looks_max:
            key, cell = next(iter(self.live.items()))
            if cell.used_at > idle_since and len(self.live) <= self._limits.live_cells_max:
                break
            looked += 1
            if cell.busy:
                self.live.move_to_end(key)
                continue
            del self.live[key]
            self.packed[key] = cell.pack()
            if len(self.packed) > self._limits.packed_cells_max:
                self.packed.popitem(last=False)
        return looked


async def _once(ask: Callable[[Then], None]) -> Cell | Refusal:
    """What `ask` calls back with."""
    outcome: asyncio.Future[Cell | Refusal] = asyncio.get_running_loop().create_future()
    ask(lambda found: None if outcome.done() else outcome.set_result(found))
    return await outcome
