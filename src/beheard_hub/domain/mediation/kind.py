"""The mediation kind as a host runs it: tables, machine, handlers and views put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from beheard_hub.domain.kernel import Command, CommandSpec, Decision, Ids, Json, Loaded, Ref
from beheard_hub.domain.mediation import facts, views
from beheard_hub.domain.mediation.directory import DIRECTORY
from beheard_hub.domain.mediation.events import NOTIFIES
from beheard_hub.domain.mediation.handlers.consent import CONSENT, CONSENT_WORKED
from beheard_hub.domain.mediation.handlers.delivery import DELIVERY
from beheard_hub.domain.mediation.handlers.drafts import DRAFTS
from beheard_hub.domain.mediation.handlers.empathy import EMPATHY, EMPATHY_WORKED
from beheard_hub.domain.mediation.handlers.invitations import INVITATIONS, INVITATIONS_WORKED
from beheard_hub.domain.mediation.handlers.leaving import LEAVING
from beheard_hub.domain.mediation.handlers.memory import MEMORY
from beheard_hub.domain.mediation.handlers.needs import NEEDS, NEEDS_WORKED
from beheard_hub.domain.mediation.handlers.record import RECORD
from beheard_hub.domain.mediation.handlers.sessions import SESSIONS
from beheard_hub.domain.mediation.handlers.strategies import STRATEGIES, STRATEGIES_WORKED
from beheard_hub.domain.mediation.handlers.thread import THREAD
from beheard_hub.domain.mediation.handlers.timers import TIMERS
from beheard_hub.domain.mediation.handlers.vessel import VESSEL
from beheard_hub.domain.mediation.machine import Handlers, company, decide
from beheard_hub.domain.mediation.protocol import COMMANDS
from beheard_hub.domain.mediation.state import State, pack, unpack
from beheard_hub.domain.mediation.vocabulary import AT_ONCE
from beheard_hub.domain.refusals import Refusal
from beheard_hub.domain.validation import compile_checks, refused, validate

__all__ = ["DIRECTORY", "HANDLERS", "MEDIATION"]

HANDLERS = Handlers(
    commands={
        **SESSIONS,
        **INVITATIONS,
        **THREAD,
        **VESSEL,
        **EMPATHY,
        **NEEDS,
        **STRATEGIES,
        **CONSENT,
        **TIMERS,
        **LEAVING,
        **MEMORY,
        **DRAFTS,
        **RECORD,
        **DELIVERY,
    },
    worked={
        **INVITATIONS_WORKED,
        **EMPATHY_WORKED,
        **NEEDS_WORKED,
        **STRATEGIES_WORKED,
        **CONSENT_WORKED,
    },
)


def _spec(name: str) -> CommandSpec:
    row = COMMANDS[name]
    compile_checks(row.data)
    return CommandSpec(
        name=name,
        data=row.data,
        sessionless=row.sessionless,
        by_invitation=row.by_invitation,
        reads=row.reads,
        alone=row.alone,
        anyone=row.anyone,
    )


class MediationKind:
    """`SessionKind` of sessions between two people."""

    name = "mediation"
    at_once = AT_ONCE
    resumed: str | None = None
    commands: Mapping[str, CommandSpec] = {name: _spec(name) for name in COMMANDS}
    notifies = NOTIFIES

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
        return decide(state, command, now, ids, HANDLERS)

    def told_at(self, state: State, user_id: str) -> datetime | None:
        """Of the newest event of that seat: another user's says nothing of theirs."""
        seat = state.seat(user_id)
        return None if seat is None else seat.event_at

    def members(self, state: State) -> Sequence[str]:
        """Who may subscribe and command."""
        return [seat.user_id for seat in state.seats if not seat.erased]

    def company(self, state: State, user_id: str) -> Mapping[str, bool]:
        """The partner, while the session is active."""
        return company(state, user_id)

    def snapshot(
        self, state: State, user_id: str, names: Mapping[str, str | None]
    ) -> Mapping[str, Json]:
        """The state of a `snapshot` frame."""
        return views.snapshot(state, user_id, names)

    def from_state(
        self, state: State, ref: Ref, user_id: str, names: Mapping[str, str | None]
    ) -> Json:
        """Shape of a ref that needs no text."""
        return views.from_state(state, ref, user_id, names)


MEDIATION = MediationKind()
