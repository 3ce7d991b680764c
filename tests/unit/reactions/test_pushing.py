"""The ``push`` reminder, step by step, in injected time: what is sent, when, and when no more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beheard_hub.courier import CourierDown, CourierRefused, Device, DeviceGone, Note
from beheard_hub.domain.kernel import Command, Due
from beheard_hub.observability.metrics import PUSHES
from beheard_hub.push.texts import DEFAULT
from beheard_hub.reactions.pushing import AGE_MAX, COLLAPSE, Pushes, digest, forget_token, retry_at
from tests.unit.reactions.fakes import ANA, SESSION, START, MemoryReads, World

TOKEN = "the-token"
DAY = AGE_MAX.total_seconds()


class FakeCourier:
    """Keeps what it is given, with the time; fails with `fails` where there is something."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.published: list[str] = []
        self.pushed: list[tuple[float, str]] = []
        self.texts: list[str] = []
        self.fails: dict[str, Exception] = {}

    async def publish(self, note: Note) -> None:
        await asyncio.sleep(0)
        if "publish" in self.fails:
            raise self.fails["publish"]
        self.published.append(note.id)

    async def push(self, note: Note, text: str, device: Device) -> None:
        await asyncio.sleep(0)
        if "push" in self.fails:
            raise self.fails["push"]
        self.pushed.append((self._world.clock.seconds, note.id))
        self.texts.append(text)


class Row(msgspec.Struct):
    """A notification with its reminder."""

    id: str
    created_at: datetime
    due_at: datetime
    fired_at: datetime | None = None
    via: str | None = None
    read_at: datetime | None = None


class Story:
    """One user's notifications of one session, kept as the database would keep them."""

    def __init__(self, *, courier: bool = True) -> None:
        self.world = World()
        self.courier = FakeCourier(self.world)
        self.rows: dict[str, Row] = {}
        self.token: tuple[str, str] | None = (TOKEN, "ios")
        self.came_at: datetime | None = None
        self.lost = 0
        """So many of the next commands are decided and never committed."""
        self.directory: list[Command] = []
        self.taken: list[Command] = []
        self.reads = MemoryReads(
            push__notification=self._row,
            push__others=self._others,
            push__token=lambda _: [{"pushToken": self.token and self.token[0]}],
        )
        self.tools = msgspec.structs.replace(
            self.world.tools, reads=self.reads, courier=self.courier if courier else None
        )
        self.pushes = Pushes(self.tools)

    # ---- the database

    def _row(self, args: Mapping[str, Any]) -> list[dict[str, Any]]:
        row = self.rows.get(args["id"])
        token, platform = self.token or (None, None)
        return [] if row is None else [{
            "id": row.id, "sessionId": SESSION, "type": "partner.joined",
            "createdAt": row.created_at, "readAt": row.read_at, "deliveredVia": row.via,
            "pushToken": token, "pushPlatform": platform,
        }]  # fmt: skip

    def _others(self, args: Mapping[str, Any]) -> list[dict[str, Any]]:
        fired = [row.fired_at for row in self.rows.values() if row.via == "push" and row.fired_at]
        newer = any(r.id > args["reminder_id"] and not r.fired_at for r in self.rows.values())
        lately = [at for at in fired if at > args["since"]]
        return [{"lastAt": max(lately, default=None), "newer": newer}]

    # ---- ports.Mailbox

    def submit_internal(self, session_id: str, command: Command) -> None:
        if command.name == "internal.token_gone":
            self.directory.append(command)
            return
        self.taken.append(command)
        data = command.data
        row = self.rows.get(data.reminder_id)
        if self.lost or row is None:
            self.lost = max(0, self.lost - 1)
            return
        if data.retry_at is None:
            row.fired_at = self.now
        else:
            row.due_at = data.retry_at
        if data.notification_id is not None:
            row.via = data.via

    def came_after(self, session_id: str, user_id: str, at: datetime) -> bool:
        return self.came_at is not None and self.came_at > at

    def delta(self, *_: Any) -> None:
        raise AssertionError("nobody speaks here")

    answered = delta
    merged = delta

    # ---- time

    @property
    def now(self) -> datetime:
        return self.world.clock.now()

    def notify(self) -> Row:
        row = Row(f"n{len(self.rows):04}", self.now, self.now)
        self.rows[row.id] = row
        return row

    def due(self) -> Sequence[Row]:
        return [r for r in self.rows.values() if not r.fired_at and r.due_at <= self.now]

    async def run(self, *rows: Row) -> None:
        await asyncio.gather(*(self.pushes.push(self, SESSION, reminder(row)) for row in rows))

    async def tick(self, seconds: float) -> None:
        """Time goes on; what is due then runs, all at once."""
        self.world.clock.seconds += seconds
        await self.run(*self.due())

    def restart(self) -> None:
        """Another host has the session; it knows what the rows say."""
        self.pushes = Pushes(self.tools)
        self.came_at = None


