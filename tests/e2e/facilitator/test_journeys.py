"""All three journeys come to their end with the real provider on the stand-in."""

from __future__ import annotations

import pytest

from beheard_hub.journeys import SIDES

from .conftest import SpokenTown

ENDS = {
    "household": "AGREEMENT",
    "friendship": "AGREEMENT",
    "siblings": "NO_SHARED_AGREEMENT",
}


@pytest.mark.parametrize(("name", "outcome"), ENDS.items())
async def test_a_journey_plays_to_its_end(town: SpokenTown, name: str, outcome: str) -> None:
    before = len(town.api.requests)
    result = await town.play(name)
    assert (result.status, result.outcome) == ("RESOLVED", outcome)
    calls = {request.call for request in list(town.api.requests)[before:]}
    stages = {f"stage{stage}" for stage in range(5)}
    assert calls >= stages | {"synthesis", "transform", "common_ground", "suggest"}
    for side in SIDES:
        heard = result.events[side]
        assert heard == list(range(1, len(heard) + 1))
