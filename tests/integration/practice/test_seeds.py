"""Scenarios and presets that the hub brings along: filled in once, never put back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import pytest

from beheard_hub.persistence import migrate
from beheard_hub.persistence.embedded import EmbeddedPostgres
from beheard_hub.practice import presets, scenarios
from tests.conftest import TestDatabase, execute

PRACTICE = range(40, 100)
"""Numbers of the migrations that make the practice schema, and of all that came after it."""


@pytest.fixture
async def secret(postgres: EmbeddedPostgres) -> str:
    return migrate.login_secret(postgres.url(), postgres.data_dir)


@pytest.fixture
async def empty(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """The owner's URL of a database with nothing in it."""
    await execute(postgres.url(), "CREATE DATABASE unsown")
    try:
        yield postgres.url("unsown")
    finally:
        await execute(postgres.url(), "DROP DATABASE unsown WITH (FORCE)")


async def test_they_are_there_as_they_are_written(owner: asyncpg.Connection) -> None:
    rows = await owner.fetch('SELECT * FROM practice."Scenario" ORDER BY slug')
    assert [
        (row["slug"], row["name"], row["partnerPersona"], row["partnerSystemPrompt"],
         row["coachSystemPrompt"], row["version"], row["isActive"])
        for row in rows
    ] == [
        (one.slug, one.name, one.partner_persona, one.partner, one.coach, 1, True)
        for one in scenarios()
    ]  # fmt: skip
    rows = await owner.fetch(
        "SELECT name, (quota ->> 'tokens')::int AS tokens, \"isDefault\""
        ' FROM practice."QuotaPreset" ORDER BY "sortOrder"'
    )
    assert [tuple(row) for row in rows] == [
        (one.name, one.tokens, one.default) for one in presets()
    ]


async def test_nothing_comes_back_that_was_changed_or_deleted(
    database: TestDatabase, owner: asyncpg.Connection, secret: str
) -> None:
    await owner.execute("DELETE FROM practice.\"QuotaPreset\" WHERE name = 'test'")
    await owner.execute(
        """UPDATE practice."Scenario" SET name = 'ours', "isActive" = false
           WHERE slug = 'family-table'"""
    )
    await migrate.migrate(database.owner_url, secret)
    names = await owner.fetch('SELECT name FROM practice."QuotaPreset"')
    assert {row["name"] for row in names} == {one.name for one in presets()} - {"test"}
    row = await owner.fetchrow(
        """SELECT name, "isActive" FROM practice."Scenario" WHERE slug = 'family-table'"""
    )
    assert tuple(row) == ("ours", False)
    assert await owner.fetchval('SELECT count(*) FROM practice."Scenario"') == len(scenarios())


async def test_a_hub_without_practices_becomes_one_with_them(empty: str, secret: str) -> None:
    """The numbers of its migrations are lower than some that were applied long ago."""
    known = migrate.migrations()
    before = [one for one in known if one.number not in PRACTICE]
    assert len((await migrate.migrate(empty, secret, before)).applied) == len(before)
    added = (await migrate.migrate(empty, secret)).applied
    assert len(added) == len(known) - len(before)
    connection = await asyncpg.connect(empty)
    try:
        assert await connection.fetchval('SELECT count(*) FROM practice."Scenario"') == 4
    finally:
        await connection.close()
