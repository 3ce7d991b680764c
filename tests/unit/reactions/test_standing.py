"""What was read before a revocation is used by nothing that begins after it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from beheard_hub.domain.kernel import Command, Due, Work
from beheard_hub.domain.refusals import Refusal
from beheard_hub.reactions.reactor import Reactor
from beheard_hub.reactions.standing import SESSIONS_MAX, Revocations
from tests.unit.reactions.fakes import ANA, SAM, SESSION, START, Held, World, ai_turn

COMMAND = Command(id="c1", name="needs.list", user_id=ANA, session_id=SESSION, data=None)
SHARING = Work(
    "needs.share",
    {"needIds": ["n1"], "analyse": True, "partnerContentIds": ["c-b"], "ownContentIds": []},
)
NEED = {"id": "n1", "need": "Rest", "category": "X", "description": "d"}
THEIRS = {"id": "c-b", "text": "canary", "mine": False, "originalNeedId": None, "category": "X"}


# ---- the rule itself


async def test_a_read_that_a_revocation_overtakes_is_done_again() -> None:
    revocations, found = Revocations(), iter(["old", "newer", "newest"])

    async def read() -> str:
        text = next(found)
        if text != "newest":
            revocations.revoked("s")
        return text

    assert await revocations.standing("s", read) == "newest"


async def test_revocations_of_other_sessions_disturb_nobody() -> None:
    revocations, reads = Revocations(), 0

    async def read() -> int:
        nonlocal reads
        reads += 1
        revocations.revoked("another")
        return reads

    assert await revocations.standing("s", read) == 1


def test_memory_of_revocations_is_bounded_and_forgetting_one_reads_again() -> None:
    revocations = Revocations()
    revocations.revoked("s")
    before = revocations.newest("s")
    for n in range(SESSIONS_MAX):
        revocations.revoked(f"other-{n}")
    assert len(revocations._newest) == SESSIONS_MAX
    assert revocations.newest("s") != before


# ---- work


def sharing() -> World:
    world = World(work__needs=[NEED], work__shared_needs=[THEIRS])
    world.facilitator.held = Held()
    return world


async def begun(world: World, work: Work) -> asyncio.Task[Any]:
    task = asyncio.create_task(world.reactor.work(SESSION, ANA, work, COMMAND))
    assert world.facilitator.held is not None
    await world.facilitator.held.reached.wait()
    return task


async def test_work_on_what_was_taken_back_begins_anew_without_it() -> None:
    world = sharing()
    task = await begun(world, SHARING)
    assert "canary" in repr(world.facilitator.shared)
    held, world.facilitator.held = world.facilitator.held, None
    world.reads.rows["work.shared_needs"] = []
    world.reactor.cancelled(SESSION, ["revoked:c-b"])
    result = await task
    assert "canary" not in repr(world.facilitator.shared)
    assert [need["id"] for need in result["needs"]] == ["n1"]
    assert held is not None
    assert not world.reactor._sharing


async def test_a_revocation_elsewhere_leaves_work_alone() -> None:
    world = sharing()
    task = await begun(world, SHARING)
    world.reactor.cancelled("another session", ["revoked:c-b"])
    assert world.facilitator.held is not None
    world.facilitator.held.set()
    assert not isinstance(await task, Refusal)


async def test_work_that_is_cancelled_is_not_begun_anew() -> None:
    world = sharing()
    task = await begun(world, SHARING)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not world.reactor._sharing


async def test_what_work_reads_while_something_is_taken_back_it_reads_again() -> None:
    world = sharing()
    world.facilitator.held = None
    answers = iter([[THEIRS], []])

    def rows(_: object) -> Any:
        found = next(answers)
        if found:  # it is taken back after the database answered, before the model is called
            world.tools.revocations.revoked(SESSION)
        return found

    world.reads.rows["work.shared_needs"] = rows
    await world.reactor.work(SESSION, ANA, SHARING, COMMAND)
    assert "canary" not in repr(world.facilitator.shared)


async def test_a_dropped_reminder_runs_no_further_and_no_other_stops() -> None:
    one, other = Held(), Held()
    world = World([one], [other])
    world.reactor.committed(SESSION, [ai_turn("ra"), ai_turn("rb", user=SAM)])
    await asyncio.gather(one.reached.wait(), other.reached.wait())
    gone = world.reactor._running["ra"]
    world.reactor.cancelled(SESSION, ["drop:ra", "drop:unknown", "gone:somebody"])
    await asyncio.wait({gone})
    assert set(world.reactor._running) == {"rb"}
    assert world.box.log == ["internal.audited"], "what was sent is on record, and no answer"
    await world.reactor.stop()


async def test_an_analysis_can_be_dropped_too() -> None:
    world = sharing()
    world.reactor.committed(SESSION, [Due(id="g1", kind="common_ground", at=START)])
    assert world.facilitator.held is not None
    await world.facilitator.held.reached.wait()
    gone = world.reactor._running["g1"]
    world.reactor.cancelled(SESSION, ["drop:g1"])
    await asyncio.wait({gone})
    assert world.box.named("internal.common_ground") == []


# ---- one run for several


def synthesis(changes: int = 0) -> Work:
    return Work("needs.synthesise", {"since": None, "changes": changes})


class Slow(World):
    """Synthesis waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.began = asyncio.Event()
        inner = self.facilitator.synthesise_needs

        async def synthesise(bundle: Any) -> Any:
            self.began.set()
            await self.gate.wait()
            return await inner(bundle)

        self.facilitator.synthesise_needs = synthesise  # type: ignore[method-assign]

    def reader(self, work: Work, user: str = ANA) -> asyncio.Task[Any]:
        return asyncio.create_task(self.reactor.work(SESSION, user, work, COMMAND))


async def finished(world: Slow, *tasks: asyncio.Task[Any]) -> list[Any]:
    await world.began.wait()
    await asyncio.sleep(0)
    world.gate.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_two_readers_at_once_make_one_run() -> None:
    world = Slow()
    one, other = await finished(world, world.reader(synthesis()), world.reader(synthesis()))
    assert one is other
    assert len(world.facilitator.bundles) == 1
    assert not world.reactor._together
    await world.reader(synthesis())
    assert len(world.facilitator.bundles) == 2, "a later reader asks anew"


async def test_other_people_and_other_knowledge_have_runs_of_their_own() -> None:
    world = Slow()
    readers = (
        world.reader(synthesis()),
        world.reader(synthesis(1)),
        world.reader(synthesis(), SAM),
    )
    await finished(world, *readers)
    assert len(world.facilitator.bundles) == 3


async def test_who_leaves_does_not_take_the_run_away_from_those_who_stay() -> None:
    world = Slow()
    leaving, staying = world.reader(synthesis()), world.reader(synthesis())
    await world.began.wait()
    leaving.cancel()
    left, stayed = await finished(world, leaving, staying)
    assert isinstance(left, asyncio.CancelledError)
    assert stayed["needs"] == []


async def test_a_failed_run_fails_for_all_and_the_next_is_a_new_one() -> None:
    world = Slow()
    world.facilitator.down = RuntimeError()
    failed = await finished(world, world.reader(synthesis()), world.reader(synthesis()))
    assert all(isinstance(outcome, RuntimeError) for outcome in failed)
    world.facilitator.down = None
    assert not isinstance(await world.reader(synthesis()), Refusal)


async def test_stopping_ends_runs_under_way() -> None:
    world = Slow()
    task = world.reader(synthesis())
    await world.began.wait()
    reactor: Reactor = world.reactor
    await reactor.stop()
    with pytest.raises(asyncio.CancelledError):
        await task
