"""All that is known of one practice session: ids, flags, counts and times."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Protocol

import msgspec

from beheard_hub.domain.limits import QUOTA_WARNING_PERCENT
from beheard_hub.domain.practice.vocabulary import ACTIVE, EXHAUSTED, GUEST, OK, WARNING


class Numbers(Protocol):
    """Where the numbers of rows come from that the database numbers itself; a port, so that a turn
    knows them before its commit. Gaps are allowed, repeats are not."""

    def number(self, of: str) -> int:
        """The next number ``of`` a ``session``, a ``message`` or a ``scenario``."""


class Asker(msgspec.Struct, frozen=True):
    """What is known of who gives a command, beside the id, as read with this request."""

    role: str = GUEST
    invited: bool = False
    """Whether the session's invitation is one that they made."""


class Exchange(msgspec.Struct, frozen=True, array_like=True):
    """An exchange that is not complete, named by the message that began it."""

    message_id: int
    lane: str
    """Whose turn it is."""
    reminder: str | None
    """By which the lane is asked; None where it has failed and waits for a retry."""

    @property
    def failed(self) -> bool:
        """Nobody is at work on it."""
        return self.reminder is None


class Quota(msgspec.Struct, frozen=True, array_like=True):
    """How many tokens may be used, and how many are."""

    tokens: int
    input: int = 0
    output: int = 0

    @property
    def used(self) -> int:
        """Both ways."""
        return self.input + self.output

    @property
    def remaining(self) -> int:
        """Never below zero, though an exchange may use more than was left."""
        return max(0, self.tokens - self.used)

    @property
    def level(self) -> str:
        """``ok``, ``warning`` below 20 %, or ``exhausted``."""
        if self.remaining == 0:
            return EXHAUSTED
        low = self.remaining * 100 < self.tokens * QUOTA_WARNING_PERCENT
        return WARNING if low else OK

    def charged(self, input_tokens: int, output_tokens: int) -> Quota:
        """After one more call."""
        return Quota(self.tokens, self.input + input_tokens, self.output + output_tokens)


class State(msgspec.Struct, array_like=True, gc=False):
    """One session."""

    id: str
    """The number of its row, as text."""
    user_id: str | None = None
    """The participant; None when the account is gone."""
    invitation_id: str | None = None
    """None for a session that its participant started."""
    scenario_id: int = 0
    status: str = ACTIVE
    started_at: datetime | None = None
    ended_at: datetime | None = None
    total_messages: int = 0
    last_at: datetime | None = None
    """Of the newest message; of the start where there is none."""
    quota: Quota = Quota(0)
    observed: bool = False
    """Whether the invitation says that staff may watch; the participant is told so."""
    expires_at: datetime | None = None
    """Of the invitation."""
    revoked_at: datetime | None = None
    """Of the invitation."""
    exchange: Exchange | None = None
    late: str | None = None
    """The reminder of a call that was under way when the session ended: should it succeed all the
    same it is still charged. Not stored: no call outlives its host."""

    @property
    def key(self) -> dict[str, str | int]:
        """Names its row."""
        return {"id": int(self.id)}

    @property
    def duration_seconds(self) -> int | None:
        """From start to end; None before the end."""
        if self.started_at is None or self.ended_at is None:
            return None
        return int((self.ended_at - self.started_at).total_seconds())


def copied(state: State) -> State:
    """A state that a turn may change while the given one stays as it was: its parts are frozen."""
    return msgspec.structs.replace(state)


@lru_cache(maxsize=1)
def _codec() -> tuple[msgspec.msgpack.Encoder, msgspec.msgpack.Decoder[State]]:
    return msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(State)


def pack(state: State) -> bytes:
    """The state as bytes, for an idle session."""
    return _codec()[0].encode(state)


def unpack(packed: bytes) -> State:
    """The inverse of `pack`."""
    return _codec()[1].decode(packed)
