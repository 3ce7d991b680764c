"""Every kind of work, one turn and the library on a real Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import asyncpg
import pytest

from beheard_hub.ai.embedding import LocalEmbedder
from beheard_hub.domain.kernel import Command, Due, Work
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.facilitation import Piece
from beheard_hub.persistence.library_vectors import embed_library
from beheard_hub.reactions import identity, library, practice_work, turns
from beheard_hub.reactions import work as works
from beheard_hub.reactions.reactor import Reactor
from beheard_hub.reactions.tools import Tools, as_ai
from tests.conftest import TestDatabase
from tests.integration.persistence import scene
from tests.integration.persistence.scene import SESSION, A, B
from tests.unit.reactions.fakes import Box, FakeEmbedder

ITEMS = 47
ASK: Mapping[str, Mapping[str, Any]] = {
    "invitation.relationship": {"inviterId": A, "callerId": B},
    "draft.text": {"draftId": f"draft-{A}"},
    "needs.synthesise": {},
    "needs.share": {"needIds": [f"need-{A}"], "analyse": True,
                    "partnerContentIds": [f"content-need-{B}"]},
    "consent.preview": {"contentType": "BOUNDARY", "originalContentId": f"boundary-{A}"},
    "consent.grant": {"recordId": f"pending-{A}", "contentType": "BOUNDARY", "edited": None},
    "strategies.suggest": {"count": 3, "focusNeeds": ["calm"]},
    "strategies.library": {"count": 3},
    "notifications.find": {"ids": None},
    "library.look": {"itemId": None, "contributorId": B},
    "ably.token": {"capability": {}},
}  # fmt: skip
KEYS: Mapping[str, set[str]] = {
    "invitation.relationship": {"relationshipId", "openSessionId"},
    "draft.text": {"content"},
    "needs.synthesise": {"needs", "clarifications"},
    "needs.share": {"needs", "common"},
    "consent.preview": {"preview", "description", "clarifications"},
    "consent.grant": {"text", "warnings", "category"},
    "strategies.suggest": {"suggestions"},
    "strategies.library": {"items"},
    "notifications.find": {"ids", "unread"},
    "library.look": {"item", "contributor"},
    "ably.token": {"tokenRequest"},
}


OF_MEDIATION = works.WORK.keys() - practice_work.WORK.keys() - identity.WORK.keys()
"""What tests of practice and of identity do not ask."""


async def run(tools: Tools, user: str, kind: str, args: Mapping[str, Any]) -> Any:
    command = Command(id="c1", name="any", user_id=user, session_id=SESSION, data=None)
    reactor = Reactor(tools)
    reactor.bind(Box(SESSION))
    return await reactor.work(SESSION, user, Work(kind, args), command)


@pytest.mark.parametrize("kind", sorted(OF_MEDIATION))
async def test_every_kind_runs_and_reads_nothing_private_of_the_other(
    tools: Tools, kind: str
) -> None:
    result = await run(tools, A, kind, ASK[kind])
    assert not isinstance(result, Refusal)
    assert set(result) == KEYS[kind]
    assert f"private of {B}" not in repr(result)


@pytest.mark.parametrize("kind", ["draft.text", "needs.share", "consent.preview", "consent.grant"])
async def test_what_is_the_others_is_not_there(tools: Tools, kind: str) -> None:
    result = await run(tools, B, kind, ASK[kind])
    assert isinstance(result, Refusal)
    assert result.code is Code.NOT_FOUND


@pytest.mark.parametrize(
    ("kind", "original"),
    [
        ("EVENT_SUMMARY", f"event-{A}-1"),
        ("EMOTIONAL_PATTERN", f"reading-{A}-1"),
        ("BOUNDARY", f"boundary-{A}"),
        ("IDENTIFIED_NEED", f"need-{A}"),
    ],
)
async def test_each_type_of_content_has_a_preview_for_its_owner_alone(
    tools: Tools, kind: str, original: str
) -> None:
    args = {"contentType": kind, "originalContentId": original}
    mine = await run(tools, A, "consent.preview", args)
    assert mine["preview"] or mine["clarifications"]
    theirs = await run(tools, B, "consent.preview", args)
    assert isinstance(theirs, Refusal)


async def test_who_is_no_administrator_learns_nothing_of_a_contributor(
    tools: Tools, owner: asyncpg.Connection
) -> None:
    args = {"itemId": None, "contributorId": B}
    item = {"itemId": "lib-communication-01", "contributorId": None}
    assert await run(tools, A, "library.look", args) == {"item": None, "contributor": None}
    refused = await run(tools, A, "library.look", item)
    assert isinstance(refused, Refusal)
    await owner.execute("""UPDATE "User" SET role = 'ADMIN' WHERE id = $1""", A)
    try:
        found = await run(tools, A, "library.look", args)
        assert found == {"item": None, "contributor": {"name": "Ben"}}
        looked = await run(tools, A, "library.look", item)
        assert looked["item"]["source"] == "CURATED"
    finally:
        await owner.execute("""UPDATE "User" SET role = 'USER' WHERE id = $1""", A)


async def test_the_relationship_of_the_two_and_its_open_session(tools: Tools) -> None:
    result = await run(tools, B, "invitation.relationship", ASK["invitation.relationship"])
    assert result == {"relationshipId": "rel", "openSessionId": SESSION}
    stranger = {"inviterId": A, "callerId": "user-c"}
    result = await run(tools, "user-c", "invitation.relationship", stranger)
    assert result == {"relationshipId": None, "openSessionId": None}


async def test_a_need_of_the_partner_comes_with_its_category(tools: Tools) -> None:
    rows = await tools.reads.read(as_ai(SESSION, A, 3), "work.shared_needs", {})
    assert {(row["mine"], row["category"]) for row in rows} == {(True, "SAFETY"), (False, "SAFETY")}


async def test_common_ground_is_found_for_both_alike(tools: Tools) -> None:
    member = await works.any_member(tools, SESSION)
    assert member == A
    ids, _ = await works.common_ground(tools, SESSION, member)
    assert set(ids) == {f"content-need-{A}", f"content-need-{B}"}
    assert ids == (await works.common_ground(tools, SESSION, B))[0]
    with pytest.raises(works.Gone):
        await works.any_member(tools, "no session")


async def test_one_turn_answers_what_waits(tools: Tools) -> None:
    class Box:
        def __init__(self) -> None:
            self.commands: list[Command] = []
            self.pieces: list[str] = []

        def submit_internal(self, session_id: str, command: Command) -> None:
            self.commands.append(command)

        def delta(self, session_id: str, user_id: str, piece: Piece) -> None:
            self.pieces.append(piece.text)

        def answered(self, session_id: str, user_id: str, message_id: str) -> None:
            """Nobody comes late here."""

        def merged(self, guest_id: str, user_id: str, sessions: Sequence[str]) -> None:
            raise AssertionError("nobody is merged here")

        def came_after(self, session_id: str, user_id: str, at: datetime) -> bool:
            return False

    box = Box()
    due = Due(id="r1", kind="ai_turn", at=scene.at(9), user_id=A, payload={"stage": 4})
    await turns.answer(tools, box, SESSION, due)
    [command] = box.commands
    assert command.name == "internal.ai_replied"
    assert "".join(box.pieces) == command.data.message["content"]
    assert set(command.data.answered) == {f"message-{A}-{n}" for n in (0, 2, 4)}
    assert f"private of {B}" not in command.data.message["content"]


# ---- the library


async def test_the_library_is_whole_and_has_vectors_once(
    tools: Tools, database: TestDatabase, owner: asyncpg.Connection
) -> None:
    count = 'SELECT count(*) FROM "GlobalLibraryItem" WHERE "embeddingModel" = $1'
    model = LocalEmbedder.model
    assert await owner.fetchval('SELECT count(*) FROM "GlobalLibraryItem"') == ITEMS
    assert await owner.fetchval(count, model) == ITEMS
    assert await embed_library(database.owner_url, LocalEmbedder()) == 0
    await owner.execute(
        """UPDATE "GlobalLibraryItem" SET "embeddingModel" = 'old'
           WHERE category = 'conflict-resolution'"""
    )
    changed = ITEMS - await owner.fetchval(count, model)
    assert changed > 0
    assert await embed_library(database.owner_url, LocalEmbedder()) == changed
    assert await owner.fetchval(count, model) == ITEMS


async def test_a_failing_embedder_changes_nothing(
    tools: Tools, database: TestDatabase, owner: asyncpg.Connection
) -> None:
    with pytest.raises(asyncpg.DataError):  # vectors of two dimensions
        await embed_library(database.owner_url, FakeEmbedder())
    kept = 'SELECT count(*) FROM "GlobalLibraryItem" WHERE "embeddingModel" = $1'
    assert await owner.fetchval(kept, LocalEmbedder.model) == ITEMS


async def test_what_is_near_comes_first_and_what_is_kept_for_the_pool_never(tools: Tools) -> None:
    actor = as_ai(SESSION, A, 4)
    near = await library.near(tools, actor, ["phones away at dinner"], ITEMS)
    kept = await library.unseen(tools, actor)
    assert len(kept) == library.RESERVED
    assert len(near) == ITEMS - library.RESERVED
    assert not {row["id"] for row in near} & {item.id for item in kept}
    any_of_it = await library.near(tools, actor, [], ITEMS)
    assert {row["id"] for row in any_of_it} == {row["id"] for row in near}
    meal = [row["fields"]["title"] for row in near[:8]]
    assert any(word in " ".join(meal).lower() for word in ("phone", "dinner", "meal", "basket"))
