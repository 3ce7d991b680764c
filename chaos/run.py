"""One run: a hub, people, one fault after the other, and the judgement."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from beheard_hub.runtime import SystemClock
from beheard_hub.settings import process_environment
from beheard_hub.testing.ably_api import FAULTS as ABLY_FAULTS
from beheard_hub.testing.ably_api import AblyApi
from beheard_hub.testing.hub_process import HubProcess
from beheard_hub.testing.issuer import Issuer, listening
from beheard_hub.testing.messages_api import FAULTS as PROVIDER_FAULTS
from beheard_hub.testing.messages_api import MessagesApi, Pace, served
from chaos.faults import FAULTS
from chaos.hub import Ground, HubUnderFire, Struck
from chaos.judgement import judged
from chaos.people import Load, at_work
from chaos.plans import Plan
from chaos.practising import seated
from chaos.report import Report, report
from chaos.standstill import Standstill

STANDIN_FAULTS_MAX = 10_000
PACE = Pace(words_per_piece=4, between_seconds=0.05)
"""Slow enough that something can die in the middle of an answer."""
ABLY_KEY = "chaos.key:of-no-account"
ACKS_BEFORE = 3
PAUSE_SECONDS_MAX = 0.5
"""Between everybody's ack and the next fault, at most."""


async def struck_and_judged(
    plan: Plan,
    ground: Ground,
    *,
    seed: int,
    strikes: int,
    seconds_max: float = float("inf"),
    say: Callable[[str], None] = lambda text: None,
) -> Report:
    """Carries out a plan on a running hub and returns what came of it.

    It ends after `strikes` faults or `seconds_max` seconds. The seed decides on the faults, their
    order and what people send; when exactly a process dies is up to the machine.

    Raises:
        TimeoutError: the hub did not get back on its feet.
    """
    rng = Random(seed)
    hub = HubUnderFire(ground.process)
    began = time.monotonic()
    async with contextlib.AsyncExitStack() as stack:
        still = stack.enter_context(Standstill())
        await hub.connect(stack)
        seats = await stack.enter_async_context(
            seated(
                hub.urls, hub.token, hub.appoint, seats=plan.practices, issuer=ground.issuer,
                rng=rng,
            )
        )  # fmt: skip
        async with at_work(
            hub.urls, hub.token, seats=seats, pairs=plan.pairs, think_seconds=plan.think_seconds,
            rng=rng,
        ) as load:  # fmt: skip
            done = await _strike(plan, hub, load, rng, strikes, began + seconds_max, say)
        found = await judged(hub, load, ground.provider)
    return report(seed, time.monotonic() - began, load, done, found, still.found())


@contextlib.asynccontextmanager
async def under_fire(plan: Plan, folder: Path) -> AsyncIterator[Ground]:
    """A hub of its own for a plan, on the settings that the plan wants."""
    async with contextlib.AsyncExitStack() as stack:
        variables = {"BEHEARD_LIMITS": "off", "BEHEARD_GATEWAYS": "2", "BEHEARD_HOSTS": "2"}
        provider = issuer = None
        if plan.practices:
            signer = {"chaos": ec.generate_private_key(ec.SECP256R1())}
            issuer = await stack.enter_async_context(listening(Issuer(SystemClock(), signer)))
            variables["BEHEARD_ID_TOKENS"] = str(issuer.apps(folder))
        if plan.provider:
            provider = _provider(plan.provider, remembers=bool(plan.practices))
            variables |= {
                "BEHEARD_FACILITATOR": "anthropic",
                "ANTHROPIC_API_KEY": "stands-in",
                "ANTHROPIC_BASE_URL": await stack.enter_async_context(served(provider)),
            }
        if plan.ably:
            variables |= await _ably(plan.ably, stack)
        hub = HubProcess(folder / "data", **(variables | dict(plan.variables)))
        await hub.start(process_environment())
        stack.push_async_callback(hub.stop)
        yield Ground(hub, issuer, provider)


def _provider(faults: Sequence[str], *, remembers: bool) -> MessagesApi:
    """A provider of which every third answer fails; `remembers` what it was asked."""
    api = MessagesApi(PACE, requests_kept_max=None if remembers else 1)
    thirds = ((PROVIDER_FAULTS[fault], None, None) for fault in itertools.cycle(faults))
    failing = itertools.chain.from_iterable(itertools.islice(thirds, STANDIN_FAULTS_MAX))
    api.script("*", *failing)
    return api


async def _ably(fault: str, stack: contextlib.AsyncExitStack) -> dict[str, str]:
    """An Ably of which one request in three is done."""
    api = AblyApi(ABLY_KEY)
    failing = ABLY_FAULTS[fault]
    api.script("*", *[failing, failing, None] * STANDIN_FAULTS_MAX)
    where = urlsplit(await stack.enter_async_context(served(api)))
    return {
        "ABLY_API_KEY": ABLY_KEY,
        "ABLY_REST_HOST": where.hostname or "",
        "ABLY_PORT": str(where.port),
        "ABLY_TLS": "off",
    }


async def _strike(
    plan: Plan, hub: HubUnderFire, load: Load, rng: Random, strikes: int, until: float,
    say: Callable[[str], None],
) -> list[Struck]:  # fmt: skip
    done: list[Struck] = []
    names, weights = list(plan.faults), list(plan.faults.values())
    await load.everybody_gets(ACKS_BEFORE)
    while len(done) < strikes and time.monotonic() < until:
        struck = await FAULTS[rng.choices(names, weights)[0]](hub, load, rng)
        done.append(struck)
        struck.alone = rng.random() >= plan.together
        if struck.alone:
            await load.everybody_gets(1)
            struck.seconds = struck.seconds or load.first_acks_seconds(struck)
            await asyncio.sleep(rng.uniform(0, PAUSE_SECONDS_MAX))
        say(f"{len(done)}/{strikes} {struck.fault}")
    await load.everybody_gets(ACKS_BEFORE)
    return done
