"""The checker sees every hub that was broken on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import pytest

from tests.simulation.broken import BUILDS, broken_as
from tests.simulation.run import run

FLAGGED_BY: Mapping[str, Sequence[int]] = {
    "acked before the commit": (0, 5, 6),
    "a retried batch gets a new number": (22, 82, 92),
    "the epoch is not checked": (4, 5, 13),
    "the flush number is not checked": (9, 22, 36),
    "receipts are not looked up": (1, 2, 20),
    "receipt hashes are not loaded": (53, 399, 511),
    "a repeated command does not join the first": (28, 68, 117),
    "outs leave in another order": (5, 6, 19),
    "seqs are reused": (5, 6),
    "own events are told to both": (0, 5, 6),
    "a host answers after its lease": (63, 77, 89),
    "a lease is taken before it expires": (0, 2, 6),
    "a host decides for every shard": (0, 2, 3),
    "shards are given before their last flush": (90, 106, 185),
    "a subscription skips its catch-up": (0, 5, 19),
    "a gateway believes every event": (106, 108, 134),
    "waiting commands leave youngest first": (5, 87, 118),
    "reminders are never scanned": (20, 28, 43),
}
"""Seeds that showed what is broken when this was written. Every change of the hub changes what
happens in a run: where they show it no more, others are tried, and these should be replaced."""
SEARCHED_MAX = 1000


@pytest.mark.parametrize("name", BUILDS)
def test_a_broken_build_is_flagged(name: str) -> None:
    tried = chain(FLAGGED_BY[name], range(SEARCHED_MAX))
    with broken_as(name):
        flagged = next((seed for seed in tried if run(seed).violations), None)
    assert flagged is not None, f"the checker sees nothing of: {name}"
    assert not run(flagged).violations, "the hub as it is keeps every promise there"


def test_every_build_has_its_seeds() -> None:
    assert FLAGGED_BY.keys() == BUILDS.keys()
    assert len(BUILDS) >= 10
