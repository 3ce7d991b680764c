"""How often one user may ask (spec 5.3): token buckets, shared by all connections of the user.

Pure: the caller brings the time, in monotonic seconds. What a user spends on other gateways comes
and goes by `tally.py`: it puts the user into `shared` and takes out what to report.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from beheard_hub.domain import limits

Rate: TypeAlias = tuple[int, float, int]
"""Tokens, per how many seconds, burst."""

EVERY = "commands"
"""The row of `limits.RATES` that counts all of them."""
NAMED: Mapping[str, str] = {
    "message.send": "messages",
    "emotions.record": "emotions",
    "exercises.complete": "exercises",
    "invitation.get": "invitations",
    "practice_invitation.validate": "invitations",
    "practice_invitation.claim": "invitations",
    "auth.me": "account",
    "account.export": "export",
    "auth.push_token": "push-token",
    "ably_token.get": "ably-token",
    "telemetry.record": "telemetry",
}
"""Commands with a rate of their own, or a name that several of them share → its row of
`limits.RATES`."""
COMMAND_RATES: Mapping[str, Rate] = {name: limits.RATES[row] for name, row in NAMED.items()}

SHARED: Mapping[str, str] = {
    "practice.send": "message.send",
    "profile.get": "auth.me",
    "profile.update": "auth.me",
    "account.erase": "auth.me",
    "push_token.set": "auth.push_token",
    "push_token.clear": "auth.push_token",
}
"""Command → the name of `COMMAND_RATES` under which it is counted."""

PER_ADDRESS = frozenset(
    {
        "invitation.get",
        "practice_invitation.validate",
        "practice_invitation.claim",
        "telemetry.record",
    }
)
"""Of these, the ones that are counted per address where one is known, else per user."""

USERS_REMEMBERED_MAX = 20_000
"""Users and addresses."""


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
        return self.missing(now) <= 0

    def missing(self, now: float) -> float:
        """Tokens to a full bucket."""
        self._refill(now)
        return self._burst - self._tokens

    def owe(self, tokens: float, now: float) -> None:
        """Tokens that were spent elsewhere; the bucket may fall below zero."""
        self._refill(now)
        self._tokens -= tokens

    def lack(self, tokens: float, now: float) -> None:
        """At least so many are missing."""
        self._refill(now)
        self._tokens = min(self._tokens, self._burst - tokens)


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
        self.shared: dict[str, dict[str, int]] = {}
        """Users who are on other gateways too: tokens spent here, by bucket, not reported yet."""
        self.on_spent: Callable[[], None] = lambda: None
        """Called when something was noted in `shared`."""
        self._users: dict[str, dict[str, TokenBucket]] = {}

    @classmethod
    def of(cls, chosen: Mapping[str, Rate], *, enabled: bool = True) -> Rates:
        """Those of `limits.RATES`, but for the `chosen` rows."""
        rows = {**limits.RATES, **chosen}
        named = {name: rows[row] for name, row in NAMED.items()}
        return cls(rows[EVERY], named, enabled=enabled)

    def __len__(self) -> int:
        return len(self._users)

    def effective(self) -> Mapping[str, int]:
        """What a client is told: commands at once, and in a minute in the long run, of all and of
        `message.send`; nothing where no rate holds."""
        if not self.enabled:
            return {}
        told = {"commands": self._every, "messages": self._named.get("message.send", self._every)}
        found: dict[str, int] = {}
        for name, (tokens, seconds, burst) in told.items():
            found[f"{name}PerMinute"] = int(tokens * 60 / seconds)
            found[f"{name}AtOnce"] = burst
        return found

    def command(self, user_id: str, name: str, now: float, address: str = "") -> int:
        """Counts one command; 0 if it may go on, else milliseconds after which it might."""
        if not self.enabled:
            return 0
        chosen = {"": self._bucket(user_id, "", now)}
        name = SHARED.get(name, name)
        if name in self._named:
            by_address = bool(address) and name in PER_ADDRESS
            holder = f"@{address}" if by_address else user_id
            chosen["@" if by_address else name] = self._bucket(holder, name, now)
        wait = max(bucket.wait_ms(now) for bucket in chosen.values())
        if wait == 0:
            for bucket in chosen.values():
                bucket.take(now)
            if self.shared:
                self._note(user_id, chosen)
        return wait

    def _bucket(self, holder: str, name: str, now: float) -> TokenBucket:
        buckets = self._users.get(holder)
        if buckets is None:
            self._forget_idle(now)
            buckets = self._users[holder] = {}
        bucket = buckets.get(name)
        if bucket is None:
            rate = self._named[name] if name else self._every
            bucket = buckets[name] = TokenBucket(rate, now)
        return bucket

    # ---- what other gateways must know

    def _note(self, user_id: str, spent: Iterable[str]) -> None:
        noted = self.shared.get(user_id)
        if noted is None:
            return
        for name in spent:  # "@" too: whoever hears of it has no such bucket
            noted[name] = noted.get(name, 0) + 1
        self.on_spent()

    def owed(self, user_id: str, now: float) -> dict[str, float]:
        """Tokens missing now, by bucket; empty when forgetting the user changes nothing."""
        buckets = self._users.get(user_id, {})
        missing = {name: bucket.missing(now) for name, bucket in buckets.items()}
        return {name: tokens for name, tokens in missing.items() if tokens > 0}

    def owe(
        self, user_id: str, spent: Mapping[str, int], owed: Mapping[str, float], now: float
    ) -> None:
        """Takes over what another gateway said: `spent` since its last word, `owed` in all."""
        if not self.enabled:
            return
        for name, tokens in spent.items():
            if not name or name in self._named:
                self._bucket(user_id, name, now).owe(tokens, now)
        for name, missing in owed.items():
            if not name or name in self._named:
                self._bucket(user_id, name, now).lack(missing, now)

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
