"""What a host needs from outside."""

from __future__ import annotations

import asyncio

import msgspec

from beheard_hub.actors.activation import ActivationLimits
from beheard_hub.actors.cell import Kinds
from beheard_hub.domain.kernel import Ids
from beheard_hub.ports import Clock, FlushStore, LeaseStore, Renderer, SessionStore, Sleep


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Stores, clock, ids and bounds of one host; made by the composition root."""

    kinds: Kinds
    flushes: FlushStore
    leases: LeaseStore
    sessions: SessionStore
    renderer: Renderer
    clock: Clock
    ids: Ids
    sleep: Sleep = asyncio.sleep
    limits: ActivationLimits = ActivationLimits()
