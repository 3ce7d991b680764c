"""The composition root of hosts: the only file that knows every concrete class behind them.

Session hosts (inside Ray actors, or all in one process) and embedding workers are built here from
one `Runtime`. What starts Ray is in `fleet.py`. Gateways have a root of their own,
`gateway_process.py`: they need no model, and one that died is back sooner without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from beheard_hub.actors.activation import LOADS_AT_ONCE_MAX
from beheard_hub.actors.cell import Kinds
from beheard_hub.actors.host import Host, Ports
from beheard_hub.ai import crisis
from beheard_hub.ai.places import operators_list
from beheard_hub.ai.registry import EMBEDDERS, FACILITATORS, Means, embedder, facilitator, voice
from beheard_hub.domain.mediation.directory import DIRECTORY
from beheard_hub.domain.mediation.kind import MEDIATION
from beheard_hub.domain.practice.directory import PracticeDirectoryKind
from beheard_hub.domain.practice.kind import PracticeKind
from beheard_hub.domain.practice.protocol import Policy
from beheard_hub.domain.practice.state import Numbers
from beheard_hub.embeddings.hints import Tell, TellingFlushes
from beheard_hub.embeddings.worker import EmbeddingWorker
from beheard_hub.facilitation import Facilitator, PlanningFacilitator
from beheard_hub.gateway.id_tokens import proofs_of
from beheard_hub.links import tls
from beheard_hub.observability import tracing
from beheard_hub.persistence import mediation_views, practice_views
from beheard_hub.persistence.database import Database
from beheard_hub.persistence.flush_store import PostgresFlushStore
from beheard_hub.persistence.numbers import BlockNumbers, reserve_in
from beheard_hub.persistence.register import PostgresRegister
from beheard_hub.persistence.renderer import KindOfSession, PostgresRenderer
from beheard_hub.persistence.stores import (
    PostgresAccounts,
    PostgresLeaseStore,
    PostgresReadStore,
    PostgresSessionStore,
)
from beheard_hub.persistence.summaries import StoredSummaries
from beheard_hub.persistence.usage import PostgresUsage
from beheard_hub.persistence.vectors import PostgresVectors, Share
from beheard_hub.ports import Clock, SessionStore
from beheard_hub.reactions.budgets import Budgets
from beheard_hub.reactions.reactor import Reactor
from beheard_hub.reactions.tools import SignToken, Tools
from beheard_hub.runtime import Runtime, SystemClock, SystemIds
from beheard_hub.settings import Ai, Push, Settings, SetupError

if TYPE_CHECKING:
    from beheard_hub.push.ably import AblyCourier

HOST_CONNECTIONS_MAX = 6
EMBEDDER_CONNECTIONS_MAX = 1
"""Database connections of one process, beside a host's flushing one."""


def check_parts(settings: Settings) -> None:
    """Refuses settings that name a part which this version does not have, a list of places that
    cannot be used, or certificates that would not be accepted. Raises SetupError."""
    for name, known, variable in (
        (settings.ai.facilitator, FACILITATORS, "BEHEARD_FACILITATOR"),
        (settings.embeddings.kind, EMBEDDERS, "BEHEARD_EMBEDDINGS"),
    ):
        if name not in known:
            raise SetupError(
                f"{variable}={name} is not part of this version.",
                f"Set {variable} to {' or '.join(known)}.",
            )
    operators_list(settings.ai)
    proofs_of(settings.identity.id_tokens, SystemClock())
    cluster = settings.cluster
    if cluster.link_cert and cluster.link_key and cluster.link_ca:
        tls.check(cluster.link_cert, cluster.link_key, cluster.link_ca)


# ---- hosts


class HostParts(msgspec.Struct, frozen=True):
    """A host and what has to be closed with it."""

    host: Host
    reactor: Reactor
    db: Database
    flushes: PostgresFlushStore
    courier: AblyCourier | None
    numbers: BlockNumbers

    async def start(self, endpoint: str) -> None:
        """Opens the lease under `endpoint` and begins to serve. Raises StoreUnavailable."""
        self.reactor.bind(self.host)
        await self.numbers.open()
        if await self.host.others_serve():  # nobody waits for this one: what takes long comes first
            await asyncio.to_thread(crisis.prepare)
            await PostgresSessionStore(self.db).rehearse(LOADS_AT_ONCE_MAX)
        await self.host.start(endpoint, self.reactor)

    async def drain(self) -> None:
        """Flushes, gives the lease back, and lets go of the provider and the database."""
        await self.host.drain()
        await self.reactor.stop()
        await self.reactor.tools.facilitator.close()
        if self.reactor.tools.voice is not None:
            await self.reactor.tools.voice.close()
        await self.numbers.close()
        await self.flushes.close()
        await self.db.close()
        await asyncio.to_thread(tracing.stop)
        if self.courier is not None:
            await self.courier.close()


