"""Hosts are spread over the machines that there are: which one moves, and when."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.actors.spreading import PATIENT_LOOKS, Move, Spreading, due
from beheard_hub.actors.supervisor import NotPossible

MACHINES = "abcd"


class Pool:
    """Hosts by number; every one that is asked to moves, unless `full`."""

    def __init__(self, placed: Mapping[int, str] | None, *, full: bool = False) -> None:
        self.placed = placed
        self.full = full
        self.moved: list[Move] = []

    async def relocate(self, number: int, node_id: str) -> None:
        if self.full:
            raise NotPossible("no room")
        self.moved.append(Move(number, node_id))
        assert self.placed is not None
        self.placed = {**self.placed, number: node_id}


@pytest.mark.parametrize(
    ("hosts", "machines", "moved"),
    [
        ({0: "a", 1: "a"}, "ab", Move(1, "b")),
        ({0: "a", 1: "a", 2: "b"}, "ab", None),
        ({0: "a", 1: "a", 2: "a", 3: "b"}, "ab", Move(2, "b")),
        ({0: "a", 1: "a"}, "a", None),
        ({0: "head", 1: "head"}, "a", Move(1, "a")),
        ({0: "a"}, "abc", None),
        ({0: "a", 1: "b"}, "", None),
    ],
    ids=[
        "all on one", "even", "more on one", "one machine", "where none should be", "one host",
        "no machine",
    ],
)  # fmt: skip
def test_which_host_moves(hosts: Mapping[int, str], machines: str, moved: Move | None) -> None:
    assert due(hosts, machines) == moved


@given(st.lists(st.sampled_from(MACHINES), max_size=12), st.sets(st.sampled_from(MACHINES)))
def test_moves_end_when_all_have_about_the_same(where: list[str], machines: set[str]) -> None:
    hosts = dict(enumerate(where))
    for _ in range(len(where) + 1):
        if (move := due(hosts, machines)) is None:
            break
        hosts[move.number] = move.node_id
    assert due(hosts, machines) is None
    counts = [list(hosts.values()).count(machine) for machine in machines]
    assert not counts or max(counts) - min(counts) <= 1


async def test_it_waits_until_it_is_sure() -> None:
    pool = Pool({0: "a", 1: "a"})
    spreading = Spreading(pool)
    for _ in range(PATIENT_LOOKS - 1):
        assert await spreading.look("ab")
    assert await spreading.look("a"), "the other machine went again"
    for _ in range(PATIENT_LOOKS - 1):
        assert await spreading.look("ab")
    assert not pool.moved
    assert await spreading.look("ab")
    assert pool.moved == [Move(1, "b")]


async def test_nothing_moves_while_a_host_is_missing() -> None:
    pool = Pool(None)
    spreading = Spreading(pool)
    for _ in range(PATIENT_LOOKS + 1):
        assert await spreading.look("ab")
    assert not pool.moved


async def test_a_machine_that_takes_none_is_told_of() -> None:
    spreading = Spreading(Pool({0: "a", 1: "a"}, full=True))
    told = [await spreading.look("ab") for _ in range(PATIENT_LOOKS)]
    assert told == [True] * (PATIENT_LOOKS - 1) + [False]
