"""Every "no" the hub can say: code, HTTP status, whether trying again helps, and its sentence.

Codes and statuses are those of spec 5.3 and 8. A refusal is a value, not an exception; it never
carries private text, only ids, field names, limits and stages.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Error codes of the protocol (spec 5.3, 8). Names are never reused."""

    UNAUTHORIZED = "UNAUTHORIZED"
    FORBIDDEN = "FORBIDDEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    INVALID_STAGE = "INVALID_STAGE"
    GATE_NOT_SATISFIED = "GATE_NOT_SATISFIED"
    CONSENT_REQUIRED = "CONSENT_REQUIRED"
    CONSENT_REVOKED = "CONSENT_REVOKED"
    PARTNER_NOT_READY = "PARTNER_NOT_READY"
    SESSION_NOT_ACTIVE = "SESSION_NOT_ACTIVE"
    INVITATION_EXPIRED = "INVITATION_EXPIRED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
    RATE_LIMITED = "RATE_LIMITED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class CodeRow(msgspec.Struct, frozen=True):
    """What a code means to HTTP, to a retrying client, and to a person."""

    http_status: int
    retryable: bool
    sentence: str


CODES: Mapping[Code, CodeRow] = {
    Code.UNAUTHORIZED: CodeRow(401, False, "No valid token came with this request."),
    Code.FORBIDDEN: CodeRow(403, False, "You may not do this."),
    Code.NOT_FOUND: CodeRow(404, False, "There is nothing here under that id."),
    Code.CONFLICT: CodeRow(409, False, "This has already been done or decided."),
    Code.VALIDATION_ERROR: CodeRow(400, False, "Some fields are not as they must be."),
    Code.INVALID_STAGE: CodeRow(400, False, "This belongs to another stage."),
    Code.GATE_NOT_SATISFIED: CodeRow(400, False, "Something else has to be done first."),
    Code.CONSENT_REQUIRED: CodeRow(403, False, "This needs a consent that has not been given."),
    Code.CONSENT_REVOKED: CodeRow(403, False, "The consent for this was taken back."),
    Code.PARTNER_NOT_READY: CodeRow(400, False, "Your partner is not there yet."),
    Code.SESSION_NOT_ACTIVE: CodeRow(400, False, "The session does not allow this now."),
    Code.INVITATION_EXPIRED: CodeRow(410, False, "This invitation has expired."),
    Code.QUOTA_EXHAUSTED: CodeRow(402, False, "What this conversation may cost is used up."),
    Code.PAYLOAD_TOO_LARGE: CodeRow(413, False, "The request is too large."),
    Code.RATE_LIMITED: CodeRow(429, True, "Too many requests; slow down a little."),
    Code.SERVICE_UNAVAILABLE: CodeRow(
        503, True, "Not possible at this moment; send the same command id again."
    ),
    Code.INTERNAL_ERROR: CodeRow(500, True, "Something went wrong on our side."),
}


class Refusal(msgspec.Struct, frozen=True):
    """A refused command. `details` maps a field (or ``yours``, ``needed``...) to its reason."""

    code: Code
    details: Mapping[str, str] | None = None
    message: str | None = None
    """Overrides the code's sentence; for people, no private content."""
    retry_after_ms: int | None = None

    @property
    def sentence(self) -> str:
        """What a person reads."""
        return self.message or CODES[self.code].sentence

    @property
    def retryable(self) -> bool:
        """Whether the same id may be sent again with hope (spec 5.2, rules)."""
        return CODES[self.code].retryable
