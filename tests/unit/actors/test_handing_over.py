"""Who takes a leaving host's place is known to the gateways before anything is given to it."""

from __future__ import annotations

import pytest

from beheard_hub.actors import handing_over
from beheard_hub.actors.handing_over import met
from tests.unit.actors.handles import Method


class Answering:
    """A handle whose `stats` name so many gateways, one count after the other."""

    def __init__(self, *gateways: int) -> None:
        self.asked = 0
        self._gateways = gateways
        self.stats = Method(self._stats)

    def _stats(self) -> dict[str, int]:
        self.asked += 1
        return {"gateways": self._gateways[min(self.asked, len(self._gateways)) - 1]}


async def test_a_newcomer_is_waited_for_until_as_many_gateways_know_it() -> None:
    newcomer = Answering(0, 1, 2)
    await met(newcomer, Answering(2))
    assert newcomer.asked == 3
    alone = Answering(0)
    await met(alone, Answering(0))
    assert alone.asked == 1, "without gateways nobody waits"


async def test_a_gateway_that_does_not_come_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handing_over, "MEET_SECONDS_MAX", 0.2)
    monkeypatch.setattr(handing_over, "LOOK_AGAIN_SECONDS", 0)
    newcomer = Answering(1)
    await met(newcomer, Answering(2))
    assert newcomer.asked > 1
