"""The plans: which faults, how many people, on which settings. Rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from chaos.faults import FAULTS


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One way to make it hard for a hub."""

    tells: str
    faults: Mapping[str, int]
    """By name of `FAULTS`, with their weights: how often each is drawn."""
    strikes: int = 10
    """How many, where nothing else is asked for."""
    together: float = 0.0
    """Share of faults that do not wait until everybody got an ack after the one before."""
    pairs: int = 10
    practices: int = 0
    """How many go on at once."""
    think_seconds: float = 0.05
    """Mean time between an answer and the next command of the same person."""
    variables: Mapping[str, str] = {}
    """Settings of the hub."""
    provider: Sequence[str] = ()
    """Faults of the stand-in for the provider that every third answer meets, in turn (none:
    offline)."""
    ably: str = ""
    """Fault of the stand-in for Ably that two of three requests meet (empty: no Ably)."""


KILLS = {"host_killed": 5, "gateway_killed": 3, "postgres_killed": 2}
QUICK_TURNS = {"BEHEARD_AI_FIRST_WORD_SECONDS": "1", "BEHEARD_AI_ANSWER_SECONDS": "3"}

PLANS: Mapping[str, Plan] = {
    "hosts": Plan(
        tells="session hosts die, one after the other",
        faults={"host_killed": 1},
    ),
    "gateways": Plan(
        tells="gateways die, one after the other",
        faults={"gateway_killed": 1},
    ),
    "postgres": Plan(
        tells="Postgres dies and is started again",
        faults={"postgres_killed": 1},
        strikes=5,
    ),
    "stall": Plan(
        tells="Postgres stands still for ten seconds",
        faults={"postgres_stalled": 1},
        strikes=3,
    ),
    "freeze": Plan(
        tells="the holder of a lease stands still, mostly past its end, and goes on",
        faults={"host_frozen": 1},
    ),
    "embedders": Plan(
        tells="the embedding actor dies",
        faults={"embedder_killed": 1},
        strikes=5,
    ),
    "resize": Plan(
        tells="session hosts are added and removed",
        faults={"host_exchanged": 1},
        strikes=5,
    ),
    "restart": Plan(
        tells="everything is restarted, one after the other",
        faults={"all_restarted": 1},
        strikes=3,
    ),
    "network": Plan(
        tells="devices vanish, or read nothing for a while",
        faults={"devices_vanished": 2, "readers_stalled": 1},
    ),
    "provider_fails": Plan(
        tells="hosts die while the provider answers with errors",
        faults={"host_killed": 1},
        variables=QUICK_TURNS,
        provider=("error_during_text",),
        strikes=5,
    ),
    "provider_stalls": Plan(
        tells="hosts die while the provider begins answers and does not end them",
        faults={"host_killed": 1},
        variables=QUICK_TURNS,
        provider=("stall_during_text",),
        strikes=5,
    ),
    "ably_fails": Plan(
        tells="hosts die while Ably is mostly not there",
        faults={"host_killed": 1},
        ably="unavailable",
        strikes=5,
    ),
    "practice": Plan(
        tells="everything dies while people practise, are watched and merged, and lanes fail",
        faults=KILLS | {"postgres_stalled": 1, "devices_vanished": 1},
        together=0.1,
        strikes=20,
        pairs=2,
        practices=8,
        variables=QUICK_TURNS,
        provider=("error_during_text", "stall_during_text", "empty", "cut_after_text"),
    ),
    "random": Plan(
        tells="hosts, gateways and Postgres die, now and then two at once",
        faults=KILLS,
        practices=2,
        together=0.2,
        strikes=50,
        think_seconds=0.2,
    ),
    "everything": Plan(
        tells="all faults in any order",
        faults=dict.fromkeys(FAULTS, 1),
        practices=4,
        together=0.2,
        strikes=30,
        think_seconds=0.2,
    ),
}
