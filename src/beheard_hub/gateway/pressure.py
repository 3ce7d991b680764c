"""How many commands of one user may be under way: fewer while the hosts have enough to do.

A hub that takes all it is offered spends itself on taking it: at twice what it can do, 64 commands
of every connection wait for seconds, and what is left for their commits is less than before. So a
gateway lets about as many commands be under way as its hosts answer in `TARGET_SECONDS`, which
keeps them busy. The more there are, the fewer a user may have, the same number for all, however
many connections they have: who has fewer under way is not refused, who has more is refused first,
and everybody may have one.

Pure: the caller brings the time, in monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable

TARGET_SECONDS = 0.5
"""What the commands of one gateway may take when they are as many as they may be."""
ENOUGH_MIN = 1_024
"""So many may be under way in any case: it is not known what hosts can do that did little."""
FEW = 8
"""Of one user, when as many are under way as should be: twice as many at half of that, half
as many at twice."""
LOOK_SECONDS = 0.25
"""Over which answers are counted."""
RETRY_MS = (100, 5_000)
"""What who is refused is told to wait, at least and at most."""


class Pressure:
    """Of the commands that one gateway has sent and that have no answer."""

    def __init__(self, connection_max: int, under_way: Callable[[], int] = lambda: 0) -> None:
        self._connection_max = connection_max
        self._under_way = under_way
        self._of_user: dict[str, int] = {}
        """Who has none is not in it."""
        self._since = 0.0
        self._answers = 0
        self._per_second = 0.0
        self._enough = ENOUGH_MIN

    def wait_ms(self, user_id: str, unacked: int) -> int:
        """0 if a connection of that user that has so many under way may have one more; else how
        long it should wait: about until what is under way is answered."""
        theirs = self._of_user.get(user_id, 0)
        if not theirs:
            return 0
        under_way = self._under_way()
        if unacked < self._connection_max and theirs * under_way < FEW * self._enough:
            return 0
        least, most = RETRY_MS
        if not self._per_second:
            return least
        return min(most, max(least, int(under_way / self._per_second * 1000)))

    def count(self, user_id: str, commands: int) -> None:
        """So many more of that user's are under way by websocket; below 0: fewer."""
        theirs = self._of_user.pop(user_id, 0) + commands
        if theirs:
            self._of_user[user_id] = theirs

    def answered(self, now: float) -> None:
        """A command has its answer."""
        self._answers += 1
        past = now - self._since
        if past >= LOOK_SECONDS:
            self._per_second = self._answers / past
            self._enough = max(ENOUGH_MIN, int(self._per_second * TARGET_SECONDS))
            self._since, self._answers = now, 0
