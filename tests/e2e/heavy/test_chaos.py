"""The short form of `make chaos`: processes die and freeze, cables are cut, while people send."""

from __future__ import annotations

import pytest
from chaos.hub import Ground
from chaos.plans import PLANS
from chaos.run import struck_and_judged

from tests.e2e.conftest import Town

SEED = 20
STRIKES = {"hosts": 2, "gateways": 1, "postgres": 1, "freeze": 1, "network": 1}
"""By plan; each is under load before, between and after."""


@pytest.mark.parametrize("name", STRIKES)
async def test_every_promise_is_kept_under_fire(town: Town, name: str) -> None:
    strikes = STRIKES[name]
    ground = Ground(town.hub, town.issuer)
    made = await struck_and_judged(PLANS[name], ground, seed=SEED, strikes=strikes)
    assert made.violations == []
    assert sum(made.faults.values()) == strikes
    assert made.acked > 10 * made.people
