"""Scenarios and presets as administrators change them, under sessions that have begun."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from beheard_hub.domain.refusals import Code
from beheard_hub.link_messages import Acked, Refused
from beheard_hub.persistence.database import Database
from tests.conftest import TestDatabase
from tests.integration.consent.house import House, Phone
from tests.integration.practice.stage import Stage

_numbers = itertools.count(1)
PARTNER, COACH = "You are Renate, canary-p.", "You coach somebody, canary-c."


@pytest.fixture
async def stage(
    database: TestDatabase, db: Database, owner: asyncpg.Connection
) -> AsyncIterator[Stage]:
    house = House(database, db)
    await house.start()
    try:
        yield Stage(house, owner)
    finally:
        await house.stop()


async def refused(phone: Phone, name: str, /, **data: Any) -> str:
    answer = await phone.try_(name, **data)
    assert isinstance(answer, Refused), answer
    return answer.code


def words(**more: Any) -> dict[str, Any]:
    """A scenario whose slug is free."""
    return {
        "name": "The empty chair", "slug": f"empty-chair-{next(_numbers)}",
        "description": "All are there.", "partnerPersona": "Renate, 61",
        "partnerSystemPrompt": PARTNER, "coachSystemPrompt": COACH, **more,
    }  # fmt: skip


async def made(boss: Phone, **more: Any) -> dict[str, Any]:
    return dict((await boss.do("scenario.create", **words(**more)))["scenario"])


async def stored(stage: Stage, slug: str) -> list[asyncpg.Record]:
    found: list[asyncpg.Record] = await stage.owner.fetch(
        """SELECT id, version, name, "partnerSystemPrompt", "coachModel", "isActive"
           FROM practice."Scenario" WHERE slug = $1 ORDER BY version""",
        slug,
    )
    return found


async def test_a_scenario_without_sessions_is_changed_in_place(stage: Stage) -> None:
    boss = await stage.person("ADMIN")
    scenario = await made(boss, coachModel="small")
    assert (scenario["version"], scenario["isActive"]) == (1, True)
    about = {"scenarioId": scenario["id"]}
    changed = await boss.do("scenario.change", **about, name="Another", coachModel=None)
    assert changed["scenario"] == {**scenario, "name": "Another"}
    [row] = await stored(stage, scenario["slug"])
    assert (row["name"], row["coachModel"], row["partnerSystemPrompt"]) == (
        "Another", None, PARTNER,
    )  # fmt: skip
    assert "canary" not in boss.texts()
    assert await refused(boss, "scenario.change", **about) == Code.VALIDATION_ERROR
    assert await refused(boss, "scenario.change", scenarioId=99_999, name="x") == Code.NOT_FOUND
    again = words(slug=scenario["slug"])
    assert await refused(boss, "scenario.create", **again) == Code.CONFLICT
    assert await refused(boss, "scenario.create", **words(slug="No Slug")) == Code.VALIDATION_ERROR


async def test_one_that_has_sessions_is_changed_by_a_new_version(stage: Stage) -> None:
    boss, anna, rita = [await stage.person(role) for role in ("ADMIN", "USER", "STAFF")]
    old = await made(boss)
    started = await anna.do("practice.start", scenarioId=old["id"])
    changed = await boss.do("scenario.change", scenarioId=old["id"], partnerPersona="Ida, 58")
    new = changed["scenario"]
    assert (new["version"], new["partnerPersona"], new["isActive"]) == (2, "Ida, 58", True)
    first, second = await stored(stage, old["slug"])
    assert (first["isActive"], second["isActive"], second["id"]) == (False, True, new["id"])
    assert second["partnerSystemPrompt"] == PARTNER
    shown = await anna.do("practice.get", started["session"]["id"])
    assert shown["session"]["scenarioId"] == old["id"]
    assert await refused(anna, "practice.start", scenarioId=old["id"]) == Code.NOT_FOUND
    assert (await anna.do("practice.scenario", slug=old["slug"]))["scenario"]["id"] == new["id"]
    off = await boss.do("scenario.change", scenarioId=new["id"], isActive=False)
    assert off["scenario"] == {**new, "isActive": False}
    assert await refused(anna, "practice.scenario", slug=old["slug"]) == Code.NOT_FOUND
    assert await refused(rita, "scenario.change", scenarioId=new["id"], name="x") == Code.FORBIDDEN
    noted = await stage.owner.fetchval(
        """SELECT count(*) FROM hub."AuditLog" WHERE "actorId" = $1 AND action = 'scenario.change'
           AND target ->> 'scenarioId' IS NOT NULL""",
        boss.user_id,
    )
    assert noted == 2


async def test_presets_have_one_default_whoever_says_so(stage: Stage) -> None:
    boss, other = await stage.person("ADMIN"), await stage.person("ADMIN")
    before = (await boss.do("preset.list"))["presets"]
    assert [one["tokens"] for one in before] == [10_000, 25_000, 50_000, 500]
    [standard] = [one for one in before if one["isDefault"]]
    preset = (
        await boss.do("preset.create", name="huge", label="Huge", tokens=90_000, sortOrder=9)
    )["preset"]
    assert (preset["tokens"], preset["isDefault"]) == (90_000, False)
    try:
        answers = await asyncio.gather(
            boss.try_("preset.change", presetId=preset["id"], isDefault=True),
            other.try_("preset.change", presetId=before[0]["id"], isDefault=True),
        )
        lost = {answer.code for answer in answers if isinstance(answer, Refused)}
        assert any(isinstance(answer, Acked) for answer in answers)
        assert lost <= {Code.CONFLICT}
        now = (await boss.do("preset.list"))["presets"]
        assert sum(one["isDefault"] for one in now) == 1
        taken = {"name": "huge", "label": "Huge", "tokens": 1}
        assert await refused(boss, "preset.create", **taken) == Code.CONFLICT
        assert await refused(boss, "preset.change", presetId="no such", tokens=1) == Code.NOT_FOUND
        changed = await boss.do("preset.change", presetId=preset["id"], tokens=80_000)
        assert changed["preset"]["tokens"] == 80_000
    finally:
        await boss.do("preset.change", presetId=standard["id"], isDefault=True)
        assert await boss.do("preset.delete", presetId=preset["id"]) == {"deleted": True}
    assert await refused(boss, "preset.delete", presetId=preset["id"]) == Code.NOT_FOUND
    assert (await boss.do("preset.list"))["presets"] == before
