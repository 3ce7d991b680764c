"""The envelope of spec 5.3: ``{"success": true, "data": ...}`` or ``{"success": false, "error":
{"code", "message", "details?"}}``, with the status and the headers that belong to it. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import msgspec

from beheard_hub.domain.refusals import CODES, Code
from beheard_hub.gateway.frames import Error

REQUEST_ID = "X-Request-Id"
REPLAYED = "Idempotent-Replayed"
"""Says that the same id was answered before: nothing was done a second time."""
JSON = "application/json"

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_ENCODER = msgspec.json.Encoder()


class Answered(msgspec.Struct, frozen=True):
    """A response but for its request id."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Answered({self.status})"


def success(data: Mapping[str, Any], status: int, *, duplicate: bool = False) -> Answered:
    """A reply, as its client reads it."""
    body = _ENCODER.encode({"success": True, "data": data})
    return Answered(status, body, {REPLAYED: "true"} if duplicate else {})


def failure(error: Error) -> Answered:
    """A refusal with the status of its code. A code that nobody knows is ours: 500."""
    row = CODES[_code(error)]
    body = _ENCODER.encode({"success": False, "error": shown(error)})
    return Answered(row.http_status, body, _headers(row.http_status, error))


def shown(error: Error) -> dict[str, Any]:
    """The `error` of the envelope; an SSE `error` event holds the same."""
    found: dict[str, Any] = {"code": _code(error).value, "message": error.message}
    return {**found, "details": error.details} if error.details else found


def request_id(given: str | None) -> str:
    """The client's own id where it is a harmless one, else a new one."""
    return given if given is not None and _SANE_ID.fullmatch(given) else uuid4().hex


def _code(error: Error) -> Code:
    return Code(error.code) if error.code in CODES else Code.INTERNAL_ERROR


def _headers(status: int, error: Error) -> dict[str, str]:
    if status == CODES[Code.UNAUTHORIZED].http_status:
        return {"WWW-Authenticate": "Bearer"}
    if status in (
        CODES[Code.RATE_LIMITED].http_status,
        CODES[Code.SERVICE_UNAVAILABLE].http_status,
    ):
        return {"Retry-After": str(max(1, math.ceil((error.retry_after_ms or 0) / 1000)))}
    return {}
