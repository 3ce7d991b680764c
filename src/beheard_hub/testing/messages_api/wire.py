"""What the Messages API says, byte by byte: messages, server-sent events, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from beheard_hub.testing.messages_api.recording import Request, text_of

CHARS_PER_TOKEN = 4

_CREDENTIALS = ("authorization", "x-api-key")
"""The SDK sends its key in the first, other clients do in the second."""

ERROR_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How fast it speaks."""

    first_seconds: float = 0.0
    """Before the first piece."""
    between_seconds: float = 0.0
    words_per_piece: int = 3


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A finished answer, before it is sent."""

    id: str
    model: str
    text: str
    stop_reason: str
    usage: Mapping[str, int]

    def message(self) -> dict[str, Any]:
        """The body of an answer that is not streamed."""
        return {
            **self._started(),
            "content": [{"type": "text", "text": self.text}],
            "stop_reason": self.stop_reason,
            "usage": {**self.usage, "output_tokens": tokens(self.text)},
        }

    def opening(self) -> Iterator[bytes]:
        """The events before the first piece of text."""
        yield event("message_start", message=self._started())
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield event("ping")

    def pieces(self, words_per_piece: int) -> Iterator[bytes]:
        """The text, piece by piece."""
        for text in split(self.text, words_per_piece):
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})

    def closing(self) -> Iterator[bytes]:
        """The events after the last piece of text."""
        yield event("content_block_stop", index=0)
        delta = {"stop_reason": self.stop_reason, "stop_sequence": None}
        yield event("message_delta", delta=delta, usage={"output_tokens": tokens(self.text)})
        yield event("message_stop")

    def _started(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**self.usage, "output_tokens": 1},
        }


def event(name: str, **fields: Any) -> bytes:
    """One server-sent event."""
    return _event(name, msgspec.json.encode({"type": name, **fields}))


def garbled() -> bytes:
    """An event as a proxy might leave it: its data ends in the middle."""
    return _event("content_block_delta", b'{"type":"content_block_delta","index":0,"del')


def _event(name: str, data: bytes) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + data + b"\n\n"


def error(status: int, request_id: str, message: str = "By script.") -> dict[str, Any]:
    """The body of an error; the same that an ``error`` event carries."""
    kind = ERROR_TYPES.get(status, "api_error")
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": request_id,
    }


def split(text: str, words_per_piece: int) -> Iterator[str]:
    """The text in groups of words; joined they are the text."""
    start, seen = 0, 0
    for index, char in enumerate(text):
        if char == " ":
            seen += 1
            if seen % words_per_piece == 0:
                yield text[start : index + 1]
                start = index + 1
    if start < len(text):
        yield text[start:]


def tokens(text: str) -> int:
    """A rough count that grows with the text, never 0: also an empty answer costs one."""
    return max(1, len(text) // CHARS_PER_TOKEN)


def input_tokens(request: Request) -> int:
    """The same of all that was asked."""
    return tokens(request.system) + sum(tokens(text) for _, text in request.turns)


def cached_prefix(request: Request) -> str:
    """The instructions up to the last block that may be cached; empty where none may."""
    blocks = request.body.get("system")
    if not isinstance(blocks, list):
        return ""
    marked = [n for n, block in enumerate(blocks, 1) if block.get("cache_control")]
    return text_of(blocks[: marked[-1]]) if marked else ""


def flaw(body: Any, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """Why the real API would refuse such a request, as status and sentence; None where it would
    not."""
    if headers.keys().isdisjoint(_CREDENTIALS):
        return 401, "Authentication is required"
    if "anthropic-version" not in headers:
        return 400, "anthropic-version: header is required"
    if not isinstance(body, dict):
        return 400, "The request body is not valid JSON"
    for name in ("model", "messages"):
        if not body.get(name):
            return 400, f"{name}: Field required"
    if body["messages"][0].get("role") != "user":
        return 400, "messages: first message must use the user role"
    if body["messages"][-1].get("role") != "user":
        return 400, "This model does not support assistant message prefill."
    for turn in body["messages"]:
        if not text_of(turn.get("content") or "").strip():
            return 400, "messages: text content blocks must contain non-whitespace text"
    return None
