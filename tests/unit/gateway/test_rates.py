"""Token buckets and their sharing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.gateway import rates
from beheard_hub.gateway.rates import Rates, TokenBucket


@given(
    st.integers(1, 50),
    st.floats(0.1, 100),
    st.integers(1, 50),
    st.lists(st.floats(0, 5), max_size=200),
)
def test_never_more_than_burst_and_rate(
    tokens: int, seconds: float, burst: int, pauses: list[float]
) -> None:
    bucket, now, taken = TokenBucket((tokens, seconds, burst), 0.0), 0.0, 0
    for pause in pauses:
        now += pause
        taken += bucket.take(now) == 0
    assert taken <= burst + now * tokens / seconds + 1e-6


@given(st.integers(1, 50), st.floats(0.1, 100), st.integers(1, 50))
def test_the_wait_that_it_names_is_enough(tokens: int, seconds: float, burst: int) -> None:
    bucket = TokenBucket((tokens, seconds, burst), 0.0)
    while not (wait := bucket.take(0.0)):
        pass
    assert bucket.take(wait / 1000 + 1e-6) == 0


def test_time_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket((1, 1.0, 1), 100.0)
    assert bucket.take(100.0) == 0
    assert bucket.take(0.0) > 0
    assert bucket.take(100.5) > 0


def test_a_refused_command_costs_no_token_of_the_other_bucket() -> None:
    users = Rates(every=(1, 1.0, 2), named={"rare": (1, 100.0, 1)})
    assert users.command("u", "rare", 0.0) == 0
    assert users.command("u", "rare", 0.0) > 1_000
    assert users.command("u", "often", 0.0) == 0
    assert users.command("u", "often", 0.0) == 1_000


def test_users_do_not_share() -> None:
    users = Rates(every=(1, 1.0, 1))
    assert users.command("a", "x", 0.0) == 0
    assert users.command("b", "x", 0.0) == 0
    assert users.command("a", "x", 0.0) > 0


def test_the_memory_of_users_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "USERS_REMEMBERED_MAX", 100)
    users = Rates()
    for number in range(1_000):
        users.command(f"u{number}", "x", float(number))
    assert len(users) <= 100
    busy = Rates(every=(1, 1e9, 2))
    for number in range(1_000):
        busy.command(f"u{number}", "x", 0.0)
    assert len(busy) <= 100