def reminder(row: Row) -> Due:
    return Due(id=row.id, kind="push", at=row.due_at, user_id=ANA,
               payload={"notificationId": row.id})  # fmt: skip


def counted(outcome: str) -> float:
    return float(PUSHES.labels(outcome)._value.get())


async def test_whoever_is_away_is_told_on_the_channel_and_on_the_phone() -> None:
    story, before = Story(), counted("pushed")
    row = story.notify()
    await story.tick(0)
    assert story.courier.published == ["n0000"]
    assert story.courier.texts == [DEFAULT]
    assert (row.via, row.fired_at) == ("push", story.now)
    assert counted("pushed") == before + 1


async def test_without_a_token_there_is_the_channel_only() -> None:
    story = Story()
    story.token = None
    row = story.notify()
    await story.tick(0)
    assert (story.courier.published, story.courier.pushed) == (["n0000"], [])
    assert (row.via, row.fired_at) == ("ably", story.now)


async def test_without_a_key_there_is_the_inbox_only() -> None:
    story = Story(courier=False)
    row = story.notify()
    await story.tick(0)
    assert (row.via, row.fired_at) == ("inbox", story.now)
    assert "push.others" not in story.reads.queries()


async def test_whoever_came_meanwhile_is_told_nothing() -> None:
    story = Story()
    row = story.notify()
    story.came_at = story.now + timedelta(seconds=1)
    await story.tick(2)
    assert (story.courier.published, story.courier.pushed) == ([], [])
    assert (row.via, row.fired_at) == ("ws", story.now)


async def test_a_socket_that_was_open_before_does_not_count() -> None:
    story = Story()
    story.came_at = story.now - timedelta(seconds=1)
    row = story.notify()
    await story.tick(0)
    assert row.via == "push"


async def test_what_was_read_is_not_news() -> None:
    story = Story()
    row = story.notify()
    row.read_at = story.now
    await story.tick(0)
    assert (row.via, row.fired_at) == (None, story.now)
    assert story.courier.published == []


async def test_one_push_a_minute_and_the_newest_wins() -> None:
    story = Story()
    for seconds in (0, 10, 10, 10):
        story.world.clock.seconds += seconds
        story.notify()
        await story.tick(0)
    assert [name for _, name in story.courier.pushed] == ["n0000"]
    assert len(story.courier.published) == 4, "the channel has all"
    await story.tick(COLLAPSE.total_seconds() - 30)
    assert [name for _, name in story.courier.pushed] == ["n0000", "n0003"]
    assert all(row.fired_at for row in story.rows.values())
    assert [row.via for row in story.rows.values()] == ["push", "ably", "ably", "push"]


async def test_several_at_the_same_moment_are_one_push() -> None:
    story = Story()
    for _ in range(5):
        story.notify()
    await story.tick(0)
    assert [name for _, name in story.courier.pushed] == ["n0004"]


async def test_the_minute_counts_before_the_commit_too() -> None:
    story = Story()
    story.lost = 1
    story.notify()
    await story.tick(0)
    await story.tick(30)
    assert len(story.courier.pushed) == 1, "its reminder came again"


@pytest.mark.parametrize("step", ["publish", "push"])
async def test_a_service_that_is_down_is_asked_again_less_and_less_often(step: str) -> None:
    story = Story()
    story.courier.fails[step] = CourierDown()
    row = story.notify()
    waits, before = [], story.now
    while not row.fired_at:
        await story.run(row)
        waits.append((row.due_at - before).total_seconds())
        before = row.due_at
        story.world.clock.seconds = 1_000.0 + (row.due_at - START).total_seconds()
        if (story.now - START).total_seconds() > 3_600:
            story.courier.fails.clear()
    assert waits[:4] == [5.0, 5.0, 10.0, 20.0]
    assert max(waits) == 900.0
    assert story.courier.published == ["n0000"], "once, however often the push failed"
    assert [name for _, name in story.courier.pushed] == ["n0000"]
    assert row.via == "push"


