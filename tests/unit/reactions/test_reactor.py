"""Reminders: at most once at a time, again after a while, never louder than they must be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from beheard_hub.domain.kernel import Command, Due, Loaded, Work
from beheard_hub.domain.practice.vocabulary import FOLLOW
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.facilitation import CommonItem, Delta, FacilitatorFailed
from beheard_hub.ports import StoreUnavailable
from beheard_hub.reactions import practising, turns
from beheard_hub.reactions.reactor import HANDLERS, RETRY_SECONDS, SETTLE_SECONDS
from tests.unit.reactions.fakes import ANA, SAM, SESSION, START, Held, World, ai_turn, message

NO_TIMERS = {
    "ai_extract", "ai_turn", "common_ground", "renamed", "erase_seat", "erase_account", "push",
    "device_gone", "draft_check", *practising.HANDLERS,
}  # fmt: skip
COMMAND = Command(id="c1", name="draft", user_id=ANA, session_id=SESSION, data=None)


def timer(kind: str, **payload: str) -> Due:
    return Due(id=f"t-{kind}", kind=kind, at=START, payload=payload)


def stalled() -> World:
    """A world whose facilitator begins and does not end."""
    world = World([Delta("I"), asyncio.Event()])
    world.hear(message(1, "Hello."))
    return world


async def test_a_reminder_runs_once_at_a_time_however_often_it_is_named() -> None:
    world = stalled()
    world.reactor.committed(SESSION, [ai_turn(), ai_turn()])
    await world.facilitator.started.wait()
    world.reactor.committed(SESSION, [ai_turn()])
    assert len(world.facilitator.bundles) == 1
    await world.reactor.stop()
    assert [command.name for command in world.box.commands] == ["internal.audited"], "no answer"


async def test_a_finished_one_is_left_alone_until_it_should_have_settled() -> None:
    world = World()
    world.hear(message(1, "Hello."))
    for seconds, expected in ((0.0, 1), (SETTLE_SECONDS - 1, 1), (1.0, 2)):
        world.clock.seconds += seconds
        world.reactor.committed(SESSION, [ai_turn()])
        await world.idle()
        assert len(world.box.named("internal.ai_replied")) == expected


@pytest.mark.parametrize(
    ("along", "named"), [((SAM, ["7", "9"]), "7,8,9"), (None, "8")], ids=["known", "forgotten"]
)
async def test_a_reminder_of_a_merge_names_all_practices_that_came_along(
    along: tuple[str, list[str]] | None, named: str
) -> None:
    world = World()
    world.sessions.merged = {} if along is None else {"guest": along}
    due = Due(id="f8", kind=FOLLOW, at=START, user_id=SAM, payload={"guestId": "guest"})
    world.reactor.committed("8", [due])
    await world.idle()
    assert f"merged guest {SAM} {named}" in world.box.log


async def test_two_reminders_run_side_by_side() -> None:
    world = stalled()
    world.reactor.committed(SESSION, [ai_turn("r1"), timer("pause_limit")])
    await world.facilitator.started.wait()
    assert world.box.named("internal.timer")
    await world.reactor.stop()


async def test_without_the_database_it_is_tried_again_after_a_second() -> None:
    world = World()
    world.hear(message(1, "Hello."))
    world.reads.down = StoreUnavailable()
    world.reactor.committed(SESSION, [ai_turn()])
    await world.idle()
    assert world.box.commands == []
    world.reads.down = None
    world.reactor.committed(SESSION, [ai_turn()])
    await world.idle()
    assert world.box.commands == []
    world.clock.seconds += RETRY_SECONDS[0]
    world.reactor.committed(SESSION, [ai_turn()])
    await world.idle()
    assert world.box.named("internal.ai_replied")


async def test_a_failing_one_waits_longer_every_time() -> None:
    world = World()
    world.reads.down = RuntimeError("something private")
    due = Due(id="g1", kind="common_ground", at=START)
    for wait in (*RETRY_SECONDS, RETRY_SECONDS[-1]):
        world.reactor.committed(SESSION, [due])
        await world.idle()
        tries = len(world.reads.asked)
        world.clock.seconds += wait - 0.5
        world.reactor.committed(SESSION, [due])
        await world.idle()
        assert len(world.reads.asked) == tries
        world.clock.seconds += 0.5
    world.reads.down = None
    world.reactor.committed(SESSION, [due])
    await world.idle()
    assert world.box.named("internal.common_ground")


async def test_failures_are_logged_without_a_word_of_what_failed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    world = World([RuntimeError("private words")])
    world.hear(message(1, "private words"))
    world.reactor.committed(SESSION, [ai_turn(), timer("no such kind")])
    await world.idle()
    out, err = capfd.readouterr()
    assert "RuntimeError" in out + err
    assert "private" not in out + err


async def test_cancel_stops_that_thread_and_no_other() -> None:
    one, other = Held(), Held()
    world = World([one], [other])
    world.reactor.committed(SESSION, [ai_turn("ra"), ai_turn("rb", user=SAM)])
    await asyncio.gather(one.reached.wait(), other.reached.wait())
    world.reactor.cancelled(SESSION, [f"cancel:{ANA}", "revoked:content-1"])
    world.reactor.cancelled("another session", [f"cancel:{SAM}"])
    gone = world.reactor._running["ra"]
    await asyncio.wait({gone})
    assert set(world.reactor._running) == {"rb"}
    assert world.facilitator.closed == 1
    assert world.box.log == ["internal.audited"]
    await world.reactor.stop()


async def test_cancel_leaves_what_is_not_a_thread_alone() -> None:
    world = World()
    world.facilitator.held = Held()
    world.reactor.committed(SESSION, [Due(id="g1", kind="common_ground", at=START, user_id=ANA)])
    await world.facilitator.held.reached.wait()
    world.reactor.cancelled(SESSION, [f"cancel:{ANA}"])
    world.facilitator.held.set()
    await world.idle()
    assert world.box.named("internal.common_ground")


async def test_common_ground_is_read_as_a_member_and_names_what_it_saw() -> None:
    world = World(
        work__shared_needs=[
            {"id": "c-a", "text": "Rest: d", "mine": True, "originalNeedId": "n", "category": "X"},
            {"id": "c-b", "text": "Quiet: d", "mine": False, "originalNeedId": None,
             "category": "X"},
        ]
    )  # fmt: skip
    world.facilitator.common = [
        CommonItem(need="Rest", category="X", description="d", source_content_ids=["c-a", "c-b"])
    ]
    due = Due(id="g1", kind="common_ground", at=START, payload={"userId": SAM})
    world.reactor.committed(SESSION, [due])
    await world.idle()
    [found] = world.box.named("internal.common_ground")
    assert found.reminder_id == "g1"
    assert found.content_ids == ("c-a", "c-b")
    assert found.items == (
        {"need": "Rest", "category": "X", "description": "d", "sourceContentIds": ["c-a", "c-b"]},
    )
    assert world.reads.asked[0][0].id == SAM


@pytest.mark.parametrize("kind", sorted(HANDLERS.keys() - NO_TIMERS))
async def test_a_timer_goes_straight_back(kind: str) -> None:
    world = World()
    world.reactor.committed(SESSION, [timer(kind, agreementId="a1")])
    await world.idle()
    [fired] = world.box.named("internal.timer")
    assert (fired.reminder_id, fired.kind, fired.agreement_id) == (f"t-{kind}", kind, "a1")


async def test_a_new_name_is_read_before_it_is_handed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    names: dict[str, str | None] = {"": "typed", ANA: "Anna", SAM: None}
    gates = [asyncio.Event(), asyncio.Event()]
    reading: list[asyncio.Event] = []

    async def load(wanted: Sequence[tuple[str, Sequence[str]]]) -> Sequence[Loaded | None]:
        gate = gates[len(reading)]
        reading.append(gate)
        shown = Loaded(session_id=wanted[0][0], facts={}, names=dict(names))
        await gate.wait()
        return [shown]

    monkeypatch.setattr(world.tools.sessions, "load", load)
    for number in range(2):
        world.reactor.committed(SESSION, [Due(id=f"n{number}", kind="renamed", at=START)])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(reading) == 1, "the later one waits, so that it is the one that stays"
    names[ANA] = "Annie"
    for gate in gates:
        gate.set()
    await world.idle()
    told = world.box.named("internal.renamed")
    assert [said.names for said in told] == [{ANA: "Anna", SAM: None}, {ANA: "Annie", SAM: None}]
    assert [said.reminder_id for said in told] == ["n0", "n1"]


async def test_what_is_gone_is_not_found() -> None:
    world = World()
    work = Work("draft.text", {"draftId": "d1"})
    answer = await world.reactor.work(SESSION, ANA, work, COMMAND)
    assert isinstance(answer, Refusal)
    assert answer.code is Code.NOT_FOUND


@pytest.mark.parametrize("failure", [StoreUnavailable(), FacilitatorFailed("away")])
async def test_work_lets_the_host_see_what_is_away(failure: Exception) -> None:
    world = World()
    world.reads.down = failure
    with pytest.raises(type(failure)):
        await world.reactor.work(SESSION, ANA, Work("draft.text", {"draftId": "d1"}), COMMAND)


async def test_memory_of_past_reminders_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beheard_hub.reactions.reactor.REMEMBERED_MAX", 3)
    world = World()
    for n in range(10):
        world.clock.seconds += SETTLE_SECONDS
        world.reactor.committed(SESSION, [Due(id=f"t{n}", kind="inactivity", at=START)])
        await world.idle()
    assert len(world.reactor._not_before) <= 4


def test_the_limits_of_an_answer_are_those_of_the_spec() -> None:
    tools = World().tools
    assert (tools.first_word_seconds_max, tools.answer_seconds_max) == (20, 60)
    assert turns.FEEL_HEARD_FIRST == 4
