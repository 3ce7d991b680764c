"""The practice kind as a host will run it: tables, machine, handlers and views put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from beheard_hub.domain.kernel import Command, CommandSpec, Decision, Ids, Json, Loaded, Ref
from beheard_hub.domain.practice import facts, machine, views
from beheard_hub.domain.practice.handlers.exchange import EXCHANGES
from beheard_hub.domain.practice.handlers.session import SESSION
from beheard_hub.domain.practice.protocol import COMMANDS, Policy
from beheard_hub.domain.practice.state import Asker, Numbers, State, pack, unpack
from beheard_hub.domain.practice.turn import Handler, Turn
from beheard_hub.domain.practice.vocabulary import EXCHANGE, TAKEN_BACK
from beheard_hub.domain.refusals import Refusal
from beheard_hub.domain.validation import compile_checks, refused, validate

HANDLERS: Mapping[str, Handler] = {**EXCHANGES, **SESSION}


def _spec(name: str) -> CommandSpec:
    row = COMMANDS[name]
    compile_checks(row.data)
    return CommandSpec(
        name=name,
        data=row.data,
        reads=row.reads,
        anyone=row.others is not None,
        asks_who=row.others is not None,
        observes=row.observes,
    )


class PracticeKind:
    """`SessionKind` of one person's sessions with an AI partner and an AI coach."""

    name = "practice"
    commands: Mapping[str, CommandSpec] = {name: _spec(name) for name in COMMANDS}
    at_once = frozenset({EXCHANGE, TAKEN_BACK})
    resumed: str | None = "internal.practice_resumed"
    notifies: frozenset[str] = frozenset()
    """Whoever rehearses is there; who is not reads it later."""

    def __init__(self, numbers: Numbers, policy: Policy) -> None:
        self._numbers = numbers
        self._policy = policy

    def blank(self, session_id: str) -> State:
        """Before anything happened."""
        return State(session_id)

    def load(self, loaded: Loaded) -> State:
        """From stored facts."""
        return facts.load(loaded)

    def pack(self, state: State) -> bytes:
        """As bytes, for an idle session."""
        return pack(state)

    def unpack(self, packed: bytes) -> State:
        """The inverse of `pack`."""
        return unpack(packed)

    def validate(self, name: str, data: Mapping[str, Json]) -> msgspec.Struct | Refusal:
        """Typed data or VALIDATION_ERROR; an unknown name is one too."""
        row = COMMANDS.get(name)
        return refused({"name": "no such command"}) if row is None else validate(row.data, data)

    def decide(self, state: State, command: Command, now: datetime, ids: Ids) -> Decision[State]:
        """One turn."""
        asker = Asker() if command.asker is None else msgspec.convert(command.asker, Asker)
        turn = Turn(state, command, asker, self._policy, now, ids, self._numbers)
        return machine.decide(turn, HANDLERS)

    def told_at(self, state: State, user_id: str) -> datetime | None:
        """Of the newest message: there is one thread."""
        return state.last_at

    def members(self, state: State) -> Sequence[str]:
        """The participant: whose events are numbered, and who alone may send."""
        return [state.user_id] if state.user_id is not None else []

    def company(self, state: State, user_id: str) -> Mapping[str, bool]:
        """Nobody: who observes is not shown, and the AI is always there."""
        return {}

    def snapshot(
        self, state: State, user_id: str, names: Mapping[str, str | None]
    ) -> Mapping[str, Json]:
        """The state of a `snapshot` frame; who observes gets the transcript besides."""
        return views.snapshot(state)

    def from_state(
        self, state: State, ref: Ref, user_id: str, names: Mapping[str, str | None]
    ) -> Json:
        """Shape of a ref that needs no text."""
        return views.from_state(state, ref)
