"""First command to a passivated session against one to a live session.

"Passivated" is read the harder way: the session is in no host's memory and comes back from
Postgres. (A session that is idle for a minute is merely packed; unpacking takes microseconds, see
`session_memory.py`.) The hub is ended and started again on its data, the phones connect but do not
subscribe, and each session gets two commands, one after the other: the first one finds it
passivated, the second one live.
"""

from __future__ import annotations

import asyncio
import statistics

from beheard_hub.load.pairs import Pair, Phone, make_pairs
from bench.bars import Found
from bench.run import Run, token_of

WARM, PAIRS = 20, 200
GAP_SECONDS = 0.01


async def measure(run: Run) -> Found:
    """Ratio of the medians."""
    async with run.hub("hub", BEHEARD_LINK="socket") as hub:
        run.say(f"leading {WARM + PAIRS} pairs into sessions")
        url, token = hub.url.replace("http", "ws", 1), token_of(hub)
        before = await make_pairs(url, token, WARM + PAIRS, 0)
        await asyncio.gather(*(pair.close() for pair in before))
    run.say("starting the hub again")
    async with run.hub("hub", BEHEARD_LINK="socket") as hub:
        url, token = hub.url.replace("http", "ws", 1), token_of(hub)
        first: list[float] = []
        live: list[float] = []
        for number, known in enumerate(before):
            phone = await Phone.connect(url, token(f"bench-a{number}"))
            pair = Pair(phone, phone, known.session_id)
            for found in (first, live):
                await asyncio.sleep(GAP_SECONDS)
                found.append(await pair.toggle())
            await phone.close()
    cold, warm = (statistics.median(found[WARM:]) * 1e3 for found in (first, live))
    return Found(
        {"passivated": cold / warm},
        [f"ack p50 of a passivated session {cold:.2f} ms, of a live one {warm:.2f} ms"],
    )
