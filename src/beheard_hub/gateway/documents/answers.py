"""The responses of a route: every status it can give, with schema, headers and examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from beheard_hub.domain.refusals import CODES, Code
from beheard_hub.gateway.documents import refusing, shapes
from beheard_hub.gateway.documents.operations import pascal
from beheard_hub.gateway.documents.schema import Schema, by_key, closed, described, ref
from beheard_hub.gateway.rest import envelope, streamed
from beheard_hub.gateway.rest.routes import ROUTES, Answer, Method, Route

SEPARATOR = "."
REQUEST_ID = "0195b2104f3a7c91"
DETAILS: Mapping[Code, Mapping[str, str]] = {
    Code.VALIDATION_ERROR: {"content": "1 to 10000 characters"},
    Code.INVALID_STAGE: {"yours": "1", "needed": "2"},
    Code.INTERNAL_ERROR: {"reference": "9c41d07be2f3"},
}
"""What comes with the examples of these codes."""

STREAM_EXAMPLE = (
    'event: user_message\ndata: {"message":{"id":"m1","content":"We argued again."}}\n\n'
    'event: chunk\ndata: {"messageId":"m2","index":0,"text":"That sounds "}\n\n'
    'event: complete\ndata: {"message":{"id":"m2","content":"That sounds tiring."}}\n\n'
)
LINES_EXAMPLE = '{"type":"Message","row":{"content":"We argued again."}}\n'

HEADERS: Mapping[str, Any] = {
    "XRequestId": {
        "description": "Names this request in the hub's logs; quote it when you ask for help.",
        "schema": {"type": "string"},
        "example": REQUEST_ID,
    },
    "RetryAfter": {
        "description": "Seconds to wait before the same request is sent again.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 2,
    },
    "Replayed": {
        "description": "Sent when the Idempotency-Key was answered before: this is the first reply "
        "again, and nothing was done a second time.",
        "schema": {"type": "string", "const": "true"},
        "example": "true",
    },
    "WwwAuthenticate": {
        "description": "How to come in.",
        "schema": {"type": "string", "const": "Bearer"},
        "example": "Bearer",
    },
}
HEADERS_OF: Mapping[Code, tuple[str, str]] = {
    Code.UNAUTHORIZED: ("WWW-Authenticate", "WwwAuthenticate"),
    Code.RATE_LIMITED: ("Retry-After", "RetryAfter"),
    Code.SERVICE_UNAVAILABLE: ("Retry-After", "RetryAfter"),
}
"""Code → the header that comes with it, and its component."""


def codes_of_route(route: Route) -> list[Code]:
    """All codes of a route: those of its command, and those of its door."""
    found = {*refusing.codes_of(route.command), Code.PAYLOAD_TOO_LARGE}
    if not route.public:
        found |= {Code.UNAUTHORIZED}
    if route.role is not None:
        found |= {Code.FORBIDDEN}
    return [code for code in Code if code in found]


def responses_of(route: Route) -> dict[str, Any]:
    """Status → response, in ascending order."""
    found: dict[str, Any] = {str(route.status): _success(route)}
    for status, codes in _by_status(codes_of_route(route)).items():
        found[str(status)] = _refusals(codes)
    return found


def _by_status(codes: list[Code]) -> dict[int, list[Code]]:
    found: dict[int, list[Code]] = {}
    for code in sorted(codes, key=lambda code: CODES[code].http_status):
        found.setdefault(CODES[code].http_status, []).append(code)
    return found


def _headers(*codes: Code, replayed: bool = False) -> dict[str, Schema]:
    named = [(envelope.REQUEST_ID, "XRequestId")]
    named += [HEADERS_OF[code] for code in codes if code in HEADERS_OF]
    named += [(envelope.REPLAYED, "Replayed")] if replayed else []
    return {name: {"$ref": f"#/components/headers/{component}"} for name, component in named}


def _success(route: Route) -> dict[str, Any]:
    if route.answer is Answer.STREAM:
        return {
            "description": "Server-sent events: `user_message` once it is stored, any number of "
            "`chunk`, then `complete` or `error`.",
            "headers": _headers(replayed=True),
            "content": {streamed.EVENTS: {"schema": {"type": "string"}, "example": STREAM_EXAMPLE}},
        }
    if route.answer is Answer.LINES:
        return {
            "description": "One JSON object a line.",
            "headers": _headers(),
            "content": {streamed.LINES: {"schema": {"type": "string"}, "example": LINES_EXAMPLE}},
        }
    name = reply_name(route)
    example = shapes.example_of(route.command, reply_fields(route))
    return {
        "description": "Done.",
        "headers": _headers(replayed=route.method is not Method.GET),
        "content": {
            envelope.JSON: {
                "schema": enveloped(ref(name)),
                "example": {"success": True, "data": example},
            }
        },
    }


def reply_name(route: Route) -> str:
    """The component of what this route answers."""
    return pascal(route.command) + ("AiReply" if route.answer is Answer.AI_REPLY else "Reply")


def reply_fields(route: Route) -> tuple[str, ...]:
    """Its fields."""
    if route.answer is Answer.AI_REPLY:
        return shapes.AI_REPLY
    return shapes.REPLIES[route.command]


def enveloped(data: Schema) -> Schema:
    """Of a success."""
    return closed(
        {
            "success": described({"type": "boolean", "const": True}, "It was done.", True),
            "data": described(data, "What the command answers."),
        },
        ["success", "data"],
    )


def failures() -> dict[str, Schema]:
    """The envelope of every refusal and what is in it, as components."""
    success = described({"type": "boolean", "const": False}, "It was not done.", False)
    error = described(ref("Error"), "What was refused, and why.")
    whole = closed({"success": success, "error": error}, ["success", "error"], "A refusal.")
    return {"Failure": whole, "Error": _error()}


def _error() -> Schema:
    example = Code.VALIDATION_ERROR
    properties = {
        "code": described(
            {"type": "string", "enum": [str(code) for code in Code]},
            "What to act on; never changes its meaning.",
            str(example),
        ),
        "message": described(
            {"type": "string"}, "For people; without private content.", CODES[example].sentence
        ),
        "details": described(
            by_key({"type": "string"}), "Field → what it must be.", dict(DETAILS[example])
        ),
    }
    return closed(properties, ["code", "message"], "What was refused, and why.")


def _refusals(codes: list[Code]) -> dict[str, str]:
    return {"$ref": f"#/components/responses/{SEPARATOR.join(codes)}"}


def shared() -> dict[str, Any]:
    """The refusals that routes give, as components: one for each set of codes."""
    sets = {
        tuple(codes) for route in ROUTES for codes in _by_status(codes_of_route(route)).values()
    }
    return {SEPARATOR.join(codes): _refusal(codes) for codes in sorted(sets)}


def _refusal(codes: tuple[Code, ...]) -> dict[str, Any]:
    narrowed = {"properties": {"code": {"enum": [str(code) for code in codes]}}}
    return {
        "description": " ".join(f"{code}: {CODES[code].sentence}" for code in codes),
        "headers": _headers(*codes),
        "content": {
            envelope.JSON: {
                "schema": {"allOf": [ref("Failure"), {"properties": {"error": narrowed}}]},
                "examples": {
                    str(code): {"$ref": f"#/components/examples/{code}"} for code in codes
                },
            }
        },
    }


def examples(codes: Iterable[Code] = Code) -> dict[str, Any]:
    """One of each refusal, as components."""
    return {str(code): _example(code) for code in codes}


def _example(code: Code) -> dict[str, Any]:
    row = CODES[code]
    error: dict[str, Any] = {"code": str(code), "message": row.sentence}
    if code in DETAILS:
        error["details"] = dict(DETAILS[code])
    again = "Send it again with the same Idempotency-Key." if row.retryable else "Do not repeat it."
    return {
        "summary": row.sentence,
        "description": again,
        "value": {"success": False, "error": error},
    }
