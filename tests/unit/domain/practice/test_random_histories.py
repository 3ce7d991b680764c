"""Random histories of one session: every promise of the package holds after every turn.

Sockets send what they like, calls end in words, in failures or twice, hosts crash, time passes and
staff look on. Beside the session a plain account is kept of what must have come of it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beheard_hub.domain.kernel import Command
from beheard_hub.domain.practice.internal import Timer
from beheard_hub.domain.practice.protocol import ENDS, LANES, Policy
from beheard_hub.domain.practice.state import Asker
from beheard_hub.domain.practice.vocabulary import EXCHANGE, FINAL, OK, STAFF, WARNING
from beheard_hub.domain.refusals import Code, Refusal
from tests.unit.domain.practice.rehearsal import ANNA, DAY, INVITATION, RITA, Rehearsal

CANARY = "canary"
TOKENS = 1_000
COSTS = st.tuples(st.integers(0, 300), st.integers(0, 300))
PASSING = st.sampled_from([timedelta(minutes=5), timedelta(hours=3), DAY, 10 * DAY, 31 * DAY])


class Watched(Rehearsal):
    """Checks each decision by itself."""

    def decide(self, command: Command) -> Any:
        before, was_over = self.state, self.state.status in FINAL
        answer = super().decide(command)
        assert CANARY.encode() not in self.kind.pack(self.state)
        assert self.kind.unpack(self.kind.pack(self.state)) == self.state
        assert self.loaded() == msgspec.structs.replace(self.state, late=None), command.name
        assert {notice.user_id for notice in self.last.notices} <= {ANNA}
        assert CANARY not in repr([notice.data for notice in self.last.notices])
        assert CANARY not in repr([due.payload for due in self.last.dues])
        if isinstance(answer, Refusal):
            assert CANARY not in repr(answer)
            assert self.state.total_messages == before.total_messages
            assert self.state.quota == before.quota
        if was_over:
            assert not self.last.notices, "told after the end"
            assert not self.last.dues
            assert self.state.total_messages == before.total_messages
            assert (self.state.status, self.state.ended_at) == (before.status, before.ended_at)
        return answer


class Histories(RuleBasedStateMachine):
    """The rules are what can happen; `charged` and `sent` are the account beside."""

    @initialize(
        invited=st.booleans(),
        limit=st.sampled_from([None, timedelta(hours=4), 2 * DAY]),
        expires=st.sampled_from([DAY, 20 * DAY, 90 * DAY]),
    )
    def begin(self, invited: bool, limit: timedelta | None, expires: timedelta) -> None:
        self.play = Watched(
            TOKENS, invited=invited, expires_in=expires, policy=Policy(time_limit=limit)
        )
        self.play.roles.of_user[RITA] = Asker(STAFF, invited=True)
        self.sent = 0
        self.charged: dict[str, int] = {}
        self.failed: set[str] = set()

    @property
    def over(self) -> bool:
        return self.play.state.status in FINAL

    def asked(self) -> list[str]:
        """Every reminder by which a lane was ever asked, the newest last."""
        return [row["id"] for row in self.play.tables.rows("hub.Reminder", kind=EXCHANGE)]

    # ---- what people do

    @rule()
    def send(self) -> None:
        exchange, left = self.play.state.exchange, self.play.state.quota.remaining
        answer = self.play.ask("practice.send", content=f"my {CANARY} says no")
        if isinstance(answer, Refusal):
            busy = exchange is not None and not exchange.failed
            expected = Code.CONFLICT if busy else Code.QUOTA_EXHAUSTED
            assert self.over or answer.code is expected
            assert self.over or busy or left == 0
        else:
            assert left > 0
            assert exchange is None or exchange.failed
            self.sent += 1

    @rule()
    def retry(self) -> None:
        exchange = self.play.state.exchange
        answer = self.play.ask("practice.retry")
        may = not self.over and exchange is not None and exchange.failed
        assert isinstance(answer, Refusal) is not may
        if may:
            assert exchange is not None
            assert self.play.under_way().message_id == exchange.message_id
            assert self.play.under_way().lane == exchange.lane

    @precondition(lambda self: self.sent > 2)
    @rule()
    def complete(self) -> None:
        self.play.ask("practice.complete")
        assert self.over

    @rule(by=st.sampled_from([ANNA, RITA, "mallory"]), name=st.sampled_from(["get", "messages"]))
    def read(self, by: str, name: str) -> None:
        answer = self.play.ask(f"practice.{name}", by=by)
        invited = self.play.state.invitation_id is not None
        assert isinstance(answer, Refusal) is not (by == ANNA or (by == RITA and invited))

    # ---- what becomes of calls

    @precondition(lambda self: self.play.asking())
    @rule(cost=COSTS)
    def reply(self, cost: tuple[int, int]) -> None:
        [reminder] = self.play.asking()
        self.play.reply(f"a {CANARY} answers", cost)
        self.charged[reminder] = sum(cost)

    @precondition(lambda self: self.play.asking())
    @rule(retryable=st.booleans())
    def fail(self, retryable: bool) -> None:
        [reminder] = self.play.asking()
        self.play.fail(retryable=retryable)
        self.failed.add(reminder)

    @precondition(lambda self: self.asked())
    @rule(cost=COSTS, data=st.data())
    def reply_again(self, cost: tuple[int, int], data: st.DataObject) -> None:
        """Of any call there ever was: one that was charged or failed is not charged again."""
        settled = [*self.charged, *self.failed]
        if settled:
            self.play.reply(f"a {CANARY} echoes", cost, to=data.draw(st.sampled_from(settled)))

    @precondition(lambda self: self.play.state.late is not None)
    @rule(cost=COSTS)
    def reply_late(self, cost: tuple[int, int]) -> None:
        reminder = self.play.state.late
        assert reminder is not None
        self.play.reply(f"a {CANARY} is late", cost, to=reminder)
        self.charged[reminder] = sum(cost)

    @precondition(lambda self: self.failed)
    @rule(data=st.data())
    def fail_again(self, data: st.DataObject) -> None:
        self.play.fail(to=data.draw(st.sampled_from(sorted(self.failed))))

    # ---- what happens anyway

    @rule()
    def crash(self) -> None:
        self.play.state = self.play.loaded()

    @rule(passing=PASSING)
    def time_passes(self, passing: timedelta) -> None:
        self.play.now += passing

    @rule()
    def timers_fire(self) -> None:
        due = [
            row
            for row in self.play.tables.rows("hub.Reminder", firedAt=None)
            if row["kind"] != EXCHANGE and row["dueAt"] <= self.play.now
        ]
        for row in due:
            timer = Timer(reminder_id=row["id"], kind=row["kind"])
            self.play.internal("internal.practice_timer", timer)

    @precondition(lambda self: self.sent > 1 and self.play.state.invitation_id == INVITATION)
    @rule()
    def revoke(self) -> None:
        self.play.revoke()
        assert self.over

    # ---- promises

    @invariant()
    def one_exchange_and_one_call_at_most(self) -> None:
        exchange = self.play.state.exchange
        asking = self.play.asking()
        assert asking == ([] if exchange is None or exchange.failed else [exchange.reminder])
        assert not (self.over and exchange is not None)

    @invariant()
    def nothing_is_stored_twice_or_out_of_turn(self) -> None:
        roles = [role for role, _ in self.play.messages()]
        assert roles.count("user") == self.sent
        assert len(roles) == self.play.state.total_messages
        turns = "".join(role[0] for role in roles).split("u")[1:]
        spoken = "".join(lane[0] for lane in LANES)
        assert all(spoken.startswith(turn) for turn in turns)
        assert self.play.names().count("practice.message") == len(roles)
        assert self.play.names().count("practice.exchange_complete") == turns.count(spoken)

    @invariant()
    def every_successful_call_is_charged_once(self) -> None:
        used = self.play.state.quota.used
        logged = self.play.tables.rows("practice.UsageLog")
        assert used == sum(self.charged.values())
        assert len(logged) == len(self.charged)
        assert used == sum(row["inputTokens"] + row["outputTokens"] for row in logged)

    @invariant()
    def the_servers_telemetry_agrees(self) -> None:
        names = [name for name, _ in self.play.counted()]
        assert names.count("message_sent") == self.sent
        assert names.count("stream_completed") == len(self.charged)
        assert names.count("stream_error") == self.play.names().count("practice.failed")
        assert names.count("conversation_ended") == self.over
        assert CANARY not in repr(self.play.counted())

    @invariant()
    def more_than_the_quota_is_used_by_one_exchange_at_most(self) -> None:
        costs = list(self.charged.values())
        assert sum(costs[: -len(LANES)]) < TOKENS

    @invariant()
    def each_fall_of_the_quota_is_told_once(self) -> None:
        states = [one["state"] for one in self.play.events("practice.quota")]
        assert OK not in states
        assert states == list(dict.fromkeys(states)), "twice"
        assert states == sorted(states, key=lambda state: state != WARNING), "upwards"
        if not self.over and self.play.state.quota.level != OK:
            assert states[-1] == self.play.state.quota.level

    @invariant()
    def an_end_has_its_reason_and_its_time(self) -> None:
        row, told = self.play.stored(), self.play.events("practice.ended")
        assert row["status"] == self.play.state.status
        assert len(told) == self.over
        if self.over:
            assert row["status"] == ENDS[told[0]["reason"]].status
            assert row["startedAt"] <= row["endedAt"] <= self.play.now
            seconds = (row["endedAt"] - row["startedAt"]).total_seconds()
            assert row["durationSeconds"] == int(seconds)
            assert self.play.names()[-1] == "practice.ended"
        else:
            assert (row["endedAt"], row["durationSeconds"]) == (None, None)


Histories.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestRandomHistories = Histories.TestCase
