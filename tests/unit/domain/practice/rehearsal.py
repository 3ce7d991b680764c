"""One practice session without a host: commands in, decisions applied to tables in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec

from beheard_hub.domain.kernel import Command, Decision, Due, Insert, Loaded, Reply
from beheard_hub.domain.practice.internal import Failed, Replied, Revoked, Timer
from beheard_hub.domain.practice.kind import PracticeKind
from beheard_hub.domain.practice.opening import Invited, opened
from beheard_hub.domain.practice.protocol import LANES, Policy
from beheard_hub.domain.practice.state import Asker, Exchange, Quota, State
from beheard_hub.domain.practice.vocabulary import EXCHANGE, GUEST, USER
from beheard_hub.domain.refusals import Code, Refusal
from beheard_hub.testing.memory_tables import MemoryTables
from tests.unit.domain.play import CountingIds

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ANNA = "anna"
"""The participant."""
RITA = "rita"
"""The researcher who made the invitation."""
INVITATION = "v1"
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
NO_USAGE = {"inputTokens": 0, "outputTokens": 0, "totalTokens": 0}


class CountingNumbers:
    """Numbers of all kinds from one row, with gaps between sessions and messages."""

    def __init__(self) -> None:
        self._next = count(1)

    def number(self, of: str) -> int:
        assert of in ("session", "message", "scenario")
        return next(self._next)


class Roles:
    """Who is what; everybody else is a guest."""

    def __init__(self) -> None:
        self.of_user: dict[str, Asker] = {}

    def of(self, user_id: str) -> Mapping[str, Any]:
        """As a host reads it."""
        found: Mapping[str, Any] = msgspec.to_builtins(self.of_user.get(user_id, Asker(GUEST)))
        return found


class Rehearsal:
    """One session, begun at `START`."""

    def __init__(
        self,
        tokens: int = 1_000,
        *,
        invited: bool = True,
        observed: bool = True,
        expires_in: timedelta = 60 * DAY,
        policy: Policy | None = None,
    ) -> None:
        self.ids, self.numbers, self.commands = CountingIds(), CountingNumbers(), count(1)
        self.roles, self.policy = Roles(), policy or Policy()
        self.roles.of_user[ANNA] = Asker(GUEST if invited else USER)
        self.kind = PracticeKind(self.numbers, self.policy)
        self.now = START
        self.tables = MemoryTables()
        self.told: list[tuple[str, Mapping[str, Any]]] = []
        self.last: Decision[State]
        row = None
        if invited:
            row = {"id": INVITATION, "observed": observed, "expiresAt": START + expires_in}
            more = {"quota": {"tokens": tokens}, "usage": NO_USAGE, "revokedAt": None}
            self.tables.insert(Insert("practice.Invitation", {**row, **more}))
        made = opened(
            user_id=ANNA,
            scenario_id=3,
            given=Quota(tokens),
            label=None,
            invited=Invited(id=INVITATION, observed=observed, expires_at=START + expires_in)
            if invited
            else None,
            policy=self.policy,
            now=START,
            ids=self.ids,
            numbers=self.numbers,
        )
        session, *others = made.rows
        values = {"endedAt": None, "durationSeconds": None, "usage": NO_USAGE, **session.values}
        self.tables.insert(Insert(session.table, values))
        self.tables.apply(others)
        for due in made.dues:
            self.tables.remind(due, due.session_id)
        self.opening: list[Due] = made.dues
        self.state = made.state

    # ---- commands

    def decide(self, command: Command) -> Any:
        """One turn; everything it wants stored is stored."""
        before = self.kind.pack(self.state)
        decision = self.kind.decide(self.state, command, self.now, self.ids)
        assert self.kind.pack(self.state) == before, "decide changed the state it was given"
        self.last, self.state = decision, decision.state
        self.tables.commit(self.state.id, decision, self.now)
        self.told.extend((notice.name, notice.data) for notice in decision.notices)
        return decision.answer

    def ask(self, name: str, *, by: str = ANNA, **data: Any) -> Any:
        """The answer of a command: a Reply's data, a Read, or a Refusal."""
        self.now += SECOND
        clean = self.kind.validate(name, data)
        if isinstance(clean, Refusal):
            return clean
        number = f"c{next(self.commands)}"
        answer = self.decide(
            Command(
                id=number,
                name=name,
                user_id=by,
                data=clean,
                session_id=self.state.id,
                asker=self.roles.of(by),
            )
        )
        return answer.data if isinstance(answer, Reply) else answer

    def do(self, name: str, *, by: str = ANNA, **data: Any) -> Any:
        """A command that must be accepted."""
        answer = self.ask(name, by=by, **data)
        assert not isinstance(answer, Refusal), (name, answer)
        return answer

    def refused(self, name: str, *, by: str = ANNA, **data: Any) -> Code:
        """A command that must be refused."""
        answer = self.ask(name, by=by, **data)
        assert isinstance(answer, Refusal), (name, answer)
        return answer.code

    def send(self, content: str = "I would like to talk") -> Any:
        """A message that begins an exchange."""
        return self.do("practice.send", content=content)

    # ---- what the hub itself says

    def internal(self, name: str, data: Any) -> None:
        """A command of the hub."""
        self.now += SECOND
        assert self.decide(Command(id="x", name=name, user_id="", data=data)) is None

    @property
    def reminder(self) -> str:
        """By which a lane is asked now."""
        assert self.state.exchange is not None
        assert self.state.exchange.reminder is not None
        return self.state.exchange.reminder

    def reply(
        self, content: str = "I hear you", cost: tuple[int, int] = (60, 40), *, to: str = ""
    ) -> None:
        """The lane that is asked speaks; or the one that was asked by `to`."""
        reminder = to or self.reminder
        data = Replied(
            reminder_id=reminder,
            lane=self.asked_lane(reminder),
            content=content,
            model="offline-1",
            input_tokens=cost[0],
            output_tokens=cost[1],
        )
        self.internal("internal.practice_replied", data)

    def asked_lane(self, reminder: str) -> str:
        """Which lane a reminder asks, by its row."""
        [row] = self.tables.rows("hub.Reminder", id=reminder)
        return str(row["payload"]["lane"])

    def fail(self, *, to: str = "", retryable: bool = True) -> None:
        """The lane that is asked has no words."""
        reminder = to or self.reminder
        lane = self.asked_lane(reminder)
        self.internal(
            "internal.practice_failed",
            Failed(reminder_id=reminder, lane=lane, retryable=retryable),
        )

    def exchange(self, cost: tuple[int, int] = (60, 40)) -> None:
        """A whole one; each lane costs that much."""
        self.send()
        for _ in LANES:
            self.reply(cost=cost)

    def timer(self, kind: str) -> None:
        """The time of a reminder has come; the newest of that kind fires."""
        row = self.tables.rows("hub.Reminder", kind=kind)[-1]
        self.internal("internal.practice_timer", Timer(reminder_id=row["id"], kind=kind))

    def revoke(self, at: datetime | None = None) -> None:
        """The invitation is taken back."""
        row = self.tables.rows("practice.Invitation")[0]
        row["revokedAt"] = when = row["revokedAt"] or at or self.now
        self.internal("internal.practice_revoked", Revoked(reminder_id="none", at=when))

    # ---- looking

    def names(self) -> list[str]:
        """Names of all events told so far."""
        return [name for name, _ in self.told]

    def events(self, name: str) -> list[Mapping[str, Any]]:
        """Data of the events of a name."""
        return [data for told, data in self.told if told == name]

    def stored(self) -> dict[str, Any]:
        """The row of the session."""
        [row] = self.tables.rows("practice.ConversationSession")
        return row

    def messages(self) -> list[tuple[str, str]]:
        """Role and content of all messages stored."""
        return [(row["role"], row["content"]) for row in self.tables.rows("practice.Message")]

    def counted(self) -> list[tuple[str, dict[str, Any]]]:
        """Names and properties of the server's telemetry."""
        rows = self.tables.rows(
            "practice.TelemetryEvent", userId=ANNA, sessionId=int(self.state.id)
        )
        return [(row["name"], row["properties"]) for row in rows]

    def asking(self) -> list[str]:
        """Reminders by which a lane is asked that have not fired."""
        rows = self.tables.rows("hub.Reminder", kind=EXCHANGE, firedAt=None)
        return [row["id"] for row in rows]

    def under_way(self) -> Exchange:
        """The exchange that is not complete."""
        assert self.state.exchange is not None
        return self.state.exchange

    def loaded(self) -> State:
        """The state as a host would load it after a crash, through JSON as it comes."""
        session = self.stored()
        invitations = self.tables.rows("practice.Invitation")
        counted = invitations[0] if invitations else session
        said = self.tables.rows("practice.Message")
        facts = {
            "session": {**session, "lastAt": said[-1]["timestamp"] if said else None},
            "invitation": invitations[0] if invitations else None,
            "quota": counted["quota"],
            "usage": counted["usage"],
            "exchange": self._newest(said),
            "reminders": self.tables.rows("hub.Reminder", firedAt=None),
        }
        plain = msgspec.json.decode(msgspec.json.encode(facts))
        return self.kind.load(Loaded(session_id=self.state.id, facts=plain))

    def _newest(self, said: list[dict[str, Any]]) -> dict[str, Any] | None:
        asked = [row["id"] for row in said if row["role"] == "user"]
        if not asked:
            return None
        answers = {row["role"]: row["id"] for row in said if row["id"] > asked[-1]}
        return {
            "userMessageId": asked[-1],
            "partnerMessageId": answers.get("partner"),
            "coachMessageId": answers.get("coach"),
        }
