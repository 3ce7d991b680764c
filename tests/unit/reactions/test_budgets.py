"""Daily budgets: whose tokens count, how seldom it is read, and what a spent one looks like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from beheard_hub.domain.kernel import Command, Due, Work
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.facilitation import Usage
from beheard_hub.metering import charged_to, used
from beheard_hub.reactions import turns
from beheard_hub.reactions.budgets import HUB_SECONDS, USER_SECONDS, BudgetReached, Budgets
from beheard_hub.reactions.reactor import BUDGET_RETRY_SECONDS_MAX, Reactor
from tests.unit.reactions.fakes import ANA, SAM, SESSION, START, FakeClock, World, ai_turn, message

TOMORROW = datetime(2026, 3, 2, tzinfo=UTC)


class Stored:
    """The table: tokens by user, and how often somebody looked."""

    def __init__(self, **tokens: int) -> None:
        self.by_user = tokens
        self.asked: list[tuple[str | None, datetime]] = []

    async def tokens(self, user_id: str | None, since: datetime) -> int:
        self.asked.append((user_id, since))
        return sum(self.by_user.values()) if user_id is None else self.by_user.get(user_id, 0)


async def reached(budgets: Budgets, user: str = ANA) -> datetime | None:
    try:
        await budgets.check(user)
    except BudgetReached as spent:
        return spent.resets_at
    return None


def spend(budgets: Budgets, user: str, tokens: int) -> None:
    with budgets.charging(user, SESSION):
        used(call="stage1", model="m", usage=Usage(input=tokens - 2, output=1, cached=1))


async def test_without_a_bound_nothing_is_read() -> None:
    budgets = Budgets()
    spend(budgets, ANA, 1_000_000)
    assert await reached(budgets) is None


async def test_a_users_budget_counts_what_is_stored_and_what_is_spent_here() -> None:
    stored = Stored(ana=60, sam=99)
    budgets = Budgets(FakeClock(), stored, user=100)
    assert await reached(budgets) is None
    spend(budgets, SAM, 50)
    spend(budgets, ANA, 39)
    assert await reached(budgets) is None
    spend(budgets, ANA, 3)
    assert await reached(budgets) == TOMORROW
    assert stored.asked == [(ANA, START.replace(hour=0))], "one look for four checks"


async def test_the_hubs_budget_counts_everybody() -> None:
    budgets = Budgets(FakeClock(), Stored(ana=60), hub=100)
    assert await reached(budgets) is None
    spend(budgets, SAM, 40)
    assert await reached(budgets) == await reached(budgets, SAM) == TOMORROW


@pytest.mark.parametrize(
    ("bounds", "seconds"), [({"user": 100}, USER_SECONDS), ({"hub": 100}, HUB_SECONDS)]
)
async def test_what_other_hosts_spend_is_seen_after_a_while(
    bounds: dict[str, int], seconds: float
) -> None:
    clock, stored = FakeClock(), Stored(ana=0)
    budgets = Budgets(clock, stored, **bounds)
    assert await reached(budgets) is None
    stored.by_user["ana"] = 100
    clock.seconds += seconds
    assert await reached(budgets) is None
    clock.seconds += 1
    assert await reached(budgets) == TOMORROW


async def test_a_new_day_has_a_new_budget() -> None:
    clock, stored = FakeClock(), Stored(ana=100)
    budgets = Budgets(clock, stored, user=100)
    assert await reached(budgets) == TOMORROW
    stored.by_user["ana"] = 0
    clock.seconds += (TOMORROW - START).total_seconds() - 1
    stored.by_user["ana"] = 100
    assert await reached(budgets) == TOMORROW
    stored.by_user["ana"] = 0
    clock.seconds += 1
    assert await reached(budgets) is None


async def test_a_bill_is_closed_also_by_a_failure() -> None:
    budgets = Budgets(FakeClock(), Stored(), user=10)
    assert await reached(budgets) is None

    def broken() -> None:
        used(call="stage1", model="m", usage=Usage(input=10))
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), budgets.charging(ANA, SESSION):
        broken()
    assert await reached(budgets) == TOMORROW


def test_a_bill_inside_another_takes_over() -> None:
    with charged_to(ANA, SESSION) as outer:
        with charged_to(SAM, SESSION) as inner:
            used(call="extract", model="m", usage=Usage(1, 2, 3))
        used(call="plan", model="m", usage=Usage(4, 5, 6))
    used(call="mirror", model="m", usage=Usage(7, 8, 9))
    assert [one.call for one in outer.entries] == ["plan"]
    assert [one.usage.total for one in inner.entries] == [6]


# ---- what a spent budget looks like


def spent_world(**more: Any) -> World:
    world = World(**more)
    budgets = Budgets(world.clock, Stored(ana=100), user=100)
    world.tools = msgspec.structs.replace(world.tools, budgets=budgets)
    world.reactor = Reactor(world.tools)
    world.reactor.bind(world.box)
    return world


async def test_an_answer_ends_in_a_word_and_in_no_error() -> None:
    world = spent_world()
    world.hear(message(1, "Hello?"))
    await turns.answer(world.tools, world.box, SESSION, ai_turn())
    [command] = world.box.commands
    assert (command.name, command.user_id) == ("internal.ai_budget", ANA)
    assert (command.data.reminder_id, command.data.resets_at) == ("r1", TOMORROW)
    assert not world.facilitator.bundles
    assert not world.reads.asked


ASKING: dict[str, dict[str, Any]] = {
    "needs.synthesise": {},
    "needs.share": {"needIds": [], "analyse": True, "partnerContentIds": []},
    "consent.preview": {"contentType": "BOUNDARY", "originalContentId": "b1"},
    "strategies.suggest": {"count": 1, "focusNeeds": []},
}


@pytest.mark.parametrize("kind", sorted(ASKING))
async def test_work_that_asks_the_facilitator_is_refused_until_then(kind: str) -> None:
    world = spent_world()
    asked = Command(id="c1", name="any", user_id=ANA, session_id=SESSION, data=None)
    refused = await world.reactor.work(SESSION, ANA, Work(kind, ASKING[kind]), asked)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.retryable) == (Code.RATE_LIMITED, True)
    left = TOMORROW - world.clock.now()
    assert refused.retry_after_ms == left / timedelta(milliseconds=1)
    [told] = world.box.named("internal.ai_budget")
    assert (told.reminder_id, told.resets_at) == (None, TOMORROW)


@pytest.mark.parametrize(
    "work",
    [
        Work("needs.share", {"needIds": [], "analyse": False, "partnerContentIds": []}),
        Work("strategies.library", {"count": 1}),
        Work("notifications.find", {"ids": None}),
    ],
    ids=lambda work: work.kind,
)
async def test_what_needs_no_facilitator_goes_on(work: Work) -> None:
    world = spent_world(notifications__count=[{"count": 0}])
    asked = Command(id="c1", name="any", user_id=ANA, session_id=SESSION, data=None)
    assert not isinstance(await world.reactor.work(SESSION, ANA, work, asked), Refusal)
    assert not world.box.commands


async def test_the_analysis_of_common_ground_waits_for_the_next_budget() -> None:
    world = spent_world()
    due = Due(id="g1", kind="common_ground", at=START, payload={"userId": ANA})
    for seconds in (0.0, BUDGET_RETRY_SECONDS_MAX - 1):
        world.clock.seconds += seconds
        world.reactor.committed(SESSION, [due])
        await world.idle()
        assert not world.box.commands
    world.clock.seconds += (TOMORROW - START).total_seconds()
    stored = Stored()
    world.tools.budgets._usage = stored
    world.reactor.committed(SESSION, [due])
    await world.idle()
    assert world.box.named("internal.common_ground")
