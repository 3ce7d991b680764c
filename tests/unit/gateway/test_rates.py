"""Token buckets and their sharing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.domain import limits
from beheard_hub.gateway import rates
from beheard_hub.gateway.rates import EVERY, NAMED, Rates, TokenBucket


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


def test_previews_of_invitations_are_counted_per_address() -> None:
    users = Rates(every=(100, 1.0, 1_000))
    got = [users.command(f"u{n}", "invitation.get", 0.0, "192.0.2.1") for n in range(12)]
    assert [wait > 0 for wait in got] == [False] * 10 + [True] * 2
    assert users.command("u0", "invitation.get", 0.0, "192.0.2.9") == 0
    assert users.command("u0", "message.send", 0.0, "192.0.2.1") == 0


def test_without_an_address_previews_are_counted_per_user() -> None:
    users = Rates(every=(100, 1.0, 1_000))
    got = [users.command("ann", "invitation.get", 0.0) for _ in range(11)]
    assert [wait > 0 for wait in got] == [False] * 10 + [True]
    assert users.command("bob", "invitation.get", 0.0) == 0


@given(st.lists(st.tuples(st.integers(0, 1), st.floats(0, 3)), max_size=200))
def test_two_gateways_that_tell_each_other_give_no_more_than_one(
    commands: list[tuple[int, float]],
) -> None:
    both = [Rates(every=(1, 1.0, 5), named={"rare": (1, 10.0, 2)}) for _ in range(2)]
    for one in both:
        one.shared["ann"] = {}
    now, taken = 0.0, 0
    for at, pause in commands:
        now += pause
        taken += both[at].command("ann", "rare", now) == 0
        spent, both[at].shared["ann"] = both[at].shared["ann"], {}
        both[1 - at].owe("ann", spent, {}, now)
    assert taken <= 2 + now / 10 + 1e-6


def test_a_gateway_that_comes_later_learns_what_is_owed_once() -> None:
    first, second = Rates(every=(1, 1.0, 5)), Rates(every=(1, 1.0, 5))
    for _ in range(5):
        assert first.command("ann", "x", 0.0) == 0
    for _ in range(2):
        second.owe("ann", {}, first.owed("ann", 0.0), 0.0)
    assert second.command("ann", "x", 0.0) == 1_000
    assert first.owed("ann", 5.0) == {}
    assert Rates().owed("ann", 0.0) == {}


def test_what_another_version_counts_is_left_alone() -> None:
    users = Rates()
    users.owe("ann", {"dance": 9}, {"sing": 9.0}, 0.0)
    assert users.owed("ann", 0.0) == {}


def test_one_export_a_minute_beside_the_rest_of_the_account() -> None:
    buckets = Rates()
    assert buckets.command("u", "account.export", 0.0) == 0
    assert 0 < buckets.command("u", "account.export", 59.0) <= 1_001
    assert buckets.command("u", "profile.get", 59.0) == 0
    assert buckets.command("u", "account.export", 60.1) == 0


def test_the_commands_of_one_path_share_their_rate() -> None:
    buckets = Rates()
    names = ["push_token.set", "push_token.clear"] * 3
    waits = [buckets.command("u", name, 0.0) for name in names]
    assert waits[:5] == [0] * 5
    assert waits[5] > 0


def test_an_operator_sets_single_rates_and_clients_are_told() -> None:
    users = Rates.of({"commands": (2, 1.0, 3), "messages": (1, 60.0, 1)})
    assert users.effective() == {
        "commandsPerMinute": 120,
        "commandsAtOnce": 3,
        "messagesPerMinute": 1,
        "messagesAtOnce": 1,
    }
    assert users.command("u", "message.send", 0.0) == 0
    assert users.command("u", "message.send", 0.0) == 60_000
    assert [bool(users.command("u", "session.get", 0.0)) for _ in range(3)] == [False, False, True]
    assert Rates(enabled=False).effective() == {}


def test_every_row_that_can_be_set_counts_something() -> None:
    assert {EVERY, *NAMED.values()} == set(limits.RATES)
