"""How often one user may ask (spec 5.3): token buckets, shared by all connections of the user.

Pure: the caller brings the time, in monotonic seconds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from beheard_hub.domain import limits

Rate: TypeAlias = tuple[int, float, int]
"""Tokens, per how many seconds, burst."""

COMMAND_RATES: Mapping[str, Rate] = {
    "message.send": limits.MESSAGE_RATE,
    "emotions.record": limits.EMOTION_RATE,
    "exercises.complete": limits.EXERCISE_RATE,
    "invitation.get": limits.INVITATION_PREVIEW_RATE,
}
"""Commands with a rate of their own, beside `limits.COMMAND_RATE` for all of them."""

USERS_REMEMBERED_MAX = 20_000


class TokenBucket:
    """Holds up to `burst` tokens and regains them evenly."""

    __slots__ = ("_at", "_burst", "_per_second", "_tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        tokens, seconds, burst = rate
        self._per_second = tokens / seconds
        self._burst = float(burst)
        self._tokens = self._burst
        self._at = now

    def _refill(self, now: float) -> None:
        if now > self._at:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
            self._at = now

    def wait_ms(self, now: float) -> int:
        """Milliseconds until a token is there; 0 if one is."""
        self._refill(now)
        missing = 1.0 - self._tokens
        return 0 if missing <= 0 else max(1, math.ceil(missing / self._per_second * 1000))

    def take(self, now: float) -> int:
        """Takes a token and returns 0, or returns the milliseconds until one is there."""
        wait = self.wait_ms(now)
        if wait == 0:
            self._tokens -= 1.0
        return wait

    def full(self, now: float) -> bool:
        """True when forgetting this bucket changes nothing."""
        self._refill(now)
        return self._tokens >= self._burst


class Rates:
    """The buckets of every user of one gateway."""

    def __init__(
        self,
        every: Rate = limits.COMMAND_RATE,
        named: Mapping[str, Rate] = COMMAND_RATES,
        *,
        enabled: bool = True,
    ) -> None:
        self._every = every
        self._named = named
        self.enabled = enabled
        self._users: dict[str, dict[str, TokenBucket]] = {}

    def __len__(self) -> int:
        return len(self._users)

    def command(self, user_id: str, name: str, now: float) -> int:
        """Counts one command; 0 if it may go on, else milliseconds after which it might."""
        if not self.enabled:
            return 0
        buckets = self._users.get(user_id)
        if buckets is None:
            self._forget_idle(now)
            buckets = self._users[user_id] = {"": TokenBucket(self._every, now)}
        chosen = [buckets[""]]
        if (rate := self._named.get(name)) is not None:
            if name not in buckets:
                buckets[name] = TokenBucket(rate, now)
            chosen.append(buckets[name])
        wait = max(bucket.wait_ms(now) for bucket in chosen)
        if wait == 0:
            for bucket in chosen:
                bucket.take(now)
        return wait

    def _forget_idle(self, now: float) -> None:
        if len(self._users) < USERS_REMEMBERED_MAX:
            return
        idle = [
            user
            for user, buckets in self._users.items()
            if all(bucket.full(now) for bucket in buckets.values())
        ]
        for user in idle or [next(iter(self._users))]:
            del self._users[user]
