"""Memory per idle connection: growth of a real gateway process by 2,000 websockets.

The hub runs as always (hosts in Ray, a gateway process beside it); this process only makes the
connections. Every one is authenticated as a user of its own and subscribed to a session of its own
pair. The first 400 are not counted: with them comes what a gateway needs once.
"""

from __future__ import annotations

import asyncio

from beheard_hub.load.pairs import make_pairs
from bench.bars import Found
from bench.run import Run, resident_bytes, token_of

FIRST_PAIRS, PAIRS = 200, 1_000
SETTLE_SECONDS = 3.0
KB = 1024


async def measure(run: Run) -> Found:
    """Kilobytes per connection."""
    async with run.hub("hub", BEHEARD_LINK="socket") as hub:
        [gateway] = hub.address()["gateway_pids"]
        url, token = hub.url.replace("http", "ws", 1), token_of(hub)
        pairs = await make_pairs(url, token, FIRST_PAIRS, 0)
        await asyncio.sleep(SETTLE_SECONDS)
        before = resident_bytes(gateway)
        run.say(f"connecting {2 * PAIRS:,} users")
        pairs += await make_pairs(url, token, PAIRS, FIRST_PAIRS)
        await asyncio.sleep(SETTLE_SECONDS)
        each = (resident_bytes(gateway) - before) / (2 * PAIRS)
        await asyncio.gather(*(pair.close() for pair in pairs))
    return Found(
        {"connection": each / KB},
        [f"a connection: {each / KB:.1f} KB of the gateway; {before / KB / KB:.0f} MB before"],
    )
