"""How a guest turns out to be somebody whom the hub knows already (spec 08), played and told.

Every figure in what is told comes from a client: from replies of the hub, and from the frames of
the connection that was open all along.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from beheard_hub.client import Hub
from beheard_hub.client.frames import Hello, decode
from beheard_hub.client.socket import TokenSource
from beheard_hub.demo.phone import AWAIT_SECONDS_MAX, Unplayable


class GuestPhone:
    """The participant's phone, and who the hub says it speaks for."""

    def __init__(self, url: str, token: TokenSource) -> None:
        self.hellos: list[Hello] = []
        self._came = asyncio.Event()
        self.hub = Hub.connect(url, token, tap=self._heard)

    def _heard(self, raw: str | bytes) -> None:
        frame = decode(raw, "json")
        if isinstance(frame, Hello):
            self.hellos.append(frame)
            self._came.set()

    async def becomes(self, user_id: str) -> None:
        """Until it speaks for that user. Raises TimeoutError."""
        async with asyncio.timeout(AWAIT_SECONDS_MAX):
            while self.hellos[-1].user_id != user_id:
                self._came.clear()
                await self._came.wait()

    @property
    def stayed_open(self) -> bool:
        """Whether all that came, came on one connection."""
        return len({hello.connection_id for hello in self.hellos}) == 1


class Account:
    """What the participant has at the hub from an earlier day, on a laptop."""

    def __init__(self, name: str, laptop: Hub, sign_in: Callable[[], str]) -> None:
        """`sign_in`: what the participant's identity provider gives an app, an ID token."""
        self._name = name
        self._laptop = laptop
        self._sign_in = sign_in

    async def begin(self, scenario_id: int) -> str:
        """Signed in, and with a practice of its own; in a sentence."""
        await self._laptop.identities.link("google", self._sign_in())
        await self._laptop.practices.start(scenario_id)
        count = len(await self._sessions())
        return (
            f"{self._name} has an account at the hub, from a laptop: it is linked to an identity "
            f"provider, and holds {_many(count, 'practice')}."
        )

    async def take_in(self, phone: GuestPhone) -> Sequence[str]:
        """The guest signs in on the phone too, and is this account from then on; told in sentences.

        Raises:
            Unplayable: the hub took the guest for somebody else.
        """
        before, guest = await self._sessions(), phone.hellos[-1].user_id
        linked = await phone.hub.identities.link("google", self._sign_in())
        own = (await self._laptop.profile.get()).user
        if not linked.merged or linked.user.id != own.id:
            raise Unplayable("practice: the guest was not merged into the account")
        await phone.becomes(own.id)
        after = await self._sessions()
        moved = [count for session, count in after.items() if session not in before]
        kept = "stayed open" if phone.stayed_open else "was opened anew"
        return (
            f"{self._name} signs in on the phone, by the same provider as once on the laptop. So "
            "the guest is somebody whom the hub knows, and the two become one.",
            f"The account goes on (user {own.id}, {own.role}); the guest {guest} is gone. "
            f"{_many(len(moved), 'practice').capitalize()} with {sum(moved)} messages moved, and "
            f"the account holds {len(after)} now.",
            f"The phone's connection {kept}: it speaks for the account from here on.",
        )

    async def _sessions(self) -> dict[str, int]:
        """Practice → how many messages it has."""
        listed = (await self._laptop.practices.list()).sessions
        return {one.id: one.total_messages for one in listed}


def _many(count: int, what: str) -> str:
    return f"one {what}" if count == 1 else f"{count} {what}s"
