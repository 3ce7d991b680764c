"""The shortest form of `make chaos`, in every run: one fault of each kind under a small load."""

from __future__ import annotations

import pytest
from chaos.hub import Ground
from chaos.plans import PLANS
from chaos.run import struck_and_judged
from msgspec import structs

from .conftest import Town


@pytest.mark.parametrize("name", ["hosts", "gateways", "freeze"])
async def test_every_promise_is_kept_when_one_thing_breaks(town: Town, name: str) -> None:
    plan = structs.replace(PLANS[name], pairs=4, practices=1, think_seconds=0.2)
    made = await struck_and_judged(plan, Ground(town.hub, town.issuer), seed=1, strikes=1)
    assert made.violations == []
    assert sum(made.faults.values()) == 1
    assert made.acked > 5 * made.people
