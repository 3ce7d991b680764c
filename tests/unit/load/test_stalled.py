"""Rounds with and without stalled readers alternate, and one bad round decides nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from beheard_hub.load.sending import Answer, Phase
from beheard_hub.load.stalled import ROUNDS, compared


def rounds(order: list[str], took: list[float]) -> Callable[[str], Awaitable[Phase]]:
    left = iter(took)

    async def one(name: str) -> Phase:
        order.append(name.split()[0])
        return Phase(name=name, seconds=1.0, answers=[Answer(0.5, next(left))])

    return one


async def test_the_medians_of_alternating_rounds_are_compared() -> None:
    order: list[str] = []
    found = await compared(
        rounds(order, [0.01] * ROUNDS), rounds(order, [0.011] * (ROUNDS - 1) + [9.0])
    )
    assert order == ["without", "beside", "beside", "without"] * (ROUNDS // 2)
    assert found.ratio == pytest.approx(1.1)
    without, beside = found.phases
    assert (len(without.answers), len(beside.answers)) == (ROUNDS, ROUNDS)
    assert "1.10 x" in beside.note
