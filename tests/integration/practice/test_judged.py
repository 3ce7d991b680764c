"""The judge of practices at work on a hub that is not struck: people come by links, converse while
lanes fail, are watched and merged, and every promise is kept. What a broken hub is told by is asked
by `make mutants`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import asyncpg
from chaos.practising import Seat, seated
from chaos.rehearsed import practices_judged

from beheard_hub.testing.messages_api import FAULTS, MessagesApi, served
from tests.conftest import TestDatabase
from tests.integration.identity.town import town_on

SEATS, PRACTICES = 2, 2
SEED = 0


async def test_practices_keep_what_is_promised(
    database: TestDatabase,
    owner: asyncpg.Connection,
    tmp_path: Path,
) -> None:
    api, rng = MessagesApi(), Random(SEED)
    api.script("practice_partner", None, FAULTS["error_during_text"])
    api.script("practice_coach", None, FAULTS["empty"], FAULTS["cut_after_text"])

    async def appoint(user_id: str) -> None:
        await owner.execute("""UPDATE "User" SET role = 'STAFF' WHERE id = $1""", user_id)

    async def played(seat: Seat) -> None:
        for _ in range(PRACTICES):
            await seat.practise(lambda: False, lambda: None)

    async with served(api) as url:
        settings = {
            "ANTHROPIC_API_KEY": "a key of the test",
            "ANTHROPIC_BASE_URL": url,
        }
        async with (
            town_on(database, tmp_path, owner, None, **settings) as town,
            seated(
                town.urls(), town.token, appoint, seats=SEATS, issuer=town.issuer, rng=rng
            ) as seats,
        ):
            await asyncio.gather(*(played(seat) for seat in seats))
        assert await practices_judged(owner, seats, api) == []
    stage = seats[0].stage
    assert len(stage.owners) >= SEATS * (1 + PRACTICES)
    assert stage.merged
    assert len(stage.marks) > SEATS * PRACTICES
