"""What readers that stall cost the others: rounds beside them, and beside the same ones while they
read, in turn.

One stretch of each tells nothing: of two p99 on a shared machine the second is as often a fifth
higher as lower. Here the rounds alternate (without, beside, beside, without ...), each gives a p99
over some thousand answers, and what is compared are the medians of these.

A reader with a large window is none: what it is sent fits into the buffer of its own kernel, and
the hub never notices. So the window is small here, and before it is measured each is sent so much
that it waits on the hub's side: 150 KB of events, in the kernel's buffer before the gateway's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from statistics import median

import msgspec

from beheard_hub.load.sending import Phase, joined

ROUNDS = 10
"""Of each kind; an even number, so that neither kind is the later one."""


class Compared(msgspec.Struct, frozen=True):
    """Both kinds of rounds."""

    without: list[Phase]
    beside: list[Phase]

    @property
    def ratio(self) -> float:
        """Median of the p99 beside stalled readers, against that without."""
        plain = median(phase.percentile_ms(0.99) for phase in self.without)
        return median(phase.percentile_ms(0.99) for phase in self.beside) / plain if plain else 0.0

    @property
    def phases(self) -> list[Phase]:
        """One of each kind, for a report."""
        note = f"p99 {self.ratio:.2f} x, by the medians of {len(self.beside)} rounds each"
        return [
            joined(self.without),
            msgspec.structs.replace(joined(self.beside), note=note),
        ]


async def compared(
    without: Callable[[str], Awaitable[Phase]], beside: Callable[[str], Awaitable[Phase]]
) -> Compared:
    """Rounds of both, in turn."""
    found = Compared([], [])
    for number in range(2 * ROUNDS):
        if number % 4 in (0, 3):
            found.without.append(await without("without stalled readers"))
        else:
            found.beside.append(await beside("beside stalled readers"))
    return found
