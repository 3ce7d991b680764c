"""Everything that gateways offer, of all kinds of sessions, as the documents need it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from beheard_hub.domain.mediation import events as mediation_events
from beheard_hub.domain.mediation import protocol as mediation
from beheard_hub.domain.practice import events as practice_events
from beheard_hub.domain.practice import protocol as practice
from beheard_hub.domain.practice.vocabulary import GUEST
from beheard_hub.domain.refusals import Code
from beheard_hub.domain.validation import Data

PARTICIPANT = "the participant, and who observes"


class Offered(msgspec.Struct, frozen=True, kw_only=True):
    """A command, whatever kind decides it."""

    data: type[Data]
    sessionless: bool
    reads: bool
    codes: frozenset[Code]
    """What it can be refused with, as follows from its row."""


class Told(msgspec.Struct, frozen=True):
    """An event of any kind."""

    to: str
    fields: tuple[str, ...]


def _of_mediation(name: str, row: mediation.Row) -> Offered:
    codes: set[Code] = set()
    if name in mediation.COMMANDS:
        codes |= {Code.NOT_FOUND}
    if row.statuses != mediation.ANY:
        codes |= {Code.SESSION_NOT_ACTIVE}
    if row.stages is not None:
        codes |= {Code.INVALID_STAGE}
    return Offered(
        data=row.data, sessionless=row.sessionless, reads=row.reads, codes=frozenset(codes)
    )


def _of_practice(name: str, row: practice.Row) -> Offered:
    in_session = name in practice.COMMANDS
    codes: set[Code] = set()
    if in_session:
        codes |= {Code.NOT_FOUND}
        if not row.reads:
            codes |= {Code.INVITATION_EXPIRED}
    if row.role != GUEST:
        codes |= {Code.FORBIDDEN}
    if row.statuses != practice.ANY:
        codes |= {Code.SESSION_NOT_ACTIVE}
    return Offered(
        data=row.data, sessionless=not in_session, reads=row.reads, codes=frozenset(codes)
    )


COMMANDS: Mapping[str, Offered] = {
    **{
        name: _of_mediation(name, row)
        for name, row in {**mediation.DIRECTORY, **mediation.COMMANDS}.items()
    },
    **{
        name: _of_practice(name, row)
        for name, row in {**practice.DIRECTORY, **practice.COMMANDS}.items()
        if not row.observes
    },
}
"""Command → what the documents need of its row."""

EVENTS: Mapping[str, Told] = {
    **{name: Told(row.to.value, row.fields) for name, row in mediation_events.EVENTS.items()},
    **{name: Told(PARTICIPANT, row.fields) for name, row in practice_events.EVENTS.items()},
}
"""Event → whom it is told, and its fields."""
