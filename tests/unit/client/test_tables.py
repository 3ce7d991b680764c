"""The tables of the client: commands, close codes, waiting, and that it stands alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import beheard_hub.client
from beheard_hub.client import COMMANDS
from beheard_hub.client.groups import camel, need_answer
from beheard_hub.client.reconnect import (
    CLOSE_RULES,
    DELAY_SECONDS_MAX,
    QUICK_SECONDS,
    STEADY_SECONDS,
    Attempts,
    Then,
    delay_seconds,
    rule_for,
)
from beheard_hub.client.replies import Page
from beheard_hub.domain.mediation import protocol
from beheard_hub.domain.practice import protocol as practice
from beheard_hub.gateway.close_codes import CLOSE_CODES

HERE = Path(beheard_hub.client.__file__).parent
METHODS = (
    *("account.py", "belonging.py", "groups.py", "library.py", "practice.py", "session.py"),
    *("practice_administration.py", "telemetry.py"),
)


def test_every_command_of_the_specification_has_a_row_and_a_method() -> None:
    offered = {*protocol.COMMANDS, *protocol.DIRECTORY, *practice.COMMANDS, *practice.DIRECTORY}
    assert set(COMMANDS) == offered - {"practice.observe"}
    methods = "".join((HERE / name).read_text() for name in METHODS)
    missing = [name for name in COMMANDS if f"c.{name.upper().replace('.', '_')}" not in methods]
    assert missing == []


def test_every_list_in_pages_can_be_turned_over() -> None:
    methods = "".join((HERE / name).read_text() for name in METHODS)
    paged = {
        name
        for table in (protocol.COMMANDS, protocol.DIRECTORY, practice.COMMANDS, practice.DIRECTORY)
        for name, row in table.items()
        if "cursor" in row.data.__struct_fields__
    }
    assert len(paged) >= 5
    for name in paged:
        assert issubclass(COMMANDS[name].reply, Page), name
        constant = name.upper().replace(".", "_")
        assert re.search(rf"c\.{constant}\b[^)]*cursor=cursor", methods), name


def test_it_imports_nothing_else_of_the_hub() -> None:
    for file in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("beheard_hub"):
                assert (node.module or "").startswith("beheard_hub.client"), file.name


def test_names_become_camel_case_and_none_is_left_out() -> None:
    assert camel("emotional_intensity") == "emotionalIntensity"
    assert camel("from_") == "from", "a word of Python's"
    assert need_answer("n", True) == {"needId": "n", "confirmed": True}


def test_only_passing_ends_are_tried_again() -> None:
    assert rule_for(4408).then is Then.RETRY
    assert rule_for(None).then is Then.RETRY
    assert rule_for(4401).then is Then.RENEW
    assert rule_for(4403).then is Then.STOP


def test_nobody_comes_back_sooner_than_the_hub_asks() -> None:
    for code, row in CLOSE_CODES.items():
        if row.reconnect:
            assert rule_for(code).then is Then.RETRY, code
            assert rule_for(code).seconds_min >= row.after_ms / 1000, code
        elif code in CLOSE_RULES:
            assert rule_for(code).then is not Then.RETRY, code


def test_who_is_closed_right_after_each_hello_waits_longer_each_time() -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    waits = []
    for _ in range(60):
        attempts.begins()
        now += 0.01
        waits.append(attempts.after(1011, greeted=True, renewable=False) or 0.0)
        now += waits[-1]
    assert max(waits) > 2
    attempts.begins()
    now += STEADY_SECONDS
    assert (attempts.after(1011, greeted=True, renewable=False) or 0.0) <= 0.1


def test_waiting_grows_and_is_bounded() -> None:
    assert max(delay_seconds(0) for _ in range(100)) <= 0.1
    later = [delay_seconds(30) for _ in range(200)]
    assert max(later) <= DELAY_SECONDS_MAX
    assert max(later) > 2
    assert min(later) < 5


class Waiting:
    """A client that lost its gateway, in time of its own; every attempt fails at once."""

    def __init__(self) -> None:
        self.now = -STEADY_SECONDS
        self.waits: list[float] = []
        self.attempts = Attempts(lambda: self.now)
        self.lost(after=STEADY_SECONDS)

    def lost(self, *, after: float) -> None:
        """A connection ended that had been greeted, and had held so long."""
        self.attempts.begins()
        self.now += after
        self._wait(greeted=True)

    def try_until(self, seconds: float) -> None:
        """Attempts until that time has come."""
        while self.now < seconds:
            self._wait(greeted=False)

    def _wait(self, *, greeted: bool) -> None:
        wait = self.attempts.after(None, greeted=greeted, renewable=False)
        assert wait is not None
        self.waits.append(wait)
        self.now += wait


@pytest.mark.parametrize("back_after_seconds", [0.05, 1.0, 4.0, 7.9])
def test_two_thousand_are_back_soon_after_their_gateway_is(back_after_seconds: float) -> None:
    clients = [Waiting() for _ in range(2_000)]
    for client in clients:
        client.try_until(back_after_seconds)
    assert max(client.now for client in clients) < QUICK_SECONDS
    assert max(len(client.waits) for client in clients) < 40
    arrivals = [client.now - back_after_seconds for client in clients]
    assert max(arrivals) > 4 * min(arrivals), "not all in one moment"


def test_a_hub_that_stays_away_is_not_hammered_and_a_hello_begins_anew() -> None:
    clients = [Waiting() for _ in range(50)]
    for client in clients:
        client.try_until(300.0)
    late = [wait for client in clients for wait in client.waits[12:]]
    assert DELAY_SECONDS_MAX / 2 < max(late) <= DELAY_SECONDS_MAX
    for client, seconds in zip(clients, (STEADY_SECONDS, 1.0), strict=False):
        client.lost(after=seconds)
        assert client.waits[-1] <= 0.1
