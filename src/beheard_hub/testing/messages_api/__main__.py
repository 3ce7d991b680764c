"""Starts the stand-in alone: for a hub in another process, a bench, a demonstration."""

from __future__ import annotations

import argparse
import asyncio

from beheard_hub.testing.messages_api.app import MessagesApi
from beheard_hub.testing.messages_api.faults import ANY_CALL, FAULTS
from beheard_hub.testing.messages_api.wire import Pace
from beheard_hub.testing.serving import served


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m beheard_hub.testing.messages_api")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--first-ms", type=float, default=0.0, help="before the first piece")
    parser.add_argument("--between-ms", type=float, default=0.0, help="between two pieces")
    parser.add_argument("--words", type=int, default=3, help="per piece")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="what every request meets")
    parser.add_argument("--call", default=ANY_CALL, help="only this call meets the fault")
    return parser.parse_args()


async def _serve(given: argparse.Namespace) -> None:
    pace = Pace(
        first_seconds=given.first_ms / 1000,
        between_seconds=given.between_ms / 1000,
        words_per_piece=given.words,
    )
    api = MessagesApi(pace, requests_kept_max=1_000)
    if given.fault:
        api.script(given.call, FAULTS[given.fault], forever=True)
    async with served(api, given.port) as url:
        print(url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    """Serves until Ctrl-C."""
    try:
        asyncio.run(_serve(_arguments()))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
