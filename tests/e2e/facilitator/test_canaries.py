"""No word of the partner is in a request to the provider but what was consented to and active."""

from __future__ import annotations

import pytest

from beheard_hub.journeys import SIDES, Side
from beheard_hub.testing.messages_api import Request
from tests.e2e.canaries import Reach, found_in
from tests.e2e.sweep import Sweep

from .conftest import SpokenTown

SHARED_CALLS = ("common_ground",)
"""Made from what both let cross; nobody's own."""


@pytest.fixture(scope="module")
async def sweep(town: SpokenTown) -> Sweep:
    """The session in which every text field held a word, played once."""
    return await Sweep(town).play()


@pytest.fixture(scope="module")
def requests(town: SpokenTown, sweep: Sweep) -> list[Request]:
    """All requests that hold any of its words."""
    known = {word for sown in sweep.sown.values() for word in sown.words()}
    names = set(sweep.names.values())
    return [r for r in town.api.requests if found_in(r.raw) & (known | names)]


def private(sweep: Sweep, side: Side) -> set[str]:
    """What this one wrote for nobody else."""
    return sweep.sown[side].words(Reach.PRIVATE, Reach.REFUSED) - names_of(sweep, side)


def names_of(sweep: Sweep, side: Side) -> set[str]:
    """What this one is called, before and after."""
    sown = sweep.sown[side]
    renamed = {word for word, path in sown.path.items() if path == "profile.update.name"}
    return {sweep.names[side]} | renamed


def asker(sweep: Sweep, request: Request) -> Side | None:
    """Whose request it is, by the name in its context; None where it has none."""
    named = {context["names"]["user"] for context in request.data("context")}
    return next((side for side in SIDES if named & names_of(sweep, side)), None)


@pytest.mark.parametrize(("own", "other"), [SIDES, SIDES[::-1]])
async def test_a_request_of_one_holds_nothing_private_of_the_other(
    sweep: Sweep, requests: list[Request], own: Side, other: Side
) -> None:
    mine = [request for request in requests if asker(sweep, request) == own]
    assert len(mine) > 10
    seen = found_in(*(request.raw for request in mine))
    assert len(seen & private(sweep, own)) > 15, "the search finds what is there"
    assert sweep.sown[other].paths(seen & private(sweep, other)) == set()


async def test_no_request_holds_private_words_of_both(
    sweep: Sweep, requests: list[Request]
) -> None:
    for request in requests:
        found = found_in(request.raw)
        holders = [side for side in SIDES if found & private(sweep, side)]
        assert len(holders) <= 1, request.call


async def test_what_is_compared_has_crossed(sweep: Sweep, requests: list[Request]) -> None:
    compared = [request for request in requests if request.call in SHARED_CALLS]
    assert compared
    for side in SIDES:
        seen = found_in(*(request.raw for request in compared))
        assert seen & sweep.sown[side].words(Reach.CROSSES)
        assert sweep.sown[side].paths(seen & private(sweep, side)) == set()


async def test_what_crossed_reaches_the_facilitator_of_the_other(
    sweep: Sweep, requests: list[Request]
) -> None:
    for own, other in (SIDES, SIDES[::-1]):
        mine = [request.raw for request in requests if asker(sweep, request) == own]
        assert found_in(*mine) & sweep.sown[other].words(Reach.CROSSES)


async def test_what_was_refused_reaches_no_model(sweep: Sweep, town: SpokenTown) -> None:
    refused = sweep.stranger.words()
    for sown in sweep.sown.values():
        refused |= sown.words(Reach.REFUSED)
    assert not found_in(*(request.raw for request in town.api.requests)) & refused


async def test_instructions_hold_no_word_of_anybody(requests: list[Request]) -> None:
    assert requests
    assert not found_in(*(request.system for request in requests))
