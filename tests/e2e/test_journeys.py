"""A journey that nothing disturbs comes to its end, and each side hears all of it once."""

from __future__ import annotations

from beheard_hub import journeys
from beheard_hub.demo.record import PlayResult
from beheard_hub.journeys import SIDES


async def test_an_undisturbed_journey_ends_with_an_agreement(friendship: PlayResult) -> None:
    assert (friendship.status, friendship.outcome) == ("RESOLVED", "AGREEMENT")


async def test_every_event_comes_once_and_in_order(friendship: PlayResult) -> None:
    for side in SIDES:
        heard = friendship.events[side]
        assert len(heard) > 10
        assert heard == list(range(1, len(heard) + 1))


async def test_every_sentence_that_was_said_is_answered(friendship: PlayResult) -> None:
    said = sum(
        len(step.sides) for step in journeys.load("friendship").steps if step.say is not None
    )
    assert friendship.messages == said
