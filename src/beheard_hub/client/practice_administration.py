"""Scenarios and presets of practices: for administrators alone (spec 08)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beheard_hub.client import commands as c
from beheard_hub.client import practice_shapes as p
from beheard_hub.client.groups import Group


class Scenarios(Group):
    """What can be practised; :class:`Practices` lists it. Prompts go in and never come back."""

    async def create(
        self,
        *,
        name: str,
        slug: str,
        description: str,
        partner_persona: str,
        partner_system_prompt: str,
        coach_system_prompt: str,
        **more: Any,
    ) -> p.Scenario:
        """`more`: partner_model, coach_model, is_active."""
        made = await self._do(
            c.SCENARIO_CREATE,
            name=name,
            slug=slug,
            description=description,
            partner_persona=partner_persona,
            partner_system_prompt=partner_system_prompt,
            coach_system_prompt=coach_system_prompt,
            **more,
        )
        return made.scenario

    async def change(self, scenario_id: int, **fields: Any) -> p.Scenario:
        """What is given is replaced, in a new version where practices have begun with the old."""
        return (await self._do(c.SCENARIO_CHANGE, scenario_id=scenario_id, **fields)).scenario


class Presets(Group):
    """Quotas; an invitation has a copy."""

    async def list(self) -> Sequence[p.Preset]:
        """In the order in which they are shown."""
        return (await self._do(c.PRESET_LIST)).presets

    async def create(self, *, name: str, label: str, tokens: int, **more: Any) -> p.Preset:
        """`more`: description, is_default, sort_order."""
        made = await self._do(c.PRESET_CREATE, name=name, label=label, tokens=tokens, **more)
        return made.preset

    async def change(self, preset_id: str, **fields: Any) -> p.Preset:
        """What is given is replaced."""
        return (await self._do(c.PRESET_CHANGE, preset_id=preset_id, **fields)).preset

    async def delete(self, preset_id: str) -> bool:
        return (await self._do(c.PRESET_DELETE, preset_id=preset_id)).deleted
