"""One whole hub for the run, with two gateways and two session hosts, and people to play on it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from beheard_hub import journeys
from beheard_hub.control import ask
from beheard_hub.demo.player import play
from beheard_hub.demo.record import PlayResult, Watcher
from beheard_hub.domain.limits import SHARDS
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import process_environment
from beheard_hub.testing.hub_process import HubProcess
from tests.unit.gateway.test_jwks import Issuer, listening

ABLY = {
    "ABLY_API_KEY": "app.key:of-the-tests",
    "ABLY_REST_HOST": "127.0.0.1",
    "ABLY_PORT": "9",
    "ABLY_TLS": "off",
}
"""A key to sign tokens with, and nobody at the other end."""
_numbers = itertools.count(1)


SETTLED_SECONDS_MAX = 90


class Person(msgspec.Struct, frozen=True):
    """A user that no other test knows."""

    name: str
    token: str


class Town:
    """The hub under test, and new users for it."""

    def __init__(self, hub: HubProcess, issuer: Issuer | None = None) -> None:
        self.hub = hub
        self.issuer = issuer
        """Who signs ID tokens of Google, where somebody does."""
        self.played: list[PlayResult] = []
        """All journeys so far, with those that faults disturbed."""
        self._key = LocalKey.open(hub.data_dir, SystemClock())

    def person(self, name: str) -> Person:
        """Somebody new."""
        subject = f"e2e-{next(_numbers)}"
        return Person(name=name, token=self._key.mint(subject, name=name))

    def gateways(self) -> list[str]:
        """Websocket addresses of all gateways."""
        return [url.replace("http", "ws", 1) + "/v1/ws" for url in self.hub.address()["gateways"]]

    async def settled(self) -> None:
        """Waits until every host has its share of the shards, so that no session moves by itself.

        Where one moves in the middle of an answer its pieces may be seen by nobody, since they are
        not stored: whoever looks at pieces waits for this. A hub that has just come up shares out
        for a few seconds, and so it does when a host came back.
        """
        async with asyncio.timeout(SETTLED_SECONDS_MAX):
            while not _shared_out(await self._hosts()):  # noqa: ASYNC110 - other processes' work
                await asyncio.sleep(0.1)

    async def _hosts(self) -> Sequence[Mapping[str, Any]]:
        """As the operator sees them."""
        rows: Sequence[Mapping[str, Any]] = await ask(
            self.hub.data_dir, "hosts.list", {}, lambda _said: None
        )
        return rows

    async def play(self, name: str, watcher: Watcher | None = None) -> PlayResult:
        """Plays a journey with two new users, as fast as it goes."""
        journey = journeys.load(name)
        a, b = self.person(journey.a.name), self.person(journey.b.name)
        result = await play(
            journey, self.hub.websocket_url, a.token, b.token, pace=0.0, watcher=watcher
        )
        self.played.append(result)
        return result


def _shared_out(hosts: Sequence[Mapping[str, Any]]) -> bool:
    """Whether they own all shards between them, and none has what another one lacks
    (`actors.placement.surplus`)."""
    owned: list[int] = [host["stats"].get("shards", 0) for host in hosts]
    return sum(owned) == SHARDS and max(owned) - min(owned) <= 2


@pytest.fixture(scope="package")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Town]:
    """The hub of these tests; it ends with the last of them, and idles for none of the others."""
    folder: Path = tmp_path_factory.mktemp("hub")
    async with listening(SystemClock()) as issuer:
        hub = HubProcess(
            folder / "data", BEHEARD_LIMITS="off", BEHEARD_GATEWAYS="2", BEHEARD_HOSTS="2",
            BEHEARD_ID_TOKENS=str(issuer.apps(folder)), **ABLY,
        )  # fmt: skip
        await hub.start(process_environment())
        try:
            yield Town(hub, issuer)
        finally:
            await hub.stop()


@pytest.fixture(scope="package")
async def friendship(town: Town) -> PlayResult:
    """The journey `friendship`, played once and undisturbed."""
    return await town.play("friendship")
