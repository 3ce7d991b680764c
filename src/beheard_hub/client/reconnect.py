"""What to do when a connection ends: a table by close code, and the waiting between attempts."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable, Mapping
from enum import Enum

import msgspec

FIRST_DELAY_SECONDS = 0.1
DELAY_SECONDS_MAX = 15.0
QUICK_SECONDS = 10.0
"""A gateway that died is back by then: so long after a loss nobody waits long."""
STEADY_SECONDS = 5.0
"""A connection that held so long was a good one. The loss of a second one in a row that was not is
no first loss: a client which is closed right after each hello waits longer each time."""
QUICK_DELAY_SECONDS_MAX = 2.0


class Then(Enum):
    """What follows a closed connection."""

    RETRY = "connect again"
    RENEW = "ask for a new token, then connect again"
    STOP = "trying again would end the same way"


class CloseRule(msgspec.Struct, frozen=True):
    """`seconds_min`: wait at least so long before the next attempt."""

    then: Then
    meaning: str
    seconds_min: float = 0.0

    def is_final(self, denied: int, *, renewable: bool) -> bool:
        """Whether it ends here. `denied`: how often in a row a token was not accepted;
        `renewable`: whether another one can be had."""
        if self.then is Then.RENEW:
            return denied > 1 or not renewable
        return self.then is Then.STOP


CLOSE_RULES: Mapping[int, CloseRule] = {
    1009: CloseRule(Then.STOP, "a frame was too large"),
    1012: CloseRule(Then.RETRY, "the hub restarts", 0.5),
    1013: CloseRule(Then.RETRY, "the hub is overloaded, or cannot check tokens now", 5.0),
    4400: CloseRule(Then.STOP, "the hub did not understand this client"),
    4401: CloseRule(Then.RENEW, "the token was not accepted or has expired"),
    4403: CloseRule(Then.STOP, "this is not allowed"),
    4408: CloseRule(Then.RETRY, "this client read too slowly", 1.0),
    4409: CloseRule(Then.STOP, "replaced by the operator"),
    4429: CloseRule(Then.RETRY, "too many connections or frames", 30.0),
}
OTHERWISE = CloseRule(Then.RETRY, "the connection was lost")


def rule_for(close_code: int | None) -> CloseRule:
    """Rule of a close code (spec 5.2); unknown codes and broken connections are tried again."""
    return CLOSE_RULES.get(close_code or 0, OTHERWISE)


def delay_seconds(
    attempt: int, first: float = FIRST_DELAY_SECONDS, at_most: float | None = None
) -> float:
    """Exponential with full jitter: anywhere from 0 to first · 2^attempt, at most 15 s."""
    ceiling = min(at_most or DELAY_SECONDS_MAX, first * 2.0 ** min(attempt, 16))
    return random.uniform(0.0, ceiling)  # noqa: S311 - spreads load, guards nothing


class Attempts:
    """One connection, lost and tried again until the hub says hello: whether, and after how long.

    In the first `QUICK_SECONDS` the waits grow to `QUICK_DELAY_SECONDS_MAX` only, so that whoever
    lost a gateway is back soon after it is; then to `DELAY_SECONDS_MAX`, so that a hub which stays
    away is not hammered. Each is drawn from 0 to its ceiling: what was lost at once does not come
    back at once.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began_at = now()
        self._short = 0
        """Connections in a row that did not hold."""
        self._lost_at: float | None = None
        self._count = 0
        self._denied = 0

    def begins(self) -> None:
        """Another attempt is made now."""
        self._began_at = self._now()

    def after(self, code: int | None, *, greeted: bool, renewable: bool) -> float | None:
        """Seconds to wait after an attempt that ended with `code`; None: it would end the same way.

        `greeted`: the hub had said hello; `renewable`: another token can be had.
        """
        rule, now = rule_for(code), self._now()
        if greeted:
            self._short = 0 if now - self._began_at >= STEADY_SECONDS else self._short + 1
        if self._lost_at is None or (greeted and self._short <= 1):
            self._lost_at, self._count = now, 0
        self._denied = 0 if greeted or rule.then is not Then.RENEW else self._denied + 1
        if rule.is_final(self._denied, renewable=renewable):
            return None
        quick = now - self._lost_at < QUICK_SECONDS
        wait = delay_seconds(self._count, at_most=QUICK_DELAY_SECONDS_MAX if quick else None)
        self._count += 1
        return rule.seconds_min + wait


class _Claims(msgspec.Struct):
    exp: float | None = None


def expires_at(token: str) -> float | None:
    """Unix time of the token's ``exp``, unverified; None for a token that tells nothing."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        return msgspec.json.decode(payload, type=_Claims).exp
    except (ValueError, msgspec.MsgspecError):
        return None