async def test_after_a_day_it_is_dropped_and_stays_in_the_inbox() -> None:
    story = Story()
    story.courier.fails["publish"] = CourierDown()
    row = story.notify()
    for _ in range(200):
        await story.tick(DAY / 150)
    assert row.fired_at is not None
    assert DAY <= (row.fired_at - row.created_at).total_seconds() <= DAY + 900 + DAY / 150
    assert (row.via, story.courier.pushed) == ("inbox", [])


@pytest.mark.parametrize(("step", "via"), [("publish", "inbox"), ("push", "ably")])
async def test_what_is_refused_is_done(step: str, via: str) -> None:
    story = Story()
    story.courier.fails[step] = CourierRefused(40000)
    row = story.notify()
    await story.tick(0)
    assert (row.via, row.fired_at) == (via, story.now)


async def test_a_device_that_is_gone_is_told_by_its_digest() -> None:
    story = Story()
    story.courier.fails["push"] = DeviceGone()
    row = story.notify()
    await story.tick(0)
    assert (row.via, row.fired_at) == ("ably", story.now)
    assert story.taken[0].data.token_digest == digest(TOKEN)
    assert TOKEN not in repr(story.taken)


@pytest.mark.parametrize(
    ("token", "same"), [((TOKEN, "ios"), True), (("a-new-one", "ios"), False), (None, False)]
)
async def test_only_the_token_that_is_gone_is_cleared(
    token: tuple[str, str] | None, same: bool
) -> None:
    story = Story()
    story.token = token
    payload = {"digest": digest(TOKEN)}
    due = Due(id="d1", kind="device_gone", at=START, user_id=ANA, payload=payload)
    await forget_token(story.tools, story, due)
    assert [command.data.same for command in story.directory] == [same]


async def test_whose_rows_are_gone_is_told_nothing() -> None:
    story = Story()
    row = story.notify()
    gone = reminder(row)
    story.rows.clear()
    await story.pushes.push(story, SESSION, gone)
    [command] = story.taken
    assert (command.data.notification_id, command.data.retry_at) == (None, None)
    assert story.courier.published == []


@given(age=st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=2)))
def test_a_retry_is_never_at_once_and_never_far_off(age: timedelta) -> None:
    wait = retry_at(START, START + age) - (START + age)
    assert timedelta(seconds=5) <= wait <= timedelta(minutes=15)


ACTS = st.lists(
    st.sampled_from(["notify", "down", "up", "half", "restart", "lose", "read", "wait", "hour"]),
    max_size=40,
)


@given(acts=ACTS)
@settings(max_examples=150)
def test_whatever_happens_no_two_pushes_within_a_minute_and_all_end(acts: list[str]) -> None:
    asyncio.run(lived(acts))


async def lived(acts: list[str]) -> None:
    """Restarts and lost commits may send a push again: the phone replaces it by its session."""
    story = Story()
    hurt = 0
    for act in acts:
        match act:
            case "notify":
                story.notify()
            case "down" | "half":
                story.courier.fails["publish" if act == "down" else "push"] = CourierDown()
            case "up":
                story.courier.fails.clear()
            case "restart":
                story.restart()
                hurt += 1
            case "lose":
                story.lost = 1
            case "read" if story.rows:
                row = list(story.rows.values())[-1]
                row.read_at = row.read_at or story.now
            case "wait":
                await story.tick(7)
            case "hour":
                await story.tick(3_600)
        await story.tick(0)
    story.courier.fails.clear()
    for _ in range(4):
        await story.tick(2 * 3_600)
    assert all(row.fired_at for row in story.rows.values())
    times = [at for at, _ in story.courier.pushed]
    close = [a for a, b in pairwise(times) if b - a < COLLAPSE.total_seconds()]
    assert len(close) <= hurt, "only a host that died before its commit"
    if not hurt and "lose" not in acts:
        names = [name for _, name in story.courier.pushed]
        assert len(names) == len(set(names)), "none twice"
        assert len(story.courier.published) == len(set(story.courier.published))
