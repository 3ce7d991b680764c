"""How many commands may be under way follows what the hosts answer."""

from __future__ import annotations

from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beheard_hub.gateway.pressure import ENOUGH_MIN, FEW, RETRY_MS, TARGET_SECONDS, Pressure

MAX = 64


class Hosts:
    """That do so many commands a second, one after the other. Each connection is of a user of its
    own, if `users` does not name another."""

    def __init__(self, per_second: float, users: dict[int, str] | None = None) -> None:
        self.per_second = per_second
        self.users = users or {}
        self.waiting: deque[tuple[float, int]] = deque()
        self.unacked: Counter[int] = Counter()
        self.refused: Counter[int] = Counter()
        self.done: Counter[str] = Counter()
        self.took: list[float] = []
        self.pressure = Pressure(MAX, lambda: len(self.waiting))

    def offered(self, shares: dict[int, float], seconds: float) -> None:
        """By each connection so many a second."""
        due = dict.fromkeys(shares, 0.0)
        for step in range(int(self.per_second * seconds)):
            now = 100.0 + step / self.per_second
            for connection, rate in shares.items():
                due[connection] += rate / self.per_second
                while due[connection] >= 1:
                    due[connection] -= 1
                    self.ask(connection, now)
            if self.waiting:
                sent_at, connection = self.waiting.popleft()
                self.unacked[connection] -= 1
                self.done[self.user(connection)] += 1
                self.took.append(now - sent_at)
                self.pressure.count(self.user(connection), -1)
                self.pressure.answered(now)

    def ask(self, connection: int, now: float) -> None:
        if not self.pressure.wait_ms(self.user(connection), self.unacked[connection]):
            self.unacked[connection] += 1
            self.pressure.count(self.user(connection), 1)
            self.waiting.append((now, connection))
        else:
            self.refused[connection] += 1

    def user(self, connection: int) -> str:
        return self.users.get(connection, f"u{connection}")


def wait_ms(pressure: Pressure, unacked: int) -> int:
    """Of a user with one connection."""
    pressure.count("u", unacked)
    wait = pressure.wait_ms("u", unacked)
    pressure.count("u", -unacked)
    return wait


def allows(pressure: Pressure, unacked: int) -> bool:
    return wait_ms(pressure, unacked) == 0


@given(st.integers(0, 200), st.integers(0, ENOUGH_MIN * FEW // MAX))
def test_where_few_are_under_way_only_the_bound_of_a_connection_counts(
    unacked: int, under_way: int
) -> None:
    assert allows(Pressure(MAX, lambda: under_way), unacked) == (unacked < MAX)


@given(st.integers(0, 10**6))
def test_the_more_are_under_way_the_fewer_may_be_of_one_user_and_one_always(
    under_way: int,
) -> None:
    pressure, fuller = Pressure(MAX, lambda: under_way), Pressure(MAX, lambda: 2 * under_way)
    allowed = [unacked for unacked in range(MAX + 1) if allows(pressure, unacked)]
    assert allowed == list(range(len(allowed)))
    assert allowed
    assert all(allows(pressure, unacked) for unacked in range(MAX) if allows(fuller, unacked))


@pytest.mark.parametrize("per_second", [1_500.0, 6_000.0])
def test_whatever_is_offered_what_is_taken_is_done_soon_and_the_hosts_are_busy(
    per_second: float,
) -> None:
    hosts = Hosts(per_second)
    hosts.offered(dict.fromkeys(range(40), 2 * per_second / 40), 4.0)
    assert len(hosts.took) >= 0.99 * 4 * per_second
    assert max(hosts.took) <= 1.1 * max(TARGET_SECONDS, ENOUGH_MIN / per_second)
    shares = [hosts.refused[connection] for connection in range(40)]
    assert max(shares) < 1.2 * min(shares)


def test_who_asks_for_little_is_not_refused_where_others_ask_for_much() -> None:
    hosts = Hosts(3_000.0)
    hosts.offered({**dict.fromkeys(range(30), 300.0), **dict.fromkeys(range(30, 40), 10.0)}, 4.0)
    assert set(hosts.refused) == set(range(30))


def test_ten_connections_of_a_user_get_as_much_as_the_one_of_another() -> None:
    hosts = Hosts(3_000.0, dict.fromkeys(range(10), "of ten"))
    hosts.offered(dict.fromkeys(range(30), 300.0), 4.0)
    others = [hosts.done[f"u{connection}"] for connection in range(10, 30)]
    assert 0.8 * min(others) < hosts.done["of ten"] < 1.2 * max(others)


def test_who_is_refused_waits_about_as_long_as_what_is_under_way_takes() -> None:
    under_way = 0
    pressure = Pressure(MAX, lambda: under_way)
    assert wait_ms(pressure, MAX) == RETRY_MS[0]
    for number in range(2_000):
        pressure.answered(100.0 + number / 1_000)
    under_way = 2_000
    assert wait_ms(pressure, FEW) == pytest.approx(2_000, rel=0.05)
    under_way = 10**6
    assert wait_ms(pressure, FEW) == RETRY_MS[1]
