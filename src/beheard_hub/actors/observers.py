"""Who watches sessions of others: whether they may, asked when they come and again while they stay.

An observer is no member: no seq, no receipt, no presence, and nobody is told that they are there;
they are shown the events of one member, rendered once for all. Whether somebody may watch says the
kind (the row of its commands that `observes`), by what is stored of them at that moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from beheard_hub.actors.activation import NOT_FOUND, UNAVAILABLE, Activation
from beheard_hub.actors.cell import Cell, View
from beheard_hub.actors.pacing import Pacing
from beheard_hub.actors.subscription import Subscription
from beheard_hub.domain.kernel import Command, CommandSpec, Ids, Json, Loaded, Read, SessionKind
from beheard_hub.domain.refusals import Refusal
from beheard_hub.ports import Clock, Renderer, SessionStore, StoreUnavailable

ASKED_AGAIN_SECONDS = 5.0
"""How long somebody who has lost their role goes on watching, at most: where their host was not
told (`Host.role_changed`), or could not ask."""

Asker: TypeAlias = Mapping[str, Json]
"""What is stored of who watches (`Command.asker`)."""


class Observers:
    """All observers of one host."""

    def __init__(
        self, activation: Activation, store: SessionStore, renderer: Renderer, clock: Clock,
        ids: Ids,
    ) -> None:  # fmt: skip
        self._activation = activation
        self._store = store
        self._renderer = renderer
        self._clock = clock
        self._ids = ids
        self._askers: dict[str, dict[Subscription, Asker]] = {}
        """By session."""
        self._asked_at = clock.mono()
        self.pacing = Pacing(clock.mono)

    def __len__(self) -> int:
        return sum(map(len, self._askers.values()))

    async def admit(self, ear: Subscription) -> Cell | Refusal:
        """The session, if this observer may watch it now. One of a kind that nobody watches takes
        as long as none."""
        cell = await self._activation.cell_where(ear.session_id, _can_be_watched)
        if isinstance(cell, Refusal):
            return cell
        try:
            [loaded] = await self._store.load([(cell.key, [_name(ear)])])
        except StoreUnavailable:
            return UNAVAILABLE
        asker = _asker(loaded, ear)
        answer = self._decided(cell, cell.committed, ear, asker)
        if isinstance(answer, Refusal):
            return answer
        ear.user_id = shown_of(cell)
        self._askers.setdefault(ear.session_id, {})[ear] = asker
        return cell

    def gone(self, ear: Subscription) -> None:
        """Watches no more."""
        rest = self._askers.get(ear.session_id, {})
        rest.pop(ear, None)
        if not rest:
            self._askers.pop(ear.session_id, None)

    async def transcript(
        self, cell: Cell, state: Any, ear: Subscription
    ) -> Mapping[str, Json] | Refusal:
        """What had been said by that state, read as the observer. Raises StoreUnavailable."""
        asker = self._askers.get(ear.session_id, {}).get(ear, {})
        answer = self._decided(cell, state, ear, asker)
        if isinstance(answer, Refusal):
            return answer
        view = View(cell, state, _name(ear))
        return await self._renderer.read(cell.kind.name, view, _name(ear), cell.key, answer)

    # ---- while they stay

    def due(self) -> bool:
        """Whether it is time to `ask_again`; true once."""
        now = self._clock.mono()
        if not self._askers or now - self._asked_at < ASKED_AGAIN_SECONDS:
            return False
        self._asked_at = now
        return True

    async def ask_again(
        self, refuse: Callable[[Subscription, Refusal], None], user_id: str | None = None
    ) -> None:
        """Refuses those who may watch no longer, and those who have to come anew because the events
        are another member's now; with a `user_id` they alone are asked. If the database is away,
        the next round asks."""
        watching: dict[str, list[Subscription]] = {}
        for key, ears in self._askers.items():
            if asked := [ear for ear in ears if user_id in (None, _name(ear))]:
                watching[key] = asked
        wanted = [(key, sorted(set(map(_name, ears)))) for key, ears in watching.items()]
        try:
            found = await self._store.load(wanted) if wanted else []
        except StoreUnavailable:
            return
        for asked, loaded in zip(watching.values(), found, strict=True):
            for ear in asked:
                if not ear.closed and (refusal := self._refused(ear, loaded)) is not None:
                    refuse(ear, refusal)

    def _refused(self, ear: Subscription, loaded: Loaded | None) -> Refusal | None:
        cell = self._activation.get(ear.session_id)
        if cell is None:
            return None  # nobody says anything there: asked with the next round
        asker = self._askers[ear.session_id][ear] = _asker(loaded, ear)
        answer = self._decided(cell, cell.committed, ear, asker)
        if isinstance(answer, Refusal):
            return answer
        return UNAVAILABLE if ear.user_id != shown_of(cell) else None

    def _decided(self, cell: Cell, state: Any, ear: Subscription, asker: Asker) -> Read | Refusal:
        """The kind's answer; what else it may notice is left to the next command."""
        spec = _spec_of(cell.kind)
        if spec is None:
            return NOT_FOUND
        command = Command(
            id="", name=spec.name, user_id=_name(ear), data=spec.data(), session_id=cell.key,
            asker=asker,
        )  # fmt: skip
        answer = cell.kind.decide(state, command, self._clock.now(), self._ids).answer
        assert isinstance(answer, Read | Refusal), "an observer is shown what was said"
        return answer


def shown_of(cell: Cell) -> str:
    """The member whose events observers are shown; empty where nobody is left."""
    return next(iter(cell.kind.members(cell.committed)), "")


def _name(ear: Subscription) -> str:
    assert ear.observer is not None, "members are no observers"
    return ear.observer


def _asker(loaded: Loaded | None, ear: Subscription) -> Asker:
    callers: Mapping[str, Asker] = {} if loaded is None else loaded.facts.get("callers", {})
    return callers.get(_name(ear), {})


def _can_be_watched(cell: Cell) -> bool:
    return _spec_of(cell.kind) is not None


def _spec_of(kind: SessionKind[Any]) -> CommandSpec | None:
    return next((spec for spec in kind.commands.values() if spec.observes), None)
