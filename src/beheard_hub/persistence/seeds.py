"""What the hub brings along into a migrated database: scenarios and presets of practices (spec 08).

Done with every migration, in its transaction. It only fills in what was never there: a slug that
has a row of whatever version is left alone, and presets come only into an empty table, so that
nothing comes back that an administrator has changed, switched off or deleted.
"""

from __future__ import annotations

import asyncpg
import msgspec

from beheard_hub.persistence import sql
from beheard_hub.practice import presets, scenarios


async def sow(connection: asyncpg.Connection) -> None:
    """Fills in, as the owner; a schema without practice tables gets nothing."""
    if not await connection.fetchval(sql.text("practice.seedable")):
        return
    texts = [
        {
            "slug": one.slug,
            "name": one.name,
            "description": one.description,
            "partnerPersona": one.partner_persona,
            "partnerSystemPrompt": one.partner,
            "coachSystemPrompt": one.coach,
        }
        for one in scenarios()
    ]
    quotas = [
        {
            "id": f"preset-{one.name}",
            "name": one.name,
            "label": one.label,
            "description": one.description,
            "quota": {"tokens": one.tokens},
            "isDefault": one.default,
            "sortOrder": place,
        }
        for place, one in enumerate(presets())
    ]
    for query, rows in (("practice.seed_scenarios", texts), ("practice.seed_presets", quotas)):
        await connection.execute(sql.text(query), msgspec.json.encode(rows).decode())
