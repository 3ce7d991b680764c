"""Starts the stand-in alone: for a hub in another process, a demonstration."""

from __future__ import annotations

import argparse
import asyncio

from beheard_hub.testing.ably_api.app import AblyApi
from beheard_hub.testing.ably_api.faults import ANY_CALL, FAULTS
from beheard_hub.testing.serving import served


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m beheard_hub.testing.ably_api")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--key", default="standin.key:no-secret", help="the hub's ABLY_API_KEY")
    parser.add_argument("--fault", choices=sorted(FAULTS), help="what every request meets")
    parser.add_argument("--call", default=ANY_CALL, help="only this call meets the fault")
    return parser.parse_args()


async def _serve(given: argparse.Namespace) -> None:
    api = AblyApi(given.key, requests_kept_max=1_000)
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
