"""How the stand-in fails: data, so that a test can go through all of it.

A `Rule` says which requests are meant (call, and a text that stands in the body) and what becomes
of the first, the second, ... of them; after the last one the stand-in answers as it always does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from beheard_hub.testing.messages_api.recording import Request

ANY_CALL = "*"


class Break(StrEnum):
    """What happens to an answer that has begun."""

    ERROR = "error"
    """An error event in the stream."""
    CUT = "cut"
    """The connection ends."""
    STALL = "stall"
    """Nothing more comes, until the asker leaves."""
    GARBLE = "garble"
    """An event whose data is no JSON."""


class Hold:
    """A point where an answer waits for the test."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        """Set when an answer stands there."""
        self._open = asyncio.Event()

    def release(self) -> None:
        """The answer goes on; later ones do not wait."""
        self._open.set()

    async def passed(self) -> None:
        """Waits for `release`."""
        self.reached.set()
        await self._open.wait()


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one request. Without anything told, it is answered."""

    status: int = 200
    """Another one is an error instead of an answer."""
    retry_after_seconds: float | None = None
    breaks: Break | None = None
    after_pieces: int | None = 0
    """How many text deltas come before the break or the hold; None for all of them."""
    text: str | None = None
    """The answer, instead of the one by rule."""
    stop_reason: str = "end_turn"
    hold: Hold | None = None


FAULTS: Mapping[str, Fault] = {
    "rate_limited": Fault(status=429, retry_after_seconds=0.05),
    "server_error": Fault(status=500),
    "overloaded": Fault(status=529),
    "error_before_text": Fault(breaks=Break.ERROR),
    "error_during_text": Fault(breaks=Break.ERROR, after_pieces=2),
    "error_after_text": Fault(breaks=Break.ERROR, after_pieces=None),
    "cut_before_text": Fault(breaks=Break.CUT),
    "cut_during_text": Fault(breaks=Break.CUT, after_pieces=2),
    "cut_after_text": Fault(breaks=Break.CUT, after_pieces=None),
    "stall_before_text": Fault(breaks=Break.STALL),
    "stall_during_text": Fault(breaks=Break.STALL, after_pieces=2),
    "stall_after_text": Fault(breaks=Break.STALL, after_pieces=None),
    "broken_json_before_text": Fault(breaks=Break.GARBLE),
    "broken_json_during_text": Fault(breaks=Break.GARBLE, after_pieces=2),
    "empty": Fault(text=""),
    "blank": Fault(text=" \n "),
    "refusal": Fault(stop_reason="refusal", text=""),
    "refusal_during_text": Fault(stop_reason="refusal"),
    "max_tokens": Fault(stop_reason="max_tokens"),
    "no_json": Fault(text="Here is what I found: nothing."),
    "wrong_shape": Fault(text='{"surprise": [1, 2, 3]}'),
    "half_json": Fault(text='{"needs": [{"need": "Re', stop_reason="max_tokens"),
}
"""Every failure mode by name. The last three are meant for calls with a schema."""


class Rule:
    """A part of the script."""

    def __init__(
        self, call: str, faults: Sequence[Fault | None], containing: str, *, forever: bool
    ) -> None:
        self.requests: list[Request] = []
        """All requests that were meant, also those after the last fault."""
        self._call = call
        self._faults = faults
        self._containing = containing.encode()
        self._forever = forever

    def stop(self) -> None:
        """From now on its requests are answered by rule, and counted all the same."""
        self._faults = ()

    def means(self, request: Request) -> bool:
        """Whether it is about this request."""
        return fnmatchcase(request.call, self._call) and self._containing in request.raw

    def fault(self, request: Request) -> Fault | None:
        """Takes the request, and says what becomes of it; None for an answer by rule."""
        self.requests.append(request)
        count = len(self.requests)
        if count <= len(self._faults):
            return self._faults[count - 1]
        return self._faults[-1] if self._forever and self._faults else None
