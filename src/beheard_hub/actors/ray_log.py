"""What an actor holds and how it fares, in the log that Ray's dashboard shows beside the actor.

The dashboard shows an actor's repr as it was when the actor was made, so the counts of now stand
here: two lines at most every half minute, and none while nothing changes. They are the figures and
the findings of `beheard ops`, of this process alone.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from beheard_hub.domain.limits import SHARDS
from beheard_hub.observability.findings import findings
from beheard_hub.observability.overview import HostFigures, HubFigures, Overview, overview
from beheard_hub.observability.publishing import together
from beheard_hub.observability.reading import Reading, Window

LINE_SECONDS = 30.0


def _print(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC  {text}\n")
    sys.stderr.flush()


class RayLog:
    """Says it for `process`, whose page of numbers is what `numbers` gives."""

    def __init__(
        self,
        process: str,
        numbers: Callable[[], bytes],
        write: Callable[[str], None] = _print,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._process = process
        self._numbers = numbers
        self._write = write
        self._clock = clock
        self._before = Reading(clock(), {})
        self._said = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(LINE_SECONDS)
            self.tell()

    def tell(self) -> None:
        """One look, and its lines if they say something new."""
        text = together([(self._process, self._numbers().decode())]).decode()
        now = Reading.of(text, self._clock())
        said = said_of(self._process, overview(Window(self._before, now)))
        self._before = now
        if said != self._said:
            self._said = said
            self._write(said)


def said_of(process: str, view: Overview) -> str:
    """The lines, and under them what is slow or wrong, and why."""
    counts = [_host(host) for host in view.hosts] or [_embedder(view.hub)]
    found = findings(view, {"host"})
    lines = [f"  {one.level}: {one.sentence} ({one.why})" for one in found]
    return "\n".join([f"{process}: {counts[0]}", *lines])


def _host(of: HostFigures) -> str:
    return (
        f"{of.live:,} sessions live, {of.packed:,} packed, {of.shards} of {SHARDS} shards, "
        f"{of.subscriptions:,} connections listen\n"
        f"  {of.commands_per_second:,.1f} commands/s in {_ms(of.command_p95_ms)} (p95); a commit "
        f"takes {_ms(of.flush_p95_ms)} (p95), {of.buffered:,} turns wait for theirs"
    )


def _embedder(of: HubFigures) -> str:
    return f"{of.texts_per_second:,.1f} texts/s get a vector, {of.embedding_lag_s:,.0f} s behind"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"
