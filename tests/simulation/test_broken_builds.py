"""The checker sees every hub that was broken on purpose."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.simulation.broken import BUILDS, broken_as
from tests.simulation.run import run

FLAGGED_BY: Mapping[str, int] = {
    "acked before the commit": 0,
    "a retried batch gets a new number": 56,
    "the epoch is not checked": 5,
    "the flush number is not checked": 9,
    "receipts are not looked up": 20,
    "receipt hashes are not loaded": 194,
    "a repeated command does not join the first": 1,
    "outs leave in another order": 6,
    "seqs are reused": 5,
    "own events are told to both": 0,
    "a host answers after its lease": 4,
    "a lease is taken before it expires": 1,
    "a host decides for every shard": 2,
    "shards are given before their last flush": 119,
    "a subscription skips its catch-up": 5,
    "a gateway believes every event": 20,
    "waiting commands leave youngest first": 5,
    "what is due at once waits for a clock": 895,
    "reminders are never scanned": 20,
}
"""A seed that shows what is broken. Where one does not any more, because what happens in a run has
changed, `python -m tests.simulation --build NAME` finds another."""


@pytest.mark.parametrize("name", BUILDS)
def test_a_broken_build_is_flagged(name: str) -> None:
    seed = FLAGGED_BY[name]
    assert not run(seed).violations, "the hub as it is keeps every promise there"
    with broken_as(name):
        assert run(seed).violations, f"the checker sees nothing of: {name}"


def test_every_build_has_its_seed() -> None:
    assert FLAGGED_BY.keys() == BUILDS.keys()
    assert len(BUILDS) >= 10
