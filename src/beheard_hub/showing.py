"""What a hub shows of itself on the terminal: a whole play with new people, and how to connect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias
from urllib.request import Request, urlopen
from uuid import uuid4

import msgspec

from beheard_hub.demo.columns import Columns
from beheard_hub.demo.phone import Unplayable
from beheard_hub.demo.player import play
from beheard_hub.demo.provider import believed
from beheard_hub.demo.record import PlayResult, Watcher
from beheard_hub.demo.rehearsal import Curtain, Rehearsal, rehearse
from beheard_hub.demo.screen import Screen
from beheard_hub.gateway.auth import LocalKey
from beheard_hub.gateway.rest.route import PREFIX
from beheard_hub.journeys import Journey
from beheard_hub.persistence.roles import Role, change_role
from beheard_hub.runtime import SystemClock
from beheard_hub.settings import Settings
from beheard_hub.testing.issuer import Issuer

PACE_SECONDS = 0.25
CLAIM = f"{PREFIX}/practice/invitations/claim"
CLAIM_SECONDS_MAX = 30.0

SNIPPET = """\
    import asyncio
    from beheard_hub.client import Hub

    async def main():
        async with Hub.connect("{url}", "{token}") as hub:
            made = await hub.command("session.create", {{"inviteName": "Sam"}})
            print(made.data["session"]["id"], made.data["invitationUrl"])

    asyncio.run(main())"""

PRACTICE_TOO = (
    "The second kind of session, one person who practises with an AI partner and is coached and\n"
    "watched, is played by `beheard demo --practice --data-dir DIR`, on a hub of its own: from\n"
    "the invitation until the guest turns out to have an account."
)

Script: TypeAlias = Journey | Rehearsal


@asynccontextmanager
async def equipped(
    script: Script | None, settings: Settings
) -> AsyncIterator[tuple[Settings, Issuer | None]]:
    """Settings of a hub on which that can be played, and the identity provider of a practice."""
    if isinstance(script, Rehearsal):
        async with believed(settings, SystemClock()) as (believing, provider):
            yield believing, provider
    else:
        yield settings, None


class Show:
    """Plays on the hub at `url`, the websocket of a gateway. `key` signs tokens for those who play;
    `owner_url` is the database, in which an operator makes somebody staff; who practises signs in
    by `provider`, which the hub believes."""

    def __init__(
        self, url: str, key: LocalKey, owner_url: str, provider: Issuer | None = None
    ) -> None:
        self._url = url
        self._key = key
        self._owner_url = owner_url
        self._provider = provider

    async def shows(self, script: Script) -> bool:
        """Plays on the terminal; whether it came to its end. Raises Unplayable."""
        if isinstance(script, Rehearsal):
            return await self.rehearse(script, Columns(), PACE_SECONDS) == "COMPLETED"
        return (await self.play(script, PACE_SECONDS)).status == "RESOLVED"

    async def play(
        self,
        script: Journey,
        pace: float,
        watcher: Watcher | None = None,
        result: PlayResult | None = None,
    ) -> PlayResult:
        """A journey; see `demo.player.play`."""
        a, b = self._tokens(script.a.name, script.b.name)
        return await play(script, self._url, a, b, pace, watcher or Screen(), result)

    async def rehearse(self, script: Rehearsal, curtain: Curtain, pace: float = 0.0) -> str:
        """A practice; see `demo.rehearsal.rehearse`."""
        researcher, participant = self._tokens(script.researcher, script.participant)
        return await rehearse(script, self._url, researcher, participant, self, curtain, pace)

    async def make_staff(self, user_id: str) -> None:
        """See `demo.rehearsal.Door`."""
        await change_role(self._owner_url, user_id, Role.STAFF)

    async def claim(self, token: str) -> tuple[str, str]:
        """See `demo.rehearsal.Door`; by REST, as an app does that has no token yet."""
        url = self._url.replace("ws", "http", 1).removesuffix("/v1/ws") + CLAIM
        body = msgspec.json.encode({"token": token})
        headers = {"Content-Type": "application/json"}
        asked = Request(url, body, headers, method="POST")  # noqa: S310 - the hub's own address
        try:
            answer = await asyncio.to_thread(_answer, asked)
        except OSError as problem:
            raise Unplayable(f"the claim: {type(problem).__name__}") from problem
        return answer["data"]["sessionId"], answer["data"]["token"]

    def sign_in(self, subject: str) -> str:
        """See `demo.rehearsal.Door`."""
        assert self._provider is not None
        email = f"{subject}@beheard-demo.invalid"
        return self._provider.id_token("google", sub=subject, email=email)

    def how_to_connect(self, url: str) -> str:
        """Where the hub is, two tokens and a snippet to paste."""
        alice, bob = (self._key.mint(name.lower(), name=name) for name in ("Alice", "Bob"))
        return (
            f"\nThe hub serves at {url} (websocket {self._url}); Ctrl-C ends it.\n\n"
            f"Token of Alice: {alice}\n\nToken of Bob: {bob}\n\nPaste into a Python shell:\n\n"
            + SNIPPET.format(url=self._url, token=alice)
            + f"\n\n{PRACTICE_TOO}"
        )

    def _tokens(self, *names: str) -> Sequence[str]:
        """Of people nobody knows yet."""
        tag = uuid4().hex[:8]
        return [
            self._key.mint(f"demo-{number}-{tag}", name=name) for number, name in enumerate(names)
        ]


def _answer(asked: Request) -> Any:
    with urlopen(asked, timeout=CLAIM_SECONDS_MAX) as response:  # noqa: S310 - see `Show.claim`
        return msgspec.json.decode(response.read())
