"""Journeys go on to their end while the machine under them dies: nothing is lost or repeated."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence

from beheard_hub.demo.record import PlayResult, Unwatched
from beheard_hub.journeys import SIDES, Side, Step
from beheard_hub.testing.hub_process import START_SECONDS_MAX

from .conftest import Town

LOOK_AGAIN_SECONDS = 0.05


class Killer(Unwatched):
    """Kills -9 a process that it has not killed yet, once at each of the given steps. Where none is
    known to be alive just then, the journey stands still, both phones with it, until one is: else
    it may be over before the hub has said which processes came in the place of the dead. The
    longest known goes first, so that of two hosts the one with the session is among the first
    two."""

    def __init__(self, victims: Callable[[], Sequence[int]], steps: Sequence[int]) -> None:
        self._victims = victims
        self._due = list(steps)
        self._known: list[int] = []
        self.killed: list[int] = []

    def step(self, number: int, side: Side, step: Step) -> None:
        """Strikes when it is time. Raises TimeoutError where there is nobody to strike."""
        if not self._due or number < self._due[0]:
            return
        until = time.monotonic() + START_SECONDS_MAX
        while not self._strikes():
            if time.monotonic() > until:
                raise TimeoutError("no process came in the place of those that were killed")
            time.sleep(LOOK_AGAIN_SECONDS)
        del self._due[0]

    def _strikes(self) -> bool:
        alive = self._victims()
        self._known += [pid for pid in alive if pid not in self._known]
        for pid in self._known:
            if pid in alive and pid not in self.killed:
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)
                return True
        return False


async def test_a_journey_outlives_three_kills_of_its_hosts(town: Town) -> None:
    killer = Killer(lambda: town.hub.address()["host_pids"], steps=(20, 45, 70))
    result = await town.play("household", killer)
    assert len(killer.killed) == 3
    assert (result.status, result.outcome) == ("RESOLVED", "AGREEMENT")
    assert_whole(result)


async def test_a_journey_outlives_a_kill_of_postgres(town: Town) -> None:
    killer = Killer(lambda: [town.hub.address()["postgres_pid"]], steps=(40,))
    result = await town.play("siblings", killer)
    assert len(killer.killed) == 1
    assert (result.status, result.outcome) == ("RESOLVED", "NO_SHARED_AGREEMENT")
    assert_whole(result)


def assert_whole(result: PlayResult) -> None:
    """Each side heard its events from the first on, without a hole and without a repeat."""
    for side in SIDES:
        heard = result.events[side]
        assert len(heard) > 10
        assert heard == list(range(1, len(heard) + 1))
