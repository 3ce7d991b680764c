"""A new name reaches sessions on every host: the reminder finds whoever owns the session now."""

from __future__ import annotations

import asyncio

from tests.snapshots import partners_name

from .conftest import Town
from .meeting import HEARD_SECONDS_MAX, connected, opened

PARTNERS = 6
"""Sessions of one person, spread over two hosts by their ids."""


async def test_a_new_name_reaches_the_sessions_of_all_hosts(town: Town) -> None:
    people = [town.person(f"Ida{number}") for number in range(PARTNERS + 1)]
    async with connected(town, people) as (ida, *partners):
        sessions = []
        for partner in partners:
            made = await opened(ida)
            await partner.invitations.accept(made["invitationId"])
            sessions.append(made["session"]["id"])
            assert await partners_name(partner, sessions[-1]) == "Ida0"
        await ida.profile.update(name="Adelheid")
        for partner, session_id in zip(partners, sessions, strict=True):
            shown = (await partner.session(session_id).get()).session.partner
            assert shown is not None
            assert shown.name == "Adelheid", "at once, wherever it lives"
        async with asyncio.timeout(HEARD_SECONDS_MAX):
            for partner, session_id in zip(partners, sessions, strict=True):
                while await partners_name(partner, session_id) != "Adelheid":
                    pass
