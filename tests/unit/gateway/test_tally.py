"""What one gateway says of its users, and to whom."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest

from beheard_hub.gateway import tally as module
from beheard_hub.gateway.hosts import Hosts, Line
from beheard_hub.gateway.rates import Rates
from beheard_hub.gateway.tally import Tally
from beheard_hub.link_messages import ElsewhereFrom, HereTo, ToHost
from beheard_hub.ports import LinkClosed


class FakeLine:
    """A line that keeps what it is told."""

    def __init__(self) -> None:
        self.open = True
        self.told: list[ToHost] = []
        self.spoken = asyncio.Event()

    def send(self, message: ToHost) -> None:
        if not self.open:
            raise LinkClosed
        self.told.append(message)
        self.spoken.set()

    def news(self) -> list[ToHost]:
        told, self.told = self.told, []
        return told


class FakeHosts:
    """One owner of everything, or none."""

    def __init__(self) -> None:
        self.changes = 0
        self.line: FakeLine | None = FakeLine()

    def line_for(self, shard: int) -> FakeLine | None:
        return self.line

    def serves(self, line: FakeLine, shard: int) -> bool:
        return line is self.line

    def becomes(self, line: FakeLine | None) -> None:
        self.line = line
        self.changes += 1


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def mono(self) -> float:
        return self.seconds


class Gateway:
    """A tally with everything around it."""

    def __init__(self) -> None:
        self.hosts, self.clock = FakeHosts(), Clock()
        self.rates = Rates(every=(1, 1.0, 5), named={})
        self.ended: list[tuple[str, int]] = []
        self.tally = Tally(
            cast(Hosts, self.hosts),
            self.rates,
            self.clock,
            10,
            lambda user_id, count: self.ended.append((user_id, count)),
        )

    @property
    def line(self) -> FakeLine:
        assert self.hosts.line is not None
        return self.hosts.line

    def hears(self, message: ElsewhereFrom, line: FakeLine | None = None) -> None:
        self.tally.heard(cast(Line, line or self.line), message)

    def spends(self, count: int) -> None:
        for _ in range(count):
            assert self.rates.command("ann", "x", self.clock.seconds) == 0


@pytest.fixture
def gateway() -> Gateway:
    gateway = Gateway()
    gateway.tally.count("ann", 1)
    assert gateway.line.news() == [HereTo("ann", 1)]
    return gateway


def test_a_user_who_left_is_spoken_for_until_nothing_is_owed(gateway: Gateway) -> None:
    gateway.spends(2)
    gateway.tally.count("ann", 0)
    gateway.tally.settle()
    assert gateway.line.news() == [HereTo("ann", 0)]
    gateway.clock.seconds = 2.0
    gateway.tally.settle()
    assert gateway.line.news() == [HereTo("ann", None)]
    assert len(gateway.tally) == 0


def test_a_user_who_comes_back_in_time_stays(gateway: Gateway) -> None:
    gateway.tally.count("ann", 0)
    gateway.tally.count("ann", 1)
    gateway.tally.settle()
    assert gateway.line.news() == [HereTo("ann", 0), HereTo("ann", 1)]


async def test_the_next_owner_hears_everything_and_the_last_one_that_it_is_over(
    gateway: Gateway,
) -> None:
    gateway.hears(ElsewhereFrom("ann", 4, 1))
    gateway.spends(2)
    old, new = gateway.line, FakeLine()
    gateway.hosts.becomes(new)
    gateway.tally.settle()
    assert old.news() == [HereTo("ann", None)]
    assert new.news() == [HereTo("ann", 1, {}, {"": 2.0})]
    assert gateway.tally.elsewhere("ann") == 0
    gateway.hears(ElsewhereFrom("ann", 7, 1), old)
    assert gateway.tally.elsewhere("ann") == 0, "an owner of before knows nothing now"


def test_without_an_owner_it_is_said_as_soon_as_there_is_one(gateway: Gateway) -> None:
    gateway.line.open = False
    gateway.tally.count("ann", 2)
    gateway.hosts.becomes(None)
    gateway.tally.settle()
    gateway.tally.count("ann", 3)
    new = FakeLine()
    gateway.hosts.becomes(new)
    for _ in range(2):
        gateway.tally.settle()
    assert new.news() == [HereTo("ann", 3)]


def test_what_is_over_the_limit_is_ended_only_in_answer_to_a_word_of_ours(
    gateway: Gateway,
) -> None:
    gateway.tally.count("ann", 3)
    gateway.hears(ElsewhereFrom("ann", 9, 1))
    assert gateway.ended == []
    gateway.hears(ElsewhereFrom("ann", 9, 1, asked=True))
    assert gateway.ended == [("ann", 2)]
    gateway.hears(ElsewhereFrom("bob", 99, 1, asked=True))
    assert gateway.ended == [("ann", 2)]


async def test_what_is_spent_is_reported_once_and_only_when_somebody_wants_to_know(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REPORT_SECONDS", 0.0)
    gateway.spends(1)
    gateway.hears(ElsewhereFrom("ann", 1, 1))
    assert gateway.line.news() == [HereTo("ann", 1, {}, {"": 1.0})]
    gateway.line.spoken.clear()
    gateway.spends(2)
    async with asyncio.timeout(20):
        await gateway.line.spoken.wait()
    assert gateway.line.news() == [HereTo("ann", 1, {"": 2})]
    gateway.spends(1)
    gateway.hears(ElsewhereFrom("ann", 2, 2))
    assert gateway.line.news() == [HereTo("ann", 1, {"": 1}), HereTo("ann", 1, {}, {"": 4.0})]
    gateway.hears(ElsewhereFrom("ann", 0, 0))
    gateway.spends(1)
    assert gateway.rates.shared == {}
