"""A host as the hub puts it together plays a practice: by rules, and with the provider's SDK."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from beheard_hub import settings
from beheard_hub.ai import crisis
from beheard_hub.bootstrap import HostParts, build_host
from beheard_hub.link_messages import EventFrom
from beheard_hub.runtime import Runtime
from beheard_hub.testing.messages_api import FAULTS, Fault, MessagesApi, served
from tests.conftest import TestDatabase
from tests.integration.consent.house import Phone
from tests.integration.practice.stage import Stage
from tests.integration.practice.voices import CANARY


@asynccontextmanager
async def composed(database: TestDatabase, path: Path, **more: str) -> AsyncIterator[HostParts]:
    """Started, and in the end drained."""
    environ = settings.effective(settings.load({"BEHEARD_DATA_DIR": str(path), **more}))
    runtime = Runtime(environ, database.runtime_url, "a secret of the test", str(path))
    parts = await build_host(runtime, f"host-{path.name}", lambda: None)
    await parts.start("memory")
    try:
        yield parts
    finally:
        await parts.drain()


async def told(phone: Phone, name: str, since: int = 0) -> None:
    await phone.hears(lambda m: isinstance(m, EventFrom) and m.name == name, since)


async def exchange(phone: Phone, session: str, content: str) -> None:
    since = len(phone.received)
    await phone.do("practice.send", session, content=content)
    await told(phone, "practice.exchange_complete", since)


async def test_by_rules(database: TestDatabase, owner: asyncpg.Connection, tmp_path: Path) -> None:
    async with composed(database, tmp_path) as parts:
        stage = Stage(parts, owner)
        anna = await stage.person()
        session = await stage.started(anna)
        await exchange(anna, session, "You never listen.")
        rows = await stage.rows("Message", session)
        assert [row["role"] for row in rows] == ["user", "partner", "coach"]


async def test_a_host_that_comes_to_others_has_compiled_its_rules_when_it_serves(
    database: TestDatabase, tmp_path: Path
) -> None:
    """Else the first messages of all whom it takes over wait for that."""
    async with composed(database, tmp_path / "first"):
        crisis._rules.cache_clear()
        async with composed(database, tmp_path / "second"):
            assert crisis._rules.cache_info().currsize == 1


async def test_with_the_providers_sdk(
    database: TestDatabase, owner: asyncpg.Connection, tmp_path: Path
) -> None:
    api = MessagesApi()
    api.script("practice_partner", FAULTS["refusal_during_text"])
    api.script("practice_coach", Fault(text=CANARY), forever=True)
    async with served(api) as url:
        given = {"ANTHROPIC_API_KEY": "a key of the test", "ANTHROPIC_BASE_URL": url}
        async with composed(database, tmp_path, **given) as parts:
            stage = Stage(parts, owner)
            anna = await stage.person()
            session = await stage.started(anna)
            await anna.do("practice.send", session, content="You never listen.")
            await told(anna, "practice.failed")
            assert [row["role"] for row in await stage.rows("Message", session)] == ["user"]
            await anna.do("practice.retry", session)
            await told(anna, "practice.exchange_complete")
            await exchange(anna, session, "What was it like for you?")
            used = await stage.rows("UsageLog", session)
    calls = [request.call for request in api.requests]
    partner, coach = "practice_partner", "practice_coach"
    assert calls == [partner, partner, coach, partner, coach]
    for request in api.requests:
        assert (CANARY.encode() in request.raw) == (request is api.requests[-1])
        assert request.turns[-1][0] == "user"
    assert [row["streamType"] for row in used] == ["partner", "coach"] * 2
    assert all(row["inputTokens"] > 0 and row["outputTokens"] > 0 for row in used)
