"""Which refusals belong to which command: more of them than those of its row in the protocol.

What every command can be refused with follows from its row (`codes_of`); what only its handler
knows is `ALSO`.
"""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.mediation.protocol import ANY, COMMANDS, DIRECTORY, Row
from beheard_hub.domain.refusals import Code

_ANSWERED = (Code.FORBIDDEN, Code.INVITATION_EXPIRED)
_PARTNERS = (Code.CONSENT_REQUIRED, Code.PARTNER_NOT_READY, Code.CONSENT_REVOKED)

ALSO: Mapping[str, tuple[Code, ...]] = {
    "session.create": (Code.NOT_FOUND,),
    "invitation.get": (Code.NOT_FOUND,),
    "invitation.accept": _ANSWERED,
    "invitation.decline": _ANSWERED,
    "invitation.resend": (Code.FORBIDDEN,),
    "session.resolve": (Code.GATE_NOT_SATISFIED, Code.INVALID_STAGE),
    "empathy.consent": (Code.GATE_NOT_SATISFIED,),
    "empathy.partner": _PARTNERS,
    "empathy.validate": _PARTNERS,
    "empathy.accept_feedback": (Code.CONSENT_REQUIRED, Code.GATE_NOT_SATISFIED),
    "needs.list": (Code.CONFLICT,),
    "needs.consent": (Code.GATE_NOT_SATISFIED,),
    "strategies.overlap": (Code.PARTNER_NOT_READY,),
    "agreement.create": (Code.GATE_NOT_SATISFIED,),
    "consent.request": (Code.GATE_NOT_SATISFIED, Code.INVALID_STAGE),
    "library.list": (Code.FORBIDDEN,),
    "library.add": (Code.FORBIDDEN,),
    "library.edit": (Code.FORBIDDEN, Code.NOT_FOUND),
    "library.remove": (Code.FORBIDDEN, Code.NOT_FOUND),
    "consent.decide": (Code.GATE_NOT_SATISFIED, Code.INVALID_STAGE),
}
"""Command → what its handler refuses with, beside what follows from its row."""

ALWAYS = (
    Code.VALIDATION_ERROR,
    Code.RATE_LIMITED,
    Code.INTERNAL_ERROR,
    Code.SERVICE_UNAVAILABLE,
)


READING = Row(statuses=ANY, reads=True)
"""What is no command (the export) is like one that reads."""


def row_of(command: str) -> Row:
    """The command's row, with or without a session."""
    return COMMANDS.get(command) or DIRECTORY.get(command, READING)


def codes_of(command: str) -> list[Code]:
    """All codes that this command can be refused with, in the order of `Code`."""
    row = row_of(command)
    found = {*ALWAYS, *ALSO.get(command, ())}
    if not row.reads:
        found |= {Code.CONFLICT}  # the id of a command, reused with other data
    if command in COMMANDS:
        found |= {Code.NOT_FOUND}
    if row.statuses != ANY:
        found |= {Code.SESSION_NOT_ACTIVE}
    if row.stages is not None:
        found |= {Code.INVALID_STAGE}
    return [code for code in Code if code in found]
