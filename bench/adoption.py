"""When 1,000 sessions of a host that died are served again.

2,200 people have one session each on two hosts, and all of them listen. One host is killed (-9) and
1,000 people whose sessions it had sign their compact at once: the first command to a session that
comes back from Postgres. What is refused meanwhile is sent again; the figure is the time from the
kill to the last ack.
"""

from __future__ import annotations

import asyncio
import time

import msgspec
from chaos.faults import hosts
from chaos.hub import HubUnderFire

from beheard_hub.domain.sharding import shard_of
from beheard_hub.load.pairs import CommandRefused, Phone
from bench.bars import Found
from bench.run import Run, token_of

SESSIONS = 2_200
"""Of both hosts."""
ASKING = 1_000
AT_ONCE = 20
AGAIN_SECONDS = 0.05
SECONDS_MAX = 60


class Person:
    """Somebody with a session of their own."""

    def __init__(self, phone: Phone, session_id: str) -> None:
        self.phone, self.session_id = phone, session_id

    async def served(self) -> float:
        """When the session took a command for good (monotonic)."""
        while True:
            try:
                await self.phone.command("compact.sign", {"agreed": True}, self.session_id)
            except CommandRefused:
                await asyncio.sleep(AGAIN_SECONDS)
            else:
                return time.monotonic()


async def person(url: str, token: str) -> Person:
    """A new one, who listens."""
    phone = await Phone.connect(url, token)
    made = await phone.command("session.create", {"inviteName": "Sam"})
    session_id = msgspec.json.decode(made.data)["session"]["id"]
    await phone.subscribe(session_id)
    return Person(phone, session_id)


async def measure(run: Run) -> Found:
    """Seconds."""
    async with run.hub("hub", BEHEARD_HOSTS="2") as hub:
        under_fire = HubUnderFire(hub)
        url, token = hub.url.replace("http", "ws", 1), token_of(hub)
        run.say(f"making {SESSIONS:,} sessions")
        people: list[Person] = []
        for start in range(0, SESSIONS, AT_ONCE):
            numbers = range(start, min(start + AT_ONCE, SESSIONS))
            people += await asyncio.gather(*(person(url, token(f"one-{n}")) for n in numbers))
        victim = (await under_fire.fresh(hosts))[0]
        shards = await under_fire.shards_of(victim)
        hit = [one for one in people if shard_of(one.session_id) in shards][:ASKING]
        run.say(f"killing the host of {len(hit):,}")
        began = time.monotonic()
        under_fire.kill(victim)
        async with asyncio.timeout(SECONDS_MAX):
            ends = await asyncio.gather(*(one.served() for one in hit))
        took = sorted(end - began for end in ends)
        await asyncio.gather(*(one.phone.close() for one in people))
    return Found(
        {"adoption": took[-1]},
        [
            f"{len(hit):,} sessions of the dead host: first served again after {took[0]:.2f} s, "
            f"half after {took[len(took) // 2]:.2f} s, the last after {took[-1]:.2f} s"
        ],
    )
