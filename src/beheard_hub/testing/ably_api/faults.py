"""How the stand-in fails: data, so that a test can go through all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec

from beheard_hub.testing.ably_api.recording import Request

ANY_CALL = "*"


class Break(StrEnum):
    """What happens instead of an answer."""

    CUT = "cut"
    """The connection ends."""
    STALL = "stall"
    """Nothing comes, until the asker leaves."""
    AFTER = "after"
    """It is done and kept, and then the connection ends."""
    GARBLE = "garble"
    """A page that nobody of Ably wrote."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one request."""

    status: int = 200
    code: int = 0
    """Ably's own number for what is wrong."""
    breaks: Break | None = None


FAULTS: Mapping[str, Fault] = {
    "rate_limited": Fault(status=429, code=42910),
    "server_error": Fault(status=500, code=50000),
    "unavailable": Fault(status=503, code=50003),
    "stall": Fault(breaks=Break.STALL),
    "cut": Fault(breaks=Break.CUT),
    "cut_after": Fault(breaks=Break.AFTER),
    "garbled": Fault(status=502, breaks=Break.GARBLE),
    "key_revoked": Fault(status=401, code=40131),
    "forbidden": Fault(status=403, code=40160),
    "bad_request": Fault(status=400, code=40000),
    "token_invalid": Fault(status=400, code=103005),
    "registration_expired": Fault(status=410, code=41001),
}
"""Every failure mode by name. The last two are the ones that say: this device is gone."""


class Rule:
    """A part of the script: which requests are meant, and what becomes of the first, the second,
    ... of them; after the last one the stand-in answers as it always does."""

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
        """From now on its requests are answered, and counted all the same."""
        self._faults = ()

    def means(self, request: Request) -> bool:
        """Whether it is about this request."""
        return fnmatchcase(request.call, self._call) and self._containing in request.raw

    def fault(self, request: Request) -> Fault | None:
        """Takes the request, and says what becomes of it; None for an answer."""
        self.requests.append(request)
        count = len(self.requests)
        if count <= len(self._faults):
            return self._faults[count - 1]
        return self._faults[-1] if self._forever and self._faults else None
