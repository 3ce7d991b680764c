"""Which refusals belong to which command: more of them than those of its row in the protocol.

What every command can be refused with follows from its row (`codes_of`); what only its handler
knows is `ALSO`.
"""

from __future__ import annotations

from collections.abc import Mapping

from beheard_hub.domain.refusals import Code
from beheard_hub.domain.validation import Data
from beheard_hub.gateway.documents.offered import COMMANDS, Offered
from beheard_hub.gateway.documents.parts import OTHERS

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
    **OTHERS.also,
}
"""Command → what its handler refuses with, beside what follows from its row."""

ALWAYS = (
    Code.VALIDATION_ERROR,
    Code.RATE_LIMITED,
    Code.INTERNAL_ERROR,
    Code.SERVICE_UNAVAILABLE,
)


READING = Offered(data=Data, sessionless=True, reads=True, codes=frozenset())
"""What is no command (the export) is like one that reads."""


def codes_of(command: str) -> list[Code]:
    """All codes that this command can be refused with, in the order of `Code`."""
    row = COMMANDS.get(command, READING)
    found = {*ALWAYS, *row.codes, *ALSO.get(command, ())}
    if not row.reads:
        found |= {Code.CONFLICT}  # the id of a command, reused with other data
    return [code for code in Code if code in found]
