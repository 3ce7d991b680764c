"""The identity provider of the demo, by which its participant signs in.

It listens on this machine as long as the demo is played. Only the hub that plays it is told to
believe it, by the setting by which an operator names any provider, in a file that goes with it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from beheard_hub.ports import Clock
from beheard_hub.settings import Settings
from beheard_hub.testing.issuer import Issuer, listening

NAME = "https://accounts.beheard-demo.invalid"
"""By which it signs. Nobody can own such a name (RFC 2606), so nothing ever means it by another."""


@asynccontextmanager
async def believed(settings: Settings, clock: Clock) -> AsyncIterator[tuple[Settings, Issuer]]:
    """Settings of a hub that believes this provider, and no other, and the provider; until the end
    of the block. Its key is made here, and kept nowhere."""
    signers = {"demo": ec.generate_private_key(ec.SECP256R1())}
    with TemporaryDirectory(prefix="beheard-demo-") as folder:
        async with listening(Issuer(clock, signers, NAME)) as issuer:
            identity = msgspec.structs.replace(
                settings.identity, id_tokens=issuer.apps(Path(folder))
            )
            yield msgspec.structs.replace(settings, identity=identity), issuer