def _tell_nobody() -> None:
    """New text waits for a scan."""


Around: TypeAlias = Callable[[Facilitator], Facilitator]


def as_it_is(facilitator: Facilitator) -> Facilitator:
    """Nothing stands between."""
    return facilitator


def token_signer(push: Push, clock: Clock) -> SignToken | None:
    """What signs tokens of Ably; None without a key."""
    if push.ably_api_key is None:
        return None
    from beheard_hub.push.ably import AblyTokens  # loads slowly: only where used

    return AblyTokens(push.ably_api_key, clock).token_request


def push_courier(push: Push) -> AblyCourier | None:
    """What brings notifications through Ably; None without a key: there is the inbox only."""
    if push.ably_api_key is None:
        return None
    from beheard_hub.push.ably import AblyCourier

    return AblyCourier(push.ably_api_key, push)


def _kinds(numbers: Numbers) -> Kinds:
    """All that sessions of this hub can be."""
    policy = Policy()
    return Kinds(
        [MEDIATION, PracticeKind(numbers, policy)],
        [DIRECTORY, PracticeDirectoryKind(numbers, policy)],
    )


def _views(sessions: SessionStore) -> Mapping[str, KindOfSession]:
    """How each of them is shown."""
    mediation = mediation_views.rendered_kinds(StoredSummaries(sessions, MEDIATION))
    return {**mediation, **practice_views.rendered_kinds()}


def _budgets(ai: Ai, clock: Clock, db: Database) -> Budgets:
    return Budgets(clock, PostgresUsage(db), user=ai.budget_user, hub=ai.budget_hub)


async def build_host(
    runtime: Runtime,
    host_id: str,
    on_fenced: Callable[[], None],
    tell: Tell = _tell_nobody,
    around: Around = as_it_is,
    clock: Clock | None = None,
) -> HostParts:
    """One session host on Postgres; `tell` is called after commits that may have brought text,
    `around` puts something between the hub and its facilitator; `clock` None is the machine's.
    Raises StoreUnavailable."""
    settings, clock, ids = runtime.settings, clock or SystemClock(), SystemIds()
    tracing.start(settings.traces, f"session-host-{host_id[:8]}")
    db = await Database.open(runtime.runtime_url, size_max=HOST_CONNECTIONS_MAX)
    sessions, reads = PostgresSessionStore(db), PostgresReadStore(db)
    embedding = embedder(settings.embeddings)
    numbers = BlockNumbers(reserve_in(db))
    flushes = PostgresFlushStore(runtime.runtime_url)
    ports = Ports(
        kinds=_kinds(numbers),
        flushes=TellingFlushes(flushes, tell),
        leases=PostgresLeaseStore(db),
        sessions=sessions,
        renderer=PostgresRenderer(reads, PostgresAccounts(db), embedding, _views(sessions)),
        clock=clock,
        ids=ids,
    )
    courier = push_courier(settings.push)
    means = Means(settings=settings.ai, embedder=embedding, clock=clock)
    speaker = around(facilitator(means))
    tools = Tools(
        reads=reads,
        sessions=sessions,
        facilitator=speaker,
        voice=voice(means),
        numbers=numbers,
        planner=speaker.plan if isinstance(speaker, PlanningFacilitator) else None,
        embedder=embedding,
        clock=clock,
        ids=ids,
        first_word_seconds_max=settings.ai.first_word_seconds_max,
        answer_seconds_max=settings.ai.answer_seconds_max,
        locale=settings.ai.locale,
        practice_link=settings.practice.link,
        places=operators_list(settings.ai),
        budgets=_budgets(settings.ai, clock, db),
        register=PostgresRegister(db),
        proofs=proofs_of(settings.identity.id_tokens, clock),
        sign_token=token_signer(settings.push, clock),
        courier=courier,
    )
    return HostParts(Host(host_id, ports, on_fenced), Reactor(tools), db, flushes, courier, numbers)


# ---- embedding


class EmbedderParts(msgspec.Struct, frozen=True):
    """A worker and what has to be closed with it."""

    worker: EmbeddingWorker
    db: Database

    async def close(self) -> None:
        """Lets go of the database."""
        await self.db.close()


async def build_embedder(runtime: Runtime, number: int = 0, count: int = 1) -> EmbedderParts:
    """Worker `number` of `count` on Postgres. Raises StoreUnavailable."""
    db = await Database.open(runtime.runtime_url, size_max=EMBEDDER_CONNECTIONS_MAX)
    store = PostgresVectors(db, Share(number, count))
    return EmbedderParts(EmbeddingWorker(embedder(runtime.settings.embeddings), store), db)
