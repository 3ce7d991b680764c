"""A look at a draft: what it reads, what it hands over, and that a failure costs nobody."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from beheard_hub.ai.danger import DRAFT_HINT
from beheard_hub.ai.offline import OfflineFacilitator
from beheard_hub.domain.kernel import Due
from beheard_hub.facilitation import DraftCheck, FacilitatorFailed
from beheard_hub.reactions.drafts import look
from tests.unit.reactions.fakes import ANA, SESSION, START, FakeEmbedder, World

HINT = "You could begin with a guess."


def due(version: int = 2, draft: str = "d1") -> Due:
    payload = {"draftId": draft, "version": version}
    return Due(id="x1", kind="draft_check", at=START, user_id=ANA, payload=payload)


def world(text: str = "You were wrong.") -> World:
    made = World(bundle__draft=[{"id": "d1", "text": text, "version": 2}])
    made.facilitator.draft_check = DraftCheck(curious=False, hint=HINT, prompt_version="p/1")
    return made


async def looked(there: World, at: Due) -> Any:
    await look(there.tools, there.box, SESSION, at)
    [command] = there.box.commands
    assert (command.name, command.user_id) == ("internal.draft_checked", ANA)
    assert command.id == command.data.reminder_id == "x1"
    return command.data


async def test_it_sees_the_own_draft_and_nothing_else() -> None:
    there = world()
    done = await looked(there, due())
    assert there.facilitator.drafts == ["You were wrong."]
    assert there.reads.queries() == {"bundle.draft"}
    assert {(a.role, a.id, a.stage) for a, _ in there.reads.asked} == {("ai", ANA, 2)}
    assert (done.version, done.hint, done.prompt_version) == (2, HINT, "p/1")
    [(action, outcome, target)] = done.audit
    assert (action, outcome) == ("ai.bundle", "SENT")
    assert target == {"items": list(done.items)}
    assert [item["id"] for item in done.items] == ["d1"]


@pytest.mark.parametrize("at", [due(version=1), due(draft="d2")], ids=["older", "another"])
async def test_what_is_no_longer_there_costs_no_call(at: Due) -> None:
    there = world()
    done = await looked(there, at)
    assert (done.hint, done.audit, there.facilitator.drafts) == (None, (), [])


async def test_a_draft_that_wonders_gets_no_hint() -> None:
    there = world()
    there.facilitator.draft_check = DraftCheck(curious=True, hint="well done")
    assert (await looked(there, due())).hint is None


async def test_a_failure_leaves_no_hint_and_is_not_tried_again() -> None:
    there = world()
    there.facilitator.down = FacilitatorFailed("overloaded")
    there.reactor.committed(SESSION, [due()])
    await there.idle()
    [done] = there.box.named("internal.draft_checked")
    assert (done.reminder_id, done.hint) == ("x1", None)
    assert done.audit, "that it was sent is on record"


async def test_a_draft_about_danger_is_not_coached() -> None:
    there = world("You want to kill me, I want to die.")
    offline = OfflineFacilitator(FakeEmbedder())
    tools = msgspec.structs.replace(there.tools, facilitator=offline)
    await look(tools, there.box, SESSION, due())
    [command] = there.box.commands
    assert command.data.hint == DRAFT_HINT
